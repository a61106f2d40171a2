"""The picture: boxes where they belong, thresholds at once, no copy, no leak."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QRectF
from pytestqt.qtbot import QtBot

from app.core.palette import class_colour
from app.core.settings import DetectionSettings, OverlaySettings
from app.ui.services.bridge import Wake
from app.ui.view.frame_painter import as_qimage
from app.ui.view.video_view import VideoView
from detector.detections import Candidates
from tests.support.qt_checks import pixel, settle
from tests.support.qt_fakes import make_candidates, make_frame, make_result

_PLAIN = OverlaySettings(show_labels=False, show_scores=False, show_badge=False, line_width=2)


@pytest.fixture
def view(qtbot: QtBot) -> VideoView:
    made = VideoView()
    qtbot.addWidget(made)
    made.resize(640, 360)
    made.set_look(DetectionSettings(), _PLAIN)
    made.show()
    return made


def test_box_is_painted_where_it_was_found(view: VideoView) -> None:
    view.show_result(make_result(make_candidates((40, 30, 120, 90, 0.9, 0))))
    red = class_colour("car")
    for x, y in ((80, 100), (240, 100), (160, 60), (160, 180)):  # middle of each side, at twice the size
        assert pixel(view, x, y) == red
    assert pixel(view, 160, 100) == (90, 90, 90)
    assert pixel(view, 60, 100) == (90, 90, 90)


@pytest.mark.parametrize(
    ("size", "inside", "outside"),
    [((640, 480), (320, 62), (320, 58)), ((800, 360), (82, 180), (78, 180)), ((640, 360), (1, 1), None)],
)
def test_letterbox(
    view: VideoView, size: tuple[int, int], inside: tuple[int, int], outside: tuple[int, int] | None
) -> None:
    view.resize(*size)
    view.show_result(make_result())
    assert pixel(view, *inside) == (90, 90, 90)
    if outside is not None:
        assert pixel(view, *outside) == view.canvas.toTuple()[:3]


def test_colours_come_out_as_in_the_frame(view: VideoView) -> None:
    frame = make_frame()
    bgra = frame.image_bgra.copy()
    bgra[..., :3] = (200, 100, 50)
    view.show_result(make_result(frame=replace(frame, image_bgra=bgra)))
    assert pixel(view, 300, 200) == (50, 100, 200)


def test_frame_is_not_copied_and_is_held_until_replaced(view: VideoView) -> None:
    frame = make_frame()
    image = as_qimage(frame.image_bgra)
    address = np.frombuffer(image.constBits(), np.uint8).__array_interface__["data"][0]
    assert address == frame.image_bgra.__array_interface__["data"][0]
    result = make_result(frame=frame)
    view.show_result(result)
    view.grab()
    held = sys.getrefcount(result)
    view.show_result(make_result())
    view.grab()
    assert sys.getrefcount(result) < held


def test_threshold_on_a_still_frame_needs_no_network(view: VideoView) -> None:
    found = make_candidates((10, 10, 60, 60, 0.9, 0), (100, 10, 160, 60, 0.6, 1), (200, 10, 260, 60, 0.3, 2))
    view.show_result(make_result(found))
    counts = []
    for threshold in (0.2, 0.5, 0.7, 0.95):
        view.set_look(DetectionSettings(threshold=threshold), _PLAIN)
        counts.append(len(view.marks()))
    assert counts == [3, 2, 1, 0]
    assert pixel(view, 220, 60) == (90, 90, 90)


def test_classes_and_overlap_act_on_a_still_frame(view: VideoView) -> None:
    found = make_candidates((10, 10, 60, 60, 0.9, 0), (12, 10, 62, 60, 0.8, 0), (100, 10, 160, 60, 0.6, 1))
    view.show_result(make_result(found))
    assert len(view.detections()) == 2
    view.set_look(DetectionSettings(iou=1.0), _PLAIN)
    assert len(view.detections()) == 3
    view.set_look(DetectionSettings(classes=("person",)), _PLAIN)
    assert view.detections().class_ids.tolist() == [1]
    view.set_look(DetectionSettings(classes=("zebra",)), _PLAIN)
    assert len(view.detections()) == 2, "a class the model does not know filters nothing"


def test_same_look_keeps_the_filtered_detections(view: VideoView) -> None:
    view.show_result(make_result(make_candidates((10, 10, 60, 60, 0.9, 0))))
    with patch.object(Candidates, "chosen", autospec=True, side_effect=Candidates.chosen) as filtered:
        view.detections()
        view.set_look(DetectionSettings(), OverlaySettings(line_width=5))
        view.grab()
        view.grab()
    assert filtered.call_count == 1


def test_no_candidates_is_a_frame_without_boxes(view: VideoView) -> None:
    view.show_result(make_result(None))
    assert view.marks() == ()
    assert pixel(view, 300, 200) == (90, 90, 90)


def test_painted_is_told_once_for_each_result(view: VideoView) -> None:
    told: list[object] = []
    view.painted.connect(told.append)
    result = make_result()
    view.show_result(result)
    for _ in range(3):
        view.repaint()
    assert told == [result]


def test_demo_is_named_on_the_frame(view: VideoView) -> None:
    view.show_result(make_result())
    before = view.grab().toImage()
    view.set_demo(True)
    after = view.grab().toImage()
    corner = [after.pixelColor(x, 25) != before.pixelColor(x, 25) for x in range(15, 120)]
    assert any(corner)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frame=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    window=st.tuples(st.integers(1, 900), st.integers(1, 700)),
)
def test_frame_stays_inside_and_keeps_its_shape(
    view: VideoView, frame: tuple[int, int], window: tuple[int, int]
) -> None:
    view.setMinimumSize(1, 1)
    view.resize(*window)
    view.show_result(make_result(frame=make_frame(*frame)))
    rect = view.frame_rect()
    assert QRectF(view.rect()).adjusted(-0.5, -0.5, 0.5, 0.5).contains(rect)
    scale = min(window[0] / frame[0], window[1] / frame[1])
    assert abs(rect.width() - max(1.0, frame[0] * scale)) <= 0.5
    assert abs(rect.height() - max(1.0, frame[1] * scale)) <= 0.5


def test_none_is_not_leaked_by_painting_and_signals(view: VideoView, qtbot: QtBot) -> None:
    woken = []
    wake = Wake(lambda: woken.append(1))
    results = [make_result(make_candidates((10, 10, 60, 60, 0.9, 0))) for _ in range(2)]

    def work(rounds: int) -> None:
        for index in range(rounds):
            view.show_result(results[index % 2])
            view.set_badge(str(index % 7))
            view.repaint()
            wake.post()
            if index % 50 == 0:
                settle()

    work(200)
    gc.collect()
    before = sys.getrefcount(None)
    work(2000)
    gc.collect()
    assert abs(sys.getrefcount(None) - before) < 500, "each paint or signal must leave None as it was"
    assert woken
