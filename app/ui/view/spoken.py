"""The picture in words, for those who hear it: what is seen, and where each box lies. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.overlay import shown_score
from app.core.records.frame_record import label_of
from detector.detections import Detections

_NAMED = 12  # boxes; more are counted


def place_of(x: float, y: float) -> str:
    """Returns where a point lies, such as "top left" or "in the middle"; ``x`` and ``y`` go from 0 to 1."""
    across = ("left", "", "right")[min(2, int(x * 3))]
    down = ("top", "", "bottom")[min(2, int(y * 3))]
    return " ".join(filter(None, (down, across))) or "in the middle"


def boxes_text(detections: Detections, labels: Sequence[str], size: tuple[int, int]) -> str:
    """Returns text such as "person, left, 0.90; dog, bottom right, 0.60"; "" for none.

    Args:
        detections: Boxes in pixels of the image, best first.
        labels: Class names.
        size: (width, height) of the image, pixels.
    """
    width, height = size
    rows = zip(detections.boxes_xyxy.tolist(), detections.class_ids.tolist(), detections.scores.tolist(), strict=True)
    words = [
        f"{label_of(labels, class_id)}, {place_of((x1 + x2) / 2 / width, (y1 + y2) / 2 / height)}, {shown_score(score)}"
        for (x1, y1, x2, y2), class_id, score in list(rows)[:_NAMED]
    ]
    more = len(detections) - len(words)
    return "; ".join(words) + (f"; and {more} more" if more > 0 else "")
