"""Whether an export follows objects from frame to frame, and what it must look for then. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.detection_filter import detection_filter
from app.core.export.request import ExportRequest
from app.core.records.formats import FORMATS
from app.core.tracking.tracker import with_unsure
from detector.detections import DetectionFilter


def needs_tracking(request: ExportRequest) -> bool:
    """Returns whether objects are numbered: asked for, or needed by what is written."""
    return request.highlights.follows or any(FORMATS[data.format].needs_tracks for data in request.data)


def filter_for_tracking(request: ExportRequest, labels: Sequence[str]) -> DetectionFilter:
    """The filter for ``Outputs``: detections that are shown, and weaker ones that only keep objects alive."""
    shown = detection_filter(request.detection, labels)
    return with_unsure(shown) if needs_tracking(request) else shown


def filter_for_following(request: ExportRequest, labels: Sequence[str], every: int) -> DetectionFilter:
    """The filter for the frames the network sees, every Nth: what is shown in one may be unsure in the next."""
    return (
        filter_for_tracking(request, labels) if every == 1 else with_unsure(detection_filter(request.detection, labels))
    )
