"""Whether what an export makes will fit on the disk: an estimate before it begins. A full disk is met by ``gate``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import AppError
from app.core.export.request import ExportRequest
from app.core.files.disk import MIN_ROOM, DiskSpace, disk_space, size_text

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
    """About how much the detections of that many frames take that are kept."""
    return _KEPT_BYTES * frames


@dataclass(frozen=True, slots=True)
class RoomCheck:
    """The answer to whether an export will fit, as far as that can be told.

    Attributes:
        reserve: Bytes that it leaves to other programs; None for what its disks leave by themselves.
        warning: What the user should know; "" where there is room enough.
    """

    reserve: int | None = None
    warning: str = ""


def check_room(
    request: ExportRequest,
    folder: Path,
    frames: int | None,
    frame_bytes: int,
    space: Callable[[Path], DiskSpace | None] = disk_space,
) -> RoomCheck:
    """Estimates whether what an export makes fits beside the reserve; what fits without it may use it.

    Raises:
        AppError: There is so little room that beginning makes no sense.
    """
    needed, disk = expected_bytes(request, frames, frame_bytes), space(folder)
    if disk is None or disk.free >= needed + disk.reserve:
        return RoomCheck()
    text = f"About {size_text(needed)} are needed on {folder}, and {size_text(disk.free)} are free"
    if disk.free * _HOPELESS < needed:
        raise AppError(f"{text}.", "Free some space, or write to another disk.")
    if disk.free >= needed:
        reserve = max(MIN_ROOM, disk.free - needed)
        return RoomCheck(reserve, f"{text}: little more than {size_text(disk.free - needed)} will be left.")
    wait = "the export may have to wait for room"
    return RoomCheck(None, f"{text}: {wait}, as it leaves {size_text(disk.reserve)} to other programs.")
