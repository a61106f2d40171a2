"""Ignore masks in the view: what lies in them is not shown, not counted and not followed, and how many is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.core.events.masks import outside_masks, unmasked
from app.core.events.scene import IgnoreMask, Scene
from app.core.live.events import ModelReady
from app.core.settings import DetectionSettings
from app.ui.view.shown_frame import ShownFrame
from detector.detections import DetectionFilter
from tests.support.qt_fakes import CAMERA, SPEC, VIDEO, Desk, make_candidates, make_frame, make_result

_LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
_SCENE = Scene(masks=(IgnoreMask("left", _LEFT),))
_FOUND = make_candidates(
    (10, 10, 60, 60, 0.9, 0),
    (0, 10, 250, 60, 0.8, 1),  # its middle lies in the mask, its right end does not
    (180, 10, 310, 60, 0.7, 1),
    (200, 100, 260, 160, 0.6, 2),
)


def _shown(settings: DetectionSettings, masked: bool = True) -> ShownFrame:
    return ShownFrame(make_result(_FOUND, make_frame(320, 180)), settings, (_LEFT,) if masked else ())


def test_the_middle_of_a_box_decides() -> None:
    found = _FOUND.detections(DetectionFilter(0.5, 0.45))
    assert unmasked(found, (320, 180), (_LEFT,)).class_ids.tolist() == [1, 2]
    assert unmasked(found, (320, 180), ()) is found
    assert not outside_masks(np.array([[100, 10, 220, 20]], np.float32), (320, 180), (_LEFT,)), "the edge belongs to it"


@pytest.mark.parametrize(
    ("settings", "seen", "masked", "hidden"),
    [
        (DetectionSettings(threshold=0.5), [1, 2], 2, 0),
        (DetectionSettings(threshold=0.75), [], 2, 0),
        (DetectionSettings(threshold=0.5, classes=("dog",)), [2], 0, 1),
        (DetectionSettings(threshold=0.5, classes=("car",)), [], 1, 2),
    ],
)
def test_masks_and_the_class_filter_are_counted_apart(
    settings: DetectionSettings, seen: list[int], masked: int, hidden: int
) -> None:
    shown = _shown(settings)
    assert shown.detections.class_ids.tolist() == seen
    assert (shown.masked, shown.hidden) == (masked, hidden)
    words = shown.seen_text()
    assert ("ignored in masks" in words) is bool(masked)
    assert ("class filter" in words) is bool(hidden)
    assert sum(shown.class_counts().values()) == (2 if settings.threshold == 0.5 else 0)


def test_the_best_is_never_one_in_a_mask() -> None:
    high = DetectionSettings(threshold=0.95)
    assert _shown(high, masked=False).best() == ("car", pytest.approx(0.9))
    assert _shown(high).best() == ("person", pytest.approx(0.7))
    assert _shown(replace(high, classes=("car",))).best() is None


def test_a_mask_acts_on_the_frame_that_stands_still_and_in_the_session(table: Desk) -> None:
    session = table.open(CAMERA, "camera:1")
    view = table.window.stage.view
    table.give(make_result(_FOUND, make_frame(320, 180)))
    table.qtbot.waitUntil(lambda: table.scenes.loaded)
    assert len(view.detections()) == 4
    table.scenes.replace(_SCENE)
    assert len(view.detections()) == 2
    assert len(view.marks()) == 2
    assert session.calls[-1] == ("set_masks", (_LEFT,))
    table.open(VIDEO)
    assert session.calls[-1] == ("set_masks", ())
    table.give(make_result(_FOUND, make_frame(320, 180)))
    assert len(view.detections()) == 4


def test_the_notice_says_that_all_is_masked(table: Desk) -> None:
    session = table.open(replace(VIDEO, kind="image"), "/pictures/street.png")
    session.on_event(ModelReady(replace(SPEC, demo=False), "torch_cpu", "cpu", "fp32", (), 0.1))
    table.qtbot.waitUntil(lambda: not table.window.stage.view.is_demo and table.scenes.loaded)
    table.scenes.replace(Scene(masks=(IgnoreMask("all", ((0, 0), (1, 0), (1, 1), (0, 1))),)))
    table.give(make_result(_FOUND, make_frame(320, 180)))
    table.qtbot.waitUntil(lambda: "4" in table.window.stage.view.notice.words)
    assert table.window.stage.view.notice.button.isHidden()
