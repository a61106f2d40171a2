"""Begins the folders of snapshots and clips that an export was asked for. Owned by the writing thread."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

from app.core.highlights.clips import ClipFolder, ClipPlan
from app.core.highlights.options import HighlightOptions
from app.core.highlights.reread import FrameRereader
from app.core.highlights.snapshots import SnapshotFolder
from app.core.muxing.video_options import ContainerKind, VideoOptions
from app.core.records.frame_record import RecordWriter
from app.core.settings import OverlaySettings
from app.core.sources.image_sequence import open_frames


def open_highlights(
    options: HighlightOptions,
    source: Path,
    start_s: Fraction,
    look: OverlaySettings,
    video: VideoOptions,
    container: ContainerKind,
    check: Callable[[], None] = lambda: None,
) -> list[RecordWriter]:
    """The writers of what ``options`` ask for.

    Args:
        options: Which folders, of which classes.
        source: The video.
        start_s: Container time of its first frame.
        look: How boxes look.
        video: How the frames are read, and clips are written.
        container: The container of the clips.
        check: See ``FrameRereader``.

    Raises:
        AppError: A folder cannot be written; none is left.
    """
    open_source = partial(open_frames, source, video.deinterlace, video.images_per_s)
    writers: list[RecordWriter] = []
    try:
        if options.snapshots is not None:
            reread = FrameRereader(open_source, check)
            writers.append(SnapshotFolder(options.snapshots, source.stem, options.snapshot_classes, look, reread))
        if options.clips is not None:
            plan = ClipPlan(
                source=source,
                start_s=start_s,
                classes=options.clip_classes,
                before_s=options.before_s,
                after_s=options.after_s,
                look=look,
                video=video,
                suffix=container.suffixes[0],
                shows_tracks=options.tracks,
            )
            writers.append(ClipFolder(options.clips, plan, FrameRereader(open_source, check)))
    except BaseException:
        for writer in writers:
            writer.discard()
        raise
    return writers
