"""Figures of the live view in words: speed, delay, frames skipped. Pure; the window decides where they stand."""

from __future__ import annotations

from app.core.stats import LiveStats
from app.ui.widgets.quantity_text import TIMES, rate_text, shorten

KINDS = {
    "camera": "Camera",
    "video": "Video",
    "stream": "Stream",
    "screen": "Screen",
    "image": "Image",
    "folder": "Images",
}
"""What a source is, for people, by ``SourceInfo.kind``."""


def badge(stats: LiveStats) -> str:
    """Returns the text of the badge on the frame; "" while nothing has run."""
    if stats.detector_fps > 0:
        return f"{rate_text(stats.detector_fps)} fps  ·  {stats.latency_p50_ms:.0f} ms"
    if stats.screen_fps > 0:
        return f"{rate_text(stats.screen_fps)} fps"
    return ""


def cells(stats: LiveStats, camera: bool) -> dict[str, str]:
    """Returns the text of the status bar's cells; ``camera``: it is one, in this computer or elsewhere."""
    return {
        "camera": f"{'Camera' if camera else 'Source'} {rate_text(stats.camera_fps)} fps" if stats.camera_fps else "",
        "detector": f"Detector {rate_text(stats.detector_fps)} fps" if stats.detector_fps else "",
        "screen": f"Screen {rate_text(stats.screen_fps)} fps" if stats.screen_fps else "",
        "age": f"Delay {stats.frame_age_p50_ms:.0f} ms" if stats.screen_fps else "",
        "drops": f"{stats.drops} {'frame' if stats.drops == 1 else 'frames'} skipped" if stats.drops else "",
    }


def still_cells(detect_ms: float) -> dict[str, str]:
    """Returns the same for a still image: nothing of it comes at a rate."""
    return dict.fromkeys(cells(LiveStats(), camera=False), "") | {
        "detector": f"Detector {detect_ms:.0f} ms" if detect_ms > 0 else ""
    }


def delay_tip(stats: LiveStats) -> str:
    """Explains the cell "age", with the spread that the cell has no room for."""
    return (
        "Delay of the frame on screen, from the device to the paint: "
        f"median {stats.frame_age_p50_ms:.0f} ms, 95% within {stats.frame_age_p95_ms:.0f} ms"
    )


def source_text(name: str, width: int, height: int) -> str:
    """Returns text such as "car.mp4  ·  1280 × 720"."""
    return f"{shorten(name, 40)}  ·  {width} {TIMES} {height}"
