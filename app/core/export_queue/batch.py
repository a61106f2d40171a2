"""One set of options for many videos, and the request of each. Looks at the disk for free names and masks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.core.events.scene_store import SceneStore
from app.core.export.request import CachePolicy, ExportRequest
from app.core.export.targets import data_beside, default_output
from app.core.export_queue.video_search import FoundVideo
from app.core.highlights.options import HighlightOptions
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings, ModelSettings, OverlaySettings


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """The options that all videos of a batch share.

    Attributes:
        folder: Where the files go, in folders as the videos lie in; None for beside each video.
        video: Whether annotated videos are wanted.
        data: Formats of data files.
        model: Which detector, where.
        detection: Threshold, overlap, classes.
        overlay: How boxes look.
        options: Quality, encoder and deinterlacing of the videos.
        cache: As ``ExportRequest.cache``.
        highlights: What is made of the objects; of its folders only the endings count.
        detect_every: As ``ExportRequest.detect_every``.
        masked: Whether each ignores what lies in the masks drawn on it.
    """

    folder: Path | None = None
    video: bool = True
    data: tuple[str, ...] = ()
    model: ModelSettings = field(default_factory=ModelSettings)
    detection: DetectionSettings = field(default_factory=DetectionSettings)
    overlay: OverlaySettings = field(default_factory=OverlaySettings)
    options: VideoOptions = field(default_factory=VideoOptions)
    cache: CachePolicy = "keep"
    highlights: HighlightOptions = field(default_factory=HighlightOptions)
    detect_every: int = 1
    masked: bool = False


def batch_requests(videos: Iterable[FoundVideo], batch: BatchOptions) -> Iterator[ExportRequest]:
    """A request for each, named as a single export names its files."""
    drawn = SceneStore()
    for video in videos:
        folder = None if batch.folder is None else batch.folder / video.folder
        output = default_output(video.path, folder)
        yield ExportRequest(
            source=video.path,
            output=output if batch.video else None,
            data=tuple(data_beside(output, name) for name in batch.data),
            model=batch.model,
            detection=batch.detection,
            overlay=batch.overlay,
            video=batch.options,
            cache=batch.cache,
            highlights=batch.highlights.renamed(partial(_named_like, output)),
            detect_every=batch.detect_every,
            masks=drawn.scene_of(str(video.path)).masks if batch.masked else (),
        )


def _named_like(output: Path, path: Path) -> Path:
    """The name of ``output`` with the ending of ``path``."""
    return output.with_name(output.stem + path.suffix)
