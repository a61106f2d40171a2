"""Figures in words: speed, age, drops, device. Pure functions; the window decides where they stand."""

from __future__ import annotations

from app.core.frames import SourceInfo
from app.core.stats import LiveStats

TIMES = "\u00d7"
"""The multiplication sign, between width and height."""


def rate(value: float) -> str:
    """Such as "29.9", "0.4", "120"."""
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}"


def badge(stats: LiveStats) -> str:
    """Words of the badge on the picture; "" while nothing has run."""
    if stats.detector_fps > 0:
        return f"{rate(stats.detector_fps)} fps  ·  {stats.latency_p50_ms:.0f} ms"
    if stats.screen_fps > 0:
        return f"{rate(stats.screen_fps)} fps"
    return ""


def cells(stats: LiveStats, live: bool) -> dict[str, str]:
    """Words of the status bar's cells."""
    return {
        "camera": f"{'Camera' if live else 'Source'} {rate(stats.camera_fps)} fps" if stats.camera_fps else "",
        "detector": f"Detector {rate(stats.detector_fps)} fps" if stats.detector_fps else "",
        "screen": f"Screen {rate(stats.screen_fps)} fps" if stats.screen_fps else "",
        "age": f"Delay {stats.frame_age_p50_ms:.0f} ms" if stats.screen_fps else "",
        "drops": f"{stats.drops} {'frame' if stats.drops == 1 else 'frames'} skipped" if stats.drops else "",
    }


def delay_tip(stats: LiveStats) -> str:
    """Explains the cell "age", with the spread that the cell has no room for."""
    return (
        "Delay of the frame on screen, from the device to the paint: "
        f"median {stats.frame_age_p50_ms:.0f} ms, 95% within {stats.frame_age_p95_ms:.0f} ms"
    )


def source_words(info: SourceInfo) -> str:
    """Such as "car.mp4  ·  1280 × 720"."""
    return f"{shorten(info.name, 40)}  ·  {info.width} {TIMES} {info.height}"


def shorten(words: str, most: int) -> str:
    """Cut in the middle, so that both the start and the ending of a file name stay."""
    if len(words) <= most:
        return words
    head = (most - 1) // 2
    return f"{words[:head]}…{words[-(most - 1 - head) :]}"
