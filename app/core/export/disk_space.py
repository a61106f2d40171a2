"""Whether what an export makes will fit on the disk: an estimate before it begins. A full disk is met by ``gate``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.core.errors import AppError
from app.core.export.gate import free_bytes
from app.core.export.request import ExportRequest

# Bits of encoded video per pixel at each quality, generously, and never more than some times the source.
_BITS = {"draft": 0.08, "good": 0.15, "best": 0.3}
_TIMES_THE_SOURCE = 3
_RECORD_BYTES, _KEPT_BYTES = 1500, 1500  # a frame, in a data file and in the store
_FRAME_BYTES = 8  # of a source, at the least for each frame, container and all
_HOPELESS = 4


def expected_bytes(request: ExportRequest, frames: int | None, frame_bytes: int) -> int:
    """About how large all files of an export become.

    Args:
        request: What is made.
        frames: How many; None when unknown.
        frame_bytes: Size of one decoded frame, three bytes a pixel.
    """
    try:
        source = request.source.stat().st_size if request.source.is_file() else 0
    except OSError:
        source = 0
    if frames is not None and source:
        frames = min(frames, source // _FRAME_BYTES + 1)  # the number may be reckoned from a clock that is wrong
    total = source * _TIMES_THE_SOURCE
    if frames is not None:
        video = int(frames * (frame_bytes / 3) * _BITS.get(request.video.quality, _BITS["best"]) / 8)
        total = min(video, total) if source else video
    if request.output is None:
        total = 0
    kept = 0 if request.cache == "only" else kept_bytes(frames or 0)
    return total + kept + _RECORD_BYTES * len(request.data) * (frames or 0)


def kept_bytes(frames: int) -> int:
    """About how much the detections of so many frames take that are kept."""
    return _KEPT_BYTES * frames


def check_room(
    request: ExportRequest,
    folder: Path,
    frames: int | None,
    frame_bytes: int,
    free: Callable[[Path], int | None] = free_bytes,
) -> str:
    """A warning where there may not be enough room; "" where there is, or where it cannot be told.

    Raises:
        AppError: There is so little that beginning makes no sense.
    """
    needed, room = expected_bytes(request, frames, frame_bytes), free(folder)
    if room is None or room >= needed:
        return ""
    words = f"About {in_words(needed)} are needed on {folder}, and {in_words(room)} are free"
    if room * _HOPELESS < needed:
        raise AppError(f"{words}.", "Free some space, or write to another disk.")
    return f"{words}: the export may have to wait for room."


def in_words(size: int) -> str:
    """Bytes for people: "1.4 GB"."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "bytes" else f"{amount:.1f} {unit}"
