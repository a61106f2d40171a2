"""Which frame of an export its result shows."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.export.preview import Preview
from detector.detections import Detections


def found(*scores: float) -> Detections:
    count = len(scores)
    boxes = np.tile(np.array([1, 1, 9, 9], np.float32), (count, 1))
    return Detections(boxes, np.array(scores, np.float32), np.zeros(count, np.int32))


def told(preview: Preview) -> int | None:
    """Which frame it is, by the grey of its pixels."""
    return None if preview.telling is None else int(preview.telling[0, 0, 0])


@pytest.mark.parametrize(
    ("frames", "best"),
    [
        ([found(), found(0.9), found(0.5, 0.5), found(0.6)], 2),
        ([found(0.5), found(0.9), found(0.7)], 1),
        ([found(0.5), found(0.5)], 0),
        ([found(), found()], None),
    ],
)
def test_the_frame_with_the_most_detections_is_kept(frames: list[Detections], best: int | None) -> None:
    preview = Preview(wanted=True, clock=lambda: 0.0)
    for grey, detections in enumerate(frames):
        preview.add(detections, lambda grey=grey: np.full((10, 20, 3), grey, np.uint8))  # type: ignore[misc]
    assert told(preview) == best


def test_nothing_is_painted_where_nobody_looks() -> None:
    painted: list[int] = []

    def paint() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        painted.append(1)
        return np.zeros((10, 20, 3), np.uint8)

    preview = Preview(wanted=False)
    preview.add(found(0.9), paint)
    assert (preview.newest(), preview.telling, painted) == (None, None, [])
