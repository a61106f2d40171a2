"""Facts about a media file in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.files.disk import size_text
from app.ui.widgets.quantity_text import TIMES, duration_text

if TYPE_CHECKING:  # its readers load PyAV
    from app.core.media_facts import MediaFacts


def media_text(facts: MediaFacts) -> str:
    """Returns text such as "1280 × 720  ·  29.97 fps  ·  0:12  ·  h264  ·  1 audio track (aac, stereo)"."""
    info = facts.info
    parts = [f"{info.width} {TIMES} {info.height}"]
    if info.fps:
        parts.append(f"{float(info.fps):.4g} fps")
    if info.duration_s:
        parts.append(duration_text(float(info.duration_s)))
    if info.kind == "folder":
        return "  ·  ".join([*parts, f"{info.frame_count} images", size_text(facts.size_bytes)])
    if facts.codec:
        parts.append(facts.codec)
    if facts.audio:
        count = "1 audio track" if len(facts.audio) == 1 else f"{len(facts.audio)} audio tracks"
        parts.append(f"{count} ({'; '.join(dict.fromkeys(facts.audio))})")
    else:
        parts.append("no sound")
    if facts.subtitles:
        parts.append(f"{facts.subtitles} subtitle track{'s' if facts.subtitles > 1 else ''}")
    parts.append(size_text(facts.size_bytes))
    return "  ·  ".join(parts)
