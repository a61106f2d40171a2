"""Begins the folders of snapshots and clips that an export was asked for. Owned by the writing thread."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from app.core.highlights.clips import ClipFolder, ClipPlan
from app.core.highlights.reread import FrameRereader
from app.core.highlights.snapshots import SnapshotFolder
from app.core.muxing.video_options import MP4, container_of
from app.core.records.frame_record import RecordWriter
from app.core.sources.image_sequence import open_frames

if TYPE_CHECKING:
    from app.core.export.request import ExportRequest


def open_highlights(
    request: ExportRequest, start_s: Fraction, check: Callable[[], None] = lambda: None
) -> list[RecordWriter]:
    """What ``request.highlights`` asks for.

    Args:
        request: The export.
        start_s: Container time of the video's first picture.
        check: See ``FrameRereader``.

    Raises:
        AppError: A folder cannot be written; none is left.
    """
    wanted = request.highlights
    look_again = partial(open_frames, request.source, request.video.deinterlace, request.video.images_per_s)
    writers: list[RecordWriter] = []
    try:
        if wanted.snapshots is not None:
            name, classes = request.source.stem, wanted.snapshot_classes
            shots = SnapshotFolder(wanted.snapshots, name, classes, request.overlay, FrameRereader(look_again, check))
            writers.append(shots)
        if wanted.clips is not None:
            container = (container_of(request.output) if request.output is not None else None) or MP4
            plan = ClipPlan(
                source=request.source,
                start_s=start_s,
                classes=wanted.clip_classes,
                before_s=wanted.before_s,
                after_s=wanted.after_s,
                look=request.overlay,
                video=request.video,
                suffix=container.suffixes[0],
                shows_tracks=wanted.tracks,
            )
            writers.append(ClipFolder(wanted.clips, plan, FrameRereader(look_again, check)))
    except BaseException:
        for writer in writers:
            writer.discard()
        raise
    return writers
