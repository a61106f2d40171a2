"""From found videos and one set of wishes to a request for each. Looks at the disk for free names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.core.export.request import CachePolicy, ExportRequest
from app.core.export.targets import data_beside, default_output
from app.core.export_queue.video_search import FoundVideo
from app.core.highlights.options import Evidence
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings, ModelSettings, OverlaySettings


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is wanted of every video.

    Attributes:
        folder: Where the files go, in folders as the videos lie in; None for beside each video.
        video: Whether annotated videos are wanted.
        data: Formats of data files.
        model: Which detector, where.
        detection: Threshold, overlap, classes.
        overlay: How boxes look.
        options: Quality, encoder and deinterlacing of the videos.
        cache: As ``ExportRequest.cache``.
        evidence: What is made of the objects; of its folders only the endings count.
    """

    folder: Path | None = None
    video: bool = True
    data: tuple[str, ...] = ()
    model: ModelSettings = field(default_factory=ModelSettings)
    detection: DetectionSettings = field(default_factory=DetectionSettings)
    overlay: OverlaySettings = field(default_factory=OverlaySettings)
    options: VideoOptions = field(default_factory=VideoOptions)
    cache: CachePolicy = "keep"
    evidence: Evidence = field(default_factory=Evidence)


def requests_for(videos: Iterable[FoundVideo], recipe: Recipe) -> Iterator[ExportRequest]:
    """A request for each, named as a single export names its files."""
    for video in videos:
        folder = None if recipe.folder is None else recipe.folder / video.folder
        output = default_output(video.path, folder)
        yield ExportRequest(
            source=video.path,
            output=output if recipe.video else None,
            data=tuple(data_beside(output, name) for name in recipe.data),
            model=recipe.model,
            detection=recipe.detection,
            overlay=recipe.overlay,
            video=recipe.options,
            cache=recipe.cache,
            evidence=recipe.evidence.renamed(lambda path, beside=output: beside.with_name(beside.stem + path.suffix)),  # type: ignore[misc] # mypy knows no default here
        )
