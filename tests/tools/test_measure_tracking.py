"""The tool that has numbers of objects judged: what it hands to the evaluator, and that truth scores full marks."""

from __future__ import annotations

import numpy as np
import pytest

from tools.measure.following import scenes
from tools.measure.tracking import Numbered, as_sequence, every_frame, every_nth, found_in, judge, live

_SHAPES = (0, 1, 2, 3, 4, 5)
CLIP = scenes(1, 0.5, 2.0, _SHAPES)


def test_numbers_are_handed_over_without_gaps() -> None:
    shown = [Numbered(10 + 7 * scene.class_ids.astype(np.int64), scene.boxes_xyxy) for scene in CLIP]
    sequence = as_sequence(CLIP, shown)
    assert sequence["num_tracker_ids"] == len({int(n) for each in shown for n in each.numbers})
    assert {int(n) for each in sequence["tracker_ids"] for n in each} == set(range(sequence["num_tracker_ids"]))
    assert sequence["num_gt_dets"] == sequence["num_tracker_dets"]


def test_every_way_answers_for_every_frame() -> None:
    found = found_in(CLIP, 1)
    for shown in (every_frame(CLIP, found), every_nth(CLIP, found, 5), live(CLIP, found, 10)):
        assert len(shown) == len(CLIP)
        assert any(len(each.numbers) for each in shown)
        assert all(len(set(each.numbers.tolist())) == len(each.numbers) == len(each.boxes_xyxy) for each in shown)


def test_the_truth_has_full_marks() -> None:
    pytest.importorskip("trackeval", reason="TrackEval is not installed")
    line = judge([as_sequence(CLIP, [Numbered(scene.class_ids.astype(np.int64), scene.boxes_xyxy) for scene in CLIP])])
    assert [float(value) for value in line.split()] == [1.0] * 5 + [0.0]
