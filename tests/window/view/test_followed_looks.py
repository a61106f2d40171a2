"""What followed objects look like: numbers, thinner lines, trails, counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from pytestqt.qtbot import QtBot

from app.core.frames import FrameResult, ObjectFacts
from app.core.settings import DetectionSettings, OverlaySettings
from app.ui.view.shown_frame import ShownFrame
from app.ui.view.trails import Trails
from app.ui.view.video_view import VideoView
from tests.support.qt_checks import pixel
from tests.support.qt_fakes import CAMERA, Desk, make_candidates, make_frame, make_result

PERSON = (100, 20, 140, 120, 0.9, 1)
CAR = (200, 60, 300, 120, 0.8, 0)
WEAK = (10, 10, 40, 40, 0.2, 2)
PLAIN = OverlaySettings(show_labels=False, show_scores=False, show_numbers=False, show_badge=False)


def followed(
    at_s: float = 3.0, numbers: Sequence[int | None] = (3, 8, None), missed: bool = False, x: float = 0
) -> FrameResult:
    moved = (PERSON[0] + x, PERSON[1], PERSON[2] + x, *PERSON[3:])
    result = make_result(make_candidates(moved, CAR, WEAK), make_frame(pts_s=Fraction(at_s)))  # type: ignore[arg-type]
    facts = ObjectFacts(1.0, at_s - 0.5, missed), ObjectFacts(2.0, at_s - 0.1), None
    return replace(result, followed=True, numbers=tuple(numbers), objects=facts, so_far=(4, 9, 0))


@pytest.fixture
def view(qtbot: QtBot) -> VideoView:
    made = VideoView()
    qtbot.addWidget(made)
    made.resize(640, 360)
    made.show()
    return made


def test_numbers_are_written_beside_the_class_and_only_if_wanted(view: VideoView) -> None:
    view.show_result(followed())
    assert {mark.row: mark.text for mark in view.marks()} == {0: "person #3 0.90", 1: "car #8 0.80"}
    view.set_look(DetectionSettings(), OverlaySettings(show_numbers=False))
    assert {mark.text for mark in view.marks()} == {"person 0.90", "car 0.80"}


def test_numbers_go_through_the_filter_with_their_boxes(view: VideoView) -> None:
    view.set_look(DetectionSettings(classes=("car",)), OverlaySettings())
    view.show_result(followed())
    assert [mark.text for mark in view.marks()] == ["car #8 0.80"]


def test_what_the_network_missed_has_a_thinner_fainter_line(view: VideoView) -> None:
    view.set_look(DetectionSettings(), PLAIN)
    view.show_result(followed(missed=True))
    marks = {mark.row: mark for mark in view.marks()}
    assert marks[0].line_width < marks[1].line_width
    assert marks[0].opacity < marks[1].opacity == 1.0
    side = (round(marks[0].rect[0]), 140)
    faint = pixel(view, *side)
    view.show_result(followed())
    assert pixel(view, *side) == marks[0].colour != faint


def test_trails_keep_the_last_seconds_and_no_more() -> None:
    trails = Trails()
    for number in range(600):
        trails.add(ShownFrame(followed(at_s=number / 30, x=number / 10), DetectionSettings()))
    pieces = [piece for piece in trails.pieces() if piece.label == "person"]
    places = [place for piece in pieces for place in piece.places]
    assert len(places) < 25, "each costs a line in every frame"
    assert places[-1] == pytest.approx(((120 + 59.9) / 320, 120 / 180))
    assert (places[-1][0] - places[0][0]) * 320 == pytest.approx(9.0, abs=0.7), "three seconds of three pixels each"
    assert [piece.age for piece in pieces] == sorted((piece.age for piece in pieces), reverse=True)
    for first, second in pairwise(pieces):
        assert first.places[-1] == second.places[0], "no gaps between pieces"


def test_a_trail_ends_with_its_object() -> None:
    trails = Trails()
    for at_s in (0.1, 0.2, 0.3):
        trails.add(ShownFrame(followed(at_s=at_s, x=10 * at_s), DetectionSettings()))
    trails.add(ShownFrame(followed(at_s=0.5, numbers=(None, 9, None)), DetectionSettings()))
    assert {piece.label for piece in trails.pieces()} == {"person", "car"}, "it may be back in a moment"
    trails.add(ShownFrame(followed(at_s=0.7, numbers=(None, 9, None)), DetectionSettings()))
    assert {piece.label for piece in trails.pieces()} == {"car"}


@pytest.mark.parametrize("then_s", [0.5, 2.0])
def test_a_jump_ends_trails(then_s: float) -> None:
    trails = Trails()
    for at_s in (0.6, 0.7, 0.8):
        trails.add(ShownFrame(followed(at_s=at_s, x=10 * at_s), DetectionSettings()))
    assert trails.pieces()
    trails.add(ShownFrame(followed(at_s=then_s), DetectionSettings()))
    assert not trails.pieces()


def test_trails_are_painted_where_the_object_stood(view: VideoView) -> None:
    view.set_look(DetectionSettings(), replace(PLAIN, show_trails=True))
    for number in range(20):
        view.show_result(followed(at_s=3 + number / 20, x=4 * number))
    assert pixel(view, 2 * 160, 2 * 120) != (90, 90, 90)
    view.set_look(DetectionSettings(), PLAIN)
    assert pixel(view, 2 * 160, 2 * 120) == (90, 90, 90)


def test_counts_in_the_frame_and_so_far_by_class() -> None:
    shown = ShownFrame(followed(), DetectionSettings())
    assert shown.counts() == ["person  1  ·  9 so far", "car  1  ·  4 so far"]
    assert ShownFrame(followed(), DetectionSettings(classes=("car",))).counts() == ["car  1  ·  4 so far"]
    assert ShownFrame(make_result(make_candidates(CAR)), DetectionSettings()).counts() == ["car  1"]


def test_counts_are_painted_if_wanted(view: VideoView) -> None:
    view.set_look(DetectionSettings(), PLAIN)
    view.show_result(followed())
    before = view.grab().toImage()
    view.set_look(DetectionSettings(), replace(PLAIN, show_counts=True))
    assert view.grab().toImage() != before


def test_the_status_bar_counts_so_far_while_objects_are_followed(table: Desk) -> None:
    table.open(CAMERA, "camera:0")
    table.give(followed())
    status = table.window.status
    table.qtbot.waitUntil(lambda: status.shown().get("so_far") == "So far 9 persons, 4 cars")
    assert status.shown()["seen"] == "1 person, 1 car"
    table.give(make_result(make_candidates(CAR)))
    table.qtbot.waitUntil(lambda: "so_far" not in status.shown())


def test_whoever_wants_counts_or_trails_has_objects_followed(table: Desk) -> None:
    session = table.open(CAMERA, "camera:0")
    table.settings.set("overlay", "show_counts", True)
    table.settings.set("overlay", "show_trails", True)
    table.settings.set("overlay", "show_counts", False)
    table.settings.set("overlay", "show_trails", False)
    asked = [call[1] for call in session.calls if call[0] == "set_smoothing"]
    assert asked == ["on", "on", "on", "auto"]
    table.settings.set("source", "smooth", "off")
    table.settings.set("overlay", "show_counts", True)
    assert [call[1] for call in session.calls if call[0] == "set_smoothing"][-1] == "off"
