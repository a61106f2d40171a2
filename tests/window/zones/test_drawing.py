"""Drawing with presses and keys: what they make, what is refused, and that anything at all leaves a scene."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.events.scene import IgnoreMask, Line, Scene, Zone, scene_from_json
from app.ui.zones.drawing import Drawing, Tool
from app.ui.zones.hits import Hit, hit
from app.ui.zones.zone_text import chosen_text

_REACH = (0.02, 0.02)
_SQUARE = ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6))
_SCENE = Scene((Zone("door", _SQUARE),), (Line("gate", ((0.8, 0.9), (0.8, 0.1))),))


def _click(drawing: Drawing, *places: tuple[float, float]) -> None:
    for at in places:
        drawing.move(at, _REACH)
        drawing.press(at, _REACH)
        drawing.release(at, _REACH)


def _drag(drawing: Drawing, start: tuple[float, float], end: tuple[float, float]) -> None:
    drawing.press(start, _REACH)
    for step in range(1, 5):
        drawing.move(tuple(a + (b - a) * step / 4 for a, b in zip(start, end, strict=True)), _REACH)  # type: ignore[arg-type] # two of them
    drawing.release(end, _REACH)


@pytest.mark.parametrize("end", ["first corner", "double click", "Enter"])
def test_corners_make_a_zone(end: str) -> None:
    drawing = Drawing(Scene())
    drawing.choose_tool("zone")
    _click(drawing, (0.1, 0.1), (0.5, 0.1), (0.5, 0.5))
    if end == "first corner":
        _click(drawing, (0.11, 0.09))
    elif end == "double click":
        drawing.double_click((0.5, 0.5), _REACH)
    else:
        drawing.finish()
    assert drawing.edit.scene.zones == (Zone("zone 1", ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5))),)
    assert (drawing.tool, drawing.selected, drawing.path) == ("select", 0, [])


def test_a_drag_makes_a_rectangle_or_a_line() -> None:
    drawing = Drawing(Scene())
    drawing.choose_tool("mask")
    _drag(drawing, (0.9, 0.3), (1.4, -0.2))
    drawing.choose_tool("line")
    _drag(drawing, (0.5, 0.9), (0.5, 0.3))
    scene = drawing.edit.scene
    assert scene.masks == (IgnoreMask("mask 1", ((0.9, 0.0), (1.0, 0.0), (1.0, 0.3), (0.9, 0.3))),)
    assert scene.lines == (Line("line 1", ((0.5, 0.9), (0.5, 0.3))),)


def test_two_clicks_make_a_line_that_keeps_to_the_edge() -> None:
    drawing = Drawing(Scene())
    drawing.choose_tool("line")
    _click(drawing, (0.5, 0.99), (0.5, 0.3))
    assert drawing.edit.scene.lines[0].points == ((0.5, 1.0), (0.5, 0.3))


def test_an_edge_that_would_cross_is_refused_where_it_is_drawn() -> None:
    drawing = Drawing(Scene())
    drawing.choose_tool("zone")
    _click(drawing, (0.1, 0.1), (0.5, 0.1), (0.5, 0.5))
    drawing.move((0.3, 0.0), _REACH)
    assert drawing.wrong
    _click(drawing, (0.3, 0.0))
    assert drawing.path == [(0.1, 0.1), (0.5, 0.1), (0.5, 0.5)]
    drawing.delete()
    drawing.finish()
    assert drawing.wrong, "two corners are no zone"
    assert drawing.edit.scene == Scene()
    drawing.undo()
    drawing.undo()
    assert not drawing.path


@pytest.mark.parametrize(("tool", "shapes"), [("zone", 1), ("line", 1), ("mask", 1)])
def test_enter_alone_puts_one_in_the_middle(tool: Tool, shapes: int) -> None:
    drawing = Drawing(Scene())
    drawing.choose_tool(tool)
    drawing.finish()
    assert [shape.kind for shape in drawing.edit.kept] == [tool] * shapes


def test_corners_and_shapes_are_dragged_and_a_bad_place_is_not_kept() -> None:
    drawing = Drawing(_SCENE)
    _drag(drawing, (0.2, 0.2), (0.1, 0.1))
    assert drawing.edit.scene.zones[0].polygon[0] == (0.1, 0.1)
    _drag(drawing, (0.4, 0.4), (0.5, 0.4))
    assert drawing.edit.scene.zones[0].polygon[0] == pytest.approx((0.2, 0.1))
    before = drawing.edit.scene
    drawing.press((0.2, 0.1), _REACH)
    drawing.move((0.9, 0.5), _REACH)
    assert drawing.wrong
    drawing.release((0.9, 0.5), _REACH)
    assert drawing.edit.scene == before
    assert drawing.refused
    drawing.undo()
    drawing.undo()
    assert drawing.edit.scene == _SCENE


def test_a_corner_snaps_to_the_frame_and_to_other_shapes() -> None:
    drawing = Drawing(_SCENE)
    _drag(drawing, (0.2, 0.2), (0.01, 0.015))
    assert drawing.edit.scene.zones[0].polygon[0] == (0.0, 0.0)
    _drag(drawing, (0.6, 0.2), (0.79, 0.11))
    assert drawing.edit.scene.zones[0].polygon[1] == (0.8, 0.1)


def test_a_second_click_on_an_edge_adds_a_corner() -> None:
    drawing = Drawing(_SCENE)
    _click(drawing, (0.4, 0.205))
    drawing.double_click((0.4, 0.205), _REACH)
    assert drawing.edit.scene.zones[0].polygon[1] == (0.4, 0.205)
    assert (drawing.selected, drawing.point) == (0, 1)
    drawing.delete()
    assert drawing.edit.scene == _SCENE


def test_keys_go_through_everything_and_out_again() -> None:
    drawing = Drawing(_SCENE)
    seen = []
    while drawing.next(1):
        seen.append((drawing.selected, drawing.point))
    assert seen == [(0, None), (0, 0), (0, 1), (0, 2), (0, 3), (1, None), (1, 0), (1, 1)]
    back = []
    while drawing.next(-1):
        back.append((drawing.selected, drawing.point))
    assert back == seen[::-1]


def test_keys_move_add_and_take_away() -> None:
    drawing = Drawing(_SCENE)
    drawing.next(1)
    drawing.step((0.1, 0.0))
    drawing.next(1)
    drawing.step((0.0, -0.1))
    assert drawing.edit.scene.zones[0].polygon[0] == pytest.approx((0.3, 0.1))
    drawing.insert()
    assert drawing.edit.scene.zones[0].polygon[1] == pytest.approx((0.5, 0.15))
    assert "point 2 of 5" in chosen_text(drawing)
    drawing.delete()
    drawing.delete()
    assert drawing.edit.scene.zones == ()
    for _ in range(5):
        drawing.undo()
    assert drawing.edit.scene == _SCENE
    drawing.redo()
    assert drawing.edit.scene != _SCENE


def test_escape_gives_up_one_thing_at_a_time() -> None:
    drawing = Drawing(_SCENE)
    drawing.select(0, 1)
    assert drawing.back()
    assert (drawing.selected, drawing.point) == (0, None)
    assert drawing.back()
    assert drawing.selected is None
    assert not drawing.back()
    drawing.choose_tool("zone")
    _click(drawing, (0.1, 0.1))
    assert drawing.back()
    assert (drawing.tool, drawing.path) == ("zone", [])
    assert drawing.back()
    assert drawing.tool == "select"


@pytest.mark.parametrize("meanwhile", ["delete", "undo", "redo"])
def test_what_is_dragged_may_go_meanwhile(meanwhile: str) -> None:
    drawing = Drawing(Scene())
    drawing.choose_tool("zone")
    drawing.finish()
    if meanwhile == "redo":
        drawing.undo()
    drawing.press((0.35, 0.35), _REACH)
    getattr(drawing, meanwhile)()
    if meanwhile == "delete":
        drawing.delete()
        drawing.delete()
    drawing.move((0.1, 0.1), _REACH)
    drawing.release((0.1, 0.1), _REACH)
    assert len(drawing.edit.kept) == (1 if meanwhile == "redo" else 0)


def test_what_was_chosen_is_hit_first_then_what_was_drawn_last() -> None:
    drawing = Drawing(Scene(zones=(Zone("a", _SQUARE), Zone("b", _SQUARE))))
    shapes = drawing.edit.kept
    assert hit(shapes, (0.2, 0.2), _REACH) == Hit(1, point=0)
    assert hit(shapes, (0.2, 0.2), _REACH, first=0) == Hit(0, point=0)
    assert hit(shapes, (0.4, 0.61), _REACH) == Hit(1, edge=2)
    assert hit(shapes, (0.4, 0.4), _REACH) == Hit(1)
    assert hit(shapes, (0.7, 0.7), _REACH) is None


_SIDE = st.one_of(st.sampled_from([0.0, 0.2, 0.21, 0.4, 0.6, 1.0]), st.floats(-0.2, 1.2))
_AT = st.tuples(_SIDE, _SIDE)
_DOES = st.one_of(
    st.tuples(st.sampled_from(["press", "move", "release", "double_click"]), _AT, st.just(_REACH)),
    st.tuples(st.just("choose_tool"), st.sampled_from(["select", "zone", "line", "mask"])),
    st.tuples(st.just("step"), st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))),
    st.tuples(st.just("next"), st.sampled_from([1, -1])),
    st.tuples(st.sampled_from(["finish", "back", "delete", "insert", "undo", "redo", "cancel"])),
)


@given(st.lists(_DOES, max_size=25))
def test_whatever_is_done_leaves_a_scene(steps: list[tuple[Any, ...]]) -> None:
    drawing = Drawing(_SCENE)
    for name, *given_values in steps:
        getattr(drawing, name)(*given_values)
        assert drawing.selected is None or drawing.selected < len(drawing.edit.kept)
        shape = drawing.shape
        assert drawing.point is None or (shape is not None and drawing.point < len(shape.points))
        assert chosen_text(drawing)
        assert all(0 <= value <= 1 for point in drawing.path for value in point)
    assert scene_from_json(json.dumps(drawing.edit.scene.as_dict()).encode()) == drawing.edit.scene
