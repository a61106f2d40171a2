"""Results: what they refuse, and what the live controls do to candidates without the network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.detections import Candidates, DetectionFilter, Detections
from detector.nms import batched_nms


def crowd(seed: int, count: int, with_kept: bool = True) -> Candidates:
    """Overlapping boxes of four classes, pixels, best first, some with equal scores."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (count, 2))
    boxes = np.concatenate((corner, corner + rng.uniform(5, 60, (count, 2))), axis=1).astype(np.float32)
    scores = np.sort(rng.integers(1, 1000, count))[::-1].astype(np.float32) / 1000
    classes = rng.integers(0, 4, count).astype(np.int32)
    return Candidates(boxes, scores, classes, batched_nms(boxes, classes, 0.45) if with_kept else None, 0.45)


filters = st.builds(
    DetectionFilter,
    score_threshold=st.floats(0, 1),
    iou_threshold=st.sampled_from([0.0, 0.3, 0.45, 0.6, 1.0]),
    class_ids=st.none() | st.frozensets(st.integers(0, 4), max_size=4),
    max_detections=st.integers(1, 80),
)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.integers(0, 60), st.booleans(), filters)
def test_filtering_first_or_suppressing_first_is_the_same(
    seed: int, count: int, with_kept: bool, wanted: DetectionFilter
) -> None:
    """Suppression on everything, then threshold, classes and cap: what a run of the whole chain would have given."""
    candidates = crowd(seed, count, with_kept)
    everything = batched_nms(candidates.boxes_xyxy, candidates.class_ids, wanted.iou_threshold)
    shown = everything & (candidates.scores >= np.float32(wanted.score_threshold))
    if wanted.class_ids is not None:
        shown &= np.asarray([int(c) in wanted.class_ids for c in candidates.class_ids], dtype=bool)
    expected = np.flatnonzero(shown)[: wanted.max_detections]
    found = candidates.detections(wanted)
    np.testing.assert_array_equal(found.boxes_xyxy, candidates.boxes_xyxy[expected])
    np.testing.assert_array_equal(found.scores, candidates.scores[expected])
    np.testing.assert_array_equal(found.class_ids, candidates.class_ids[expected])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(0, 40), st.floats(0, 1))
def test_above_keeps_the_best_and_a_score_equal_to_the_threshold(seed: int, count: int, threshold: float) -> None:
    everything = crowd(seed, count).detections(DetectionFilter(0.0, 1.0, None, 1000))
    some = everything.above(threshold)
    assert len(some) == sum(float(score) >= float(np.float32(threshold)) for score in everything.scores)
    for score in everything.scores[:3]:
        assert score in everything.above(float(score)).scores


def test_nothing_found() -> None:
    assert len(Detections.empty()) == len(Candidates.empty()) == 0
    assert len(Candidates.empty().detections(DetectionFilter())) == 0
    assert len(Detections.empty().above(0.0)) == 0


def test_results_cannot_be_changed_after_the_fact() -> None:
    candidates = crowd(1, 5)
    found = candidates.detections(DetectionFilter(0.0))
    assert candidates.kept is not None
    for array in (candidates.boxes_xyxy, candidates.kept, found.boxes_xyxy, found.scores, found.class_ids):
        with pytest.raises(ValueError, match="read-only"):
            array[:1] = 0


@pytest.mark.parametrize("kind", [Detections, Candidates])
def test_arrays_that_do_not_belong_together_are_refused(kind: type[Detections] | type[Candidates]) -> None:
    boxes, scores, classes = np.zeros((2, 4), np.float32), np.asarray([0.9, 0.8], np.float32), np.zeros(2, np.int32)
    kind(boxes, scores, classes)
    for wrong, message in (
        ((boxes[:, :3], scores, classes), "boxes_xyxy"),
        ((boxes[0], scores, classes), "boxes_xyxy"),
        ((boxes, scores[:1], classes), "scores"),
        ((boxes, scores, classes[:1]), "class_ids"),
        ((boxes, scores[::-1], classes), "descend"),
    ):
        with pytest.raises(ValueError, match=message):
            kind(*wrong)


def test_a_kept_mask_of_another_length_is_refused() -> None:
    boxes, scores, classes = np.zeros((2, 4), np.float32), np.asarray([0.9, 0.8], np.float32), np.zeros(2, np.int32)
    with pytest.raises(ValueError, match="kept"):
        Candidates(boxes, scores, classes, np.ones(3, dtype=bool))


@pytest.mark.parametrize(
    "wrong", [{"score_threshold": -0.1}, {"score_threshold": 1.1}, {"iou_threshold": 2.0}, {"max_detections": 0}]
)
def test_impossible_filters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"threshold|max_detections"):
        DetectionFilter(**wrong)  # type: ignore[arg-type]  # one field of either kind at a time


def test_not_a_number_is_no_threshold() -> None:
    with pytest.raises(ValueError, match="threshold"):
        DetectionFilter(score_threshold=float("nan"))
