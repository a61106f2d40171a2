"""Analyses a video without writing one: an export whose only result is the kept detections."""

from __future__ import annotations

from pathlib import Path

from app.core.candidate_cache.lookup import CachedDetections, find_cached
from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_facts import StoreFacts
from app.core.errors import ExplainedError
from app.core.export.request import AUTO, ExportRequest
from app.core.export.source_facts import reading_mode
from app.core.export.targets import cache_folders
from app.core.models import user_library, weights_sha256
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings, ModelSettings
from detector.detections import floor_for


def analysis_of(
    source: Path,
    folder: Path | None,
    model: ModelSettings,
    detection: DetectionSettings,
    video: VideoOptions,
    detect_every: int = 1,
) -> ExportRequest:
    """Returns the request that fills the cache of ``source``.

    Args:
        source: The video.
        folder: Where the detections are kept; None for beside the video.
        model: The detector.
        detection: Its threshold decides how far down detections are kept, see ``floor_for``, and what is counted.
        video: How frames are read.
        detect_every: As for ``ExportRequest``.
    """
    return ExportRequest(
        source,
        None,
        (),
        model,
        detection,
        video=video,
        analysis=folder or source.parent,
        detect_every=detect_every,
    )


def analysed_before(request: ExportRequest) -> CachedDetections | None:
    """Returns the complete store that has all ``request`` would find; None where the network has to run.

    It is of this very video, by this very model, in a precision the request allows, and reaches down far enough.
    """
    try:
        model = user_library().find(request.model.name).spec.name
        kept = find_cached(SourceContent(request.source), cache_folders(request), model, reading_mode(request))
    except ExplainedError:
        return None
    return kept if _has_all(kept.facts, request) else None


def holds_analysis(path: Path, request: ExportRequest) -> bool:
    """Returns whether the store at ``path`` is complete and has all ``request`` would find, as ``analysed_before``."""
    try:
        with CandidateStore.open(path) as store:
            facts, complete, source_sha256 = store.facts, store.complete, store.source_sha256
        same_model = facts.model == user_library().find(request.model.name).spec.name and _has_all(facts, request)
        same_frames = facts.reading == reading_mode(request) and saw_enough(facts, request)
        same_source = SourceContent(request.source).is_same_as(facts.source, source_sha256)
    except (ExplainedError, OSError):
        return False
    return complete and same_model and same_frames and same_source


def saw_enough(facts: StoreFacts, request: ExportRequest) -> bool:
    """Returns whether the network saw the frames that ``request`` wants it to see."""
    return facts.detect_every in (1, request.detect_every) or request.detect_every == AUTO


def _has_all(facts: StoreFacts, request: ExportRequest) -> bool:
    """Returns whether this very model looked, in a precision the request allows, and far enough down."""
    same = facts.weights_sha256 == weights_sha256(request.model)
    in_precision = request.model.precision in ("auto", facts.precision)
    return same and in_precision and facts.floor <= floor_for(request.detection.threshold)
