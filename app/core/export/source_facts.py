"""Facts an export needs before it begins, about its source and its model. Any thread."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from app.core.candidate_cache.lookup import CachedDetections, find_cached
from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store_facts import SourceKey, StoreFacts
from app.core.export.request import ExportRequest
from app.core.export.targets import cache_folders
from app.core.export.tracking_filter import filter_for_tracking
from app.core.file_types import is_sequence
from app.core.models import weights_sha256
from app.core.sources.alpha_decoder import usual_reading
from app.core.sources.image_sequence import FrameReader, open_frames
from detector.detections import floor_for
from detector.model_file import MODEL_SUFFIX
from detector.runtime.base import Detector


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Facts the source states before it is read.

    Attributes:
        start_s: Container time of the first frame.
        frame_count: Frames that the file says it shows; None when it does not.
        frames_expected: The same, or reckoned from length and rate; for the progress bar only.
        frame_bytes: Size of one decoded frame.
        lead_s: How long the file runs, with its sound, before the first frame.
        fps: Nominal frames per second; None when unknown.
    """

    start_s: Fraction
    frame_count: int | None
    frames_expected: int | None
    frame_bytes: int
    lead_s: Fraction = Fraction(0)
    fps: Fraction | None = None


def open_export_source(request: ExportRequest) -> FrameReader:
    """The reader of what is to be exported.

    Raises:
        AppError: It cannot be read.
    """
    return open_frames(request.source, request.video.deinterlace, request.video.images_per_s)


def read_source_facts(request: ExportRequest) -> SourceFacts:
    """Open the source for a moment, to know that it is a video and how large.

    Raises:
        AppError: It is none, or cannot be read.
    """
    reader = open_export_source(request)
    try:
        info = reader.info
        size = info.width * info.height * 3
        return SourceFacts(reader.start_s, info.frame_count, info.frames_expected, size, reader.lead_s, info.fps)
    finally:
        reader.close()


def new_store_facts(
    request: ExportRequest,
    source: SourceKey,
    detector: Detector,
    expected_frames: int | None,
    detect_every: int,
) -> StoreFacts:
    """The head of the store that this run fills."""
    floor = floor_for(filter_for_tracking(request, detector.spec.labels).score_threshold)
    return StoreFacts(
        source=source,
        model=detector.spec.name,
        weights_sha256=weights_sha256(request.model),
        engine=detector.engine,
        device=detector.device,
        precision=detector.precision,
        labels=detector.spec.labels,
        floor=floor if floor > detector.spec.postprocess.score_floor else 0.0,
        expected_frames=expected_frames,
        reading=reading_mode(request),
        detect_every=detect_every,
    )


def cached_detections(request: ExportRequest, source: SourceContent) -> CachedDetections:
    """The cached detections that ``request`` is rendered from.

    Raises:
        AppError: There are none.
    """
    model = Path(request.model.name).name.removesuffix(MODEL_SUFFIX)
    return find_cached(source, cache_folders(request), model, reading_mode(request))


def reading_mode(request: ExportRequest) -> str:
    """See ``StoreFacts.reading``."""
    if is_sequence(request.source):
        return f"{request.video.images_per_s} images per second"
    return "deinterlaced" if request.video.deinterlace else usual_reading(request.source)
