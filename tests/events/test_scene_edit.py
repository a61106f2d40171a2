"""Editing zones: whatever is done, what is kept makes a scene, and every step of it can be undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.events.geometry import crosses_itself, meets_path, nearest_on_edge
from app.core.events.scene import IgnoreMask, Line, Scene, Zone, scene_from_json
from app.core.events.scene_edit import (
    KINDS,
    SceneEdit,
    Shape,
    free_name,
    rectangle,
    scene_of,
    shapes_of,
    snapped,
)

_SQUARE = ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6))
_SCENE = Scene(
    (Zone("door", _SQUARE, ("person",)),),
    (Line("gate", ((0.5, 0.0), (0.5, 1.0))),),
    (IgnoreMask("clock", _SQUARE),),
)
_SIDE = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(-0.3, 1.3))
_POINT = st.tuples(_SIDE, _SIDE)
_NUMBER = st.integers(0, 50)
_STEP = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(KINDS), st.lists(_POINT, max_size=5), st.text(max_size=3)),
    st.tuples(st.just("delete"), _NUMBER),
    st.tuples(st.just("move_point"), _NUMBER, _NUMBER, _POINT),
    st.tuples(st.just("move"), _NUMBER, _POINT),
    st.tuples(st.just("insert_point"), _NUMBER, _NUMBER, _POINT),
    st.tuples(st.just("delete_point"), _NUMBER, _NUMBER),
    st.tuples(st.just("rename"), _NUMBER, st.text(max_size=3)),
    st.tuples(st.just("limit"), _NUMBER, st.one_of(st.none(), st.just(["car"]))),
    st.tuples(st.just("flip"), _NUMBER),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("undo")),
    st.tuples(st.just("redo")),
)


def _do(edit: SceneEdit, step: tuple[Any, ...]) -> None:
    """Tries one step where it makes sense: on a shape and a point that are there."""
    name, *given = step
    if name == "add":
        kind, points, called = given
        edit.add(Shape(kind, called, tuple(points)))
    elif name in ("cancel", "undo", "redo"):
        getattr(edit, name)()
    elif edit.shapes:
        index, *rest = given
        index %= len(edit.shapes)
        points = edit.shapes[index].points
        if name in ("move_point", "insert_point", "delete_point"):
            rest[0] %= len(points)
        if name == "flip" and edit.shapes[index].kind != "line":
            return
        getattr(edit, name)(index, *rest)


@example([("add", "line", [(0.0, 0.0), (0.0, 0.25)], "0")])  # after a mask, which a scene has last
@given(st.lists(_STEP, max_size=8))
def test_what_is_kept_is_a_scene_that_can_be_written_and_undone(steps: list[tuple[Any, ...]]) -> None:
    edit = SceneEdit(_SCENE)
    history = [_SCENE]
    for step in steps:
        before = edit.scene
        _do(edit, step)
        if step[0] in ("undo", "redo"):
            history = history[:-1] if step[0] == "undo" and len(history) > 1 else history
            history = [*history, edit.scene] if step[0] == "redo" and edit.scene != before else history
            assert edit.scene == history[-1]
            continue
        assert edit.scene == before, "nothing is kept before it is committed"
        wrong = bool(edit.problem)
        try:
            tried: Scene | None = scene_of(edit.shapes)
        except Exception:
            tried = None
        assert edit.commit() is not wrong
        assert scene_of(edit.shapes) == edit.scene  # in the order in which they were drawn
        if tried is None:
            assert wrong
            assert edit.scene == before
        elif not wrong:
            assert edit.scene == tried
        if edit.scene != before:
            history.append(edit.scene)
        assert scene_from_json(json.dumps(edit.scene.as_dict()).encode()) == edit.scene
    for expected in reversed(history[:-1]):
        assert edit.can_undo
        edit.undo()
        assert edit.scene == expected
    assert not edit.can_undo
    for expected in history[1:]:
        assert edit.can_redo
        edit.redo()
        assert edit.scene == expected


@given(_POINT, st.lists(_POINT, max_size=4))
def test_snapping_goes_to_the_nearest_point_or_the_edge_and_stays_within(
    point: tuple[float, float], others: list[tuple[float, float]]
) -> None:
    reach = (0.05, 0.1)
    found = snapped(point, others, reach)

    def far(other: tuple[float, float]) -> float:
        return float(((other[0] - point[0]) / 0.05) ** 2 + ((other[1] - point[1]) / 0.1) ** 2)

    near = [other for other in others if far(other) <= 1]
    if near:
        assert far(found) == min(map(far, near))
        assert found in others
        return
    for axis in (0, 1):
        assert 0 <= found[axis] <= 1
        if reach[axis] < point[axis] < 1 - reach[axis]:
            assert found[axis] == point[axis]
        else:
            assert found[axis] in (0, 1)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=7, unique=True))
def test_a_path_that_never_meets_itself_closes_into_a_polygon_that_does_not(corners: list[tuple[int, int]]) -> None:
    points = [(x / 6, y / 6) for x, y in corners]
    open_path_meets = any(meets_path(points[:end], points[end]) for end in range(1, len(points)))
    if not crosses_itself(points):
        assert not open_path_meets
    if open_path_meets:
        assert crosses_itself(points)


@given(_POINT, _POINT, _POINT)
def test_no_point_of_an_edge_is_nearer(point: Any, start: Any, end: Any) -> None:
    def far(other: tuple[float, float]) -> float:
        return float((other[0] - point[0]) ** 2 + (other[1] - point[1]) ** 2)

    found = far(nearest_on_edge(point, start, end))
    for share in range(11):
        on_edge = tuple(a + share / 10 * (b - a) for a, b in zip(start, end, strict=True))
        assert found <= far(on_edge) + 1e-9


def _moved_over_an_edge(edit: SceneEdit) -> None:
    edit.move_point(0, 0, (0.9, 0.4))


def _a_corner_less_twice(edit: SceneEdit) -> None:
    edit.delete_point(0, 0)
    assert edit.commit()
    edit.delete_point(0, 0)


@pytest.mark.parametrize(
    "change",
    [
        _moved_over_an_edge,
        _a_corner_less_twice,
        lambda edit: edit.delete_point(1, 0),
        lambda edit: edit.insert_point(1, 0, (0.5, 0.5)),
        lambda edit: edit.rename(0, "GATE"),
        lambda edit: edit.rename(0, " "),
        lambda edit: edit.rename(0, "a\nb"),
        lambda edit: edit.move_point(1, 0, (0.5, 1.0)),
        lambda edit: edit.add(Shape("zone", "door", _SQUARE)),
        lambda edit: edit.add(Shape("mask", "thin", ((0, 0), (0.5, 0.5), (1, 1)))),
        lambda edit: edit.add(Shape("zone", "round", tuple((i / 1000, i * i / 1e6) for i in range(501)))),
    ],
)
def test_what_makes_no_sense_is_shown_but_not_kept(change: Callable[[SceneEdit], None]) -> None:
    edit = SceneEdit(_SCENE)
    change(edit)
    kept = edit.scene
    assert edit.problem
    assert edit.shapes != shapes_of(kept)
    assert not edit.commit()
    assert edit.shapes == shapes_of(kept)


def test_nudges_of_one_point_are_undone_together() -> None:
    edit = SceneEdit(_SCENE)
    for step in range(1, 6):
        edit.move_point(0, 0, (0.2 + step / 100, 0.2))
        assert edit.commit("door 0")
    edit.move_point(0, 1, (0.7, 0.2))
    assert edit.commit("door 1")
    edit.undo()
    assert edit.scene.zones[0].polygon[0] == (0.25, 0.2)
    edit.undo()
    assert edit.scene == _SCENE
    edit.redo()
    edit.move_point(0, 0, (0.3, 0.2))
    assert edit.commit("door 0")
    assert not edit.can_redo
    edit.undo()
    assert edit.scene.zones[0].polygon[0] == (0.25, 0.2)


def test_a_line_that_is_flipped_counts_the_other_way() -> None:
    edit = SceneEdit(_SCENE)
    edit.flip(1)
    assert edit.commit()
    assert edit.scene.line("gate").points == ((0.5, 1.0), (0.5, 0.0))


def test_a_shape_moves_as_far_as_the_frame_lets_it() -> None:
    edit = SceneEdit(_SCENE)
    edit.move(0, (0.7, -0.1))
    assert edit.commit()
    assert edit.scene.zones[0].polygon == ((0.6, 0.1), (1.0, 0.1), (1.0, 0.5), (0.6, 0.5))


def test_another_scene_can_be_taken_over_and_given_up_again() -> None:
    edit = SceneEdit(_SCENE)
    edit.replace_all(Scene())
    assert edit.commit()
    assert edit.scene == Scene()
    edit.undo()
    assert edit.scene == _SCENE


def test_names_and_rectangles_for_new_shapes() -> None:
    assert free_name("zone", [Shape("mask", "Zone 1", ()), Shape("zone", "zone 3", ())]) == "zone 2"
    assert rectangle((0.5, 1.2), (0.1, 0.2)) == ((0.1, 0.2), (0.5, 0.2), (0.5, 1.0), (0.1, 1.0))
