"""Facts about a file, and how long something takes, in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ui.live_text import TIMES

if TYPE_CHECKING:  # its readers load PyAV
    from app.core.media_facts import MediaFacts


def media_words(facts: MediaFacts) -> str:
    """Such as "1280 × 720  ·  29.97 fps  ·  0:12  ·  h264  ·  1 audio track (aac, stereo)"."""
    info = facts.info
    parts = [f"{info.width} {TIMES} {info.height}"]
    if info.fps:
        parts.append(f"{float(info.fps):.4g} fps")
    if info.duration_s:
        parts.append(span(float(info.duration_s)))
    if info.kind == "folder":
        return "  ·  ".join([*parts, f"{info.frame_count} images", size(facts.size_bytes)])
    if facts.codec:
        parts.append(facts.codec)
    if facts.audio:
        count = "1 audio track" if len(facts.audio) == 1 else f"{len(facts.audio)} audio tracks"
        parts.append(f"{count} ({'; '.join(dict.fromkeys(facts.audio))})")
    else:
        parts.append("no sound")
    if facts.subtitles:
        parts.append(f"{facts.subtitles} subtitle track{'s' if facts.subtitles > 1 else ''}")
    parts.append(size(facts.size_bytes))
    return "  ·  ".join(parts)


def span(seconds: float) -> str:
    """Such as "0:07", "12:05", "1:02:03"."""
    minutes, s = divmod(round(max(0.0, seconds)), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"


def waiting(seconds: float) -> str:
    """A wait: "a few seconds", "40 s", "3 min", "2 h 10 min"."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def size(count: int) -> str:
    """Such as "2.8 MB"."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return ""
