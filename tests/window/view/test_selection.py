"""Which box is spoken of: under the mouse, pinned, found again by its number or its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from app.core.frames import FrameResult, ObjectFacts
from app.core.settings import DetectionSettings
from app.ui.view.box_card import box_lines, seconds_text
from app.ui.view.selection import Selection
from app.ui.view.shown_frame import ShownFrame
from tests.support.qt_fakes import LABELS, make_candidates, make_frame, make_result

Row = tuple[float, float, float, float, float, int]
OUTER: Row = (10, 10, 200, 150, 0.9, 0)
INNER: Row = (40, 40, 80, 80, 0.8, 1)
FAR: Row = (250, 20, 300, 60, 0.7, 1)


def shown(
    *found: Row, numbers: Sequence[int | None] = (), at_s: float = 1.0, settings: DetectionSettings | None = None
) -> ShownFrame:
    result = make_result(make_candidates(*found), make_frame(pts_s=Fraction(at_s)))
    return ShownFrame(replace(result, numbers=tuple(numbers)), settings or DetectionSettings())


def test_the_smallest_box_that_contains_the_mouse() -> None:
    selection = Selection()
    selection.show(shown(OUTER, INNER, FAR))
    assert selection.point_at((60 / 320, 60 / 180))
    assert selection.hovered == 1
    assert not selection.point_at((61 / 320, 60 / 180)), "still the same box"
    assert selection.point_at((20 / 320, 20 / 180))
    assert selection.hovered == 0
    selection.point_at((0.99, 0.99))
    assert selection.hovered is None
    selection.point_at(None)
    assert selection.row is None


def test_boxes_move_under_a_mouse_that_rests() -> None:
    selection = Selection()
    selection.show(shown(INNER))
    selection.point_at((60 / 320, 60 / 180))
    selection.show(shown(FAR))
    assert selection.hovered is None
    selection.show(shown(OUTER, INNER))
    assert selection.hovered == 1


def test_a_click_pins_and_a_click_elsewhere_lets_go() -> None:
    selection = Selection()
    selection.show(shown(OUTER, FAR))
    selection.click((60 / 320, 60 / 180))
    assert selection.pinned == 0
    selection.click((270 / 320, 40 / 180))
    assert selection.pinned == 1
    selection.click((270 / 320, 40 / 180))
    assert selection.pinned is None
    selection.click((60 / 320, 60 / 180))
    selection.click((0.99, 0.99))
    assert not selection.is_pinned


def test_a_pinned_object_goes_by_its_number_not_by_its_place() -> None:
    selection = Selection()
    selection.show(shown(INNER, FAR, numbers=(4, 5), at_s=1.0))
    selection.pin(0)
    moved = ((250, 20, 300, 60, 0.9, 1), (40, 40, 80, 80, 0.8, 1))
    selection.show(shown(*moved, numbers=(4, 5), at_s=1.1))
    assert selection.pinned == 0, "number 4 is where number 5 was"


def test_without_numbers_it_goes_by_overlap_and_class() -> None:
    selection = Selection()
    selection.show(shown(INNER))
    selection.pin(0)
    selection.show(shown(FAR, (45, 42, 86, 83, 0.6, 1), (44, 41, 85, 82, 0.95, 0), at_s=1.1))
    assert selection.pinned == 2


def test_what_is_gone_for_a_second_is_let_go_and_so_is_everything_after_a_jump() -> None:
    selection = Selection()
    selection.show(shown(INNER, numbers=(4,), at_s=1.0))
    selection.pin(0)
    selection.show(shown(FAR, numbers=(5,), at_s=1.5))
    assert (selection.pinned, selection.is_pinned) == (None, True)
    selection.show(shown(INNER, numbers=(4,), at_s=1.9))
    assert selection.pinned == 0
    selection.show(shown(FAR, numbers=(5,), at_s=0.2))
    assert not selection.is_pinned, "time ran backwards"


def test_another_image_has_other_objects() -> None:
    selection = Selection()
    selection.show(shown(INNER))
    selection.pin(0)
    result = make_result(make_candidates(INNER), replace(make_frame(pts_s=Fraction(3, 2)), name="next.jpg"))
    selection.show(ShownFrame(result, DetectionSettings()))
    assert (selection.pinned, selection.is_pinned) == (None, False)


def test_keys_go_from_left_to_right_and_round() -> None:
    selection = Selection()
    assert selection.step(1) is None
    selection.show(shown(FAR, OUTER, INNER))  # rows by score: OUTER, INNER, FAR
    assert [selection.step(1) for _ in range(4)] == [0, 1, 2, 0]
    assert [selection.step(-1) for _ in range(2)] == [2, 1]


def test_what_the_filter_hides_cannot_be_pointed_at() -> None:
    selection = Selection()
    selection.show(shown(OUTER, INNER, settings=DetectionSettings(classes=("car",))))
    selection.point_at((60 / 320, 60 / 180))
    assert selection.hovered == 0


def followed(**facts: object) -> FrameResult:
    result = make_result(make_candidates(INNER), make_frame(pts_s=Fraction(75)))
    known = ObjectFacts(first_s=12.0, last_s=74.6, **facts)  # type: ignore[arg-type]
    return replace(result, followed=True, numbers=(7,), objects=(known,))


@pytest.mark.parametrize(("missed", "last"), [(False, "Detected 0.4 s ago"), (True, "Not detected for 0.4 s")])
def test_the_card_says_what_is_known(missed: bool, last: str) -> None:
    lines = box_lines(ShownFrame(followed(missed=missed), DetectionSettings()), 0)
    assert lines[0].startswith(f"{LABELS[1]} #7")
    assert "0.80" in lines[0]
    assert lines[1].startswith("40 ")
    assert lines[2:] == ["Seen for 1:03 min, since 0:12", last]


def test_the_card_of_what_is_not_followed_has_no_age() -> None:
    assert len(box_lines(shown(INNER), 0)) == 2
    assert [seconds_text(s) for s in (0.04, 9.94, 12.3, 185)] == ["0.0 s", "9.9 s", "12 s", "3:05 min"]
