"""Zones, lines and masks: what the file says, and one clear line for each mistake in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.events.geometry import crosses_itself, inside, sides_of, steps_meet
from app.core.events.scene import IgnoreMask, Line, Scene, SceneError, Zone, read_scene, scene_from_json

_SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]


def _zones(**changes: Any) -> dict[str, Any]:
    return {"zones": [{"name": "door", "polygon": _SQUARE, "classes": None, **changes}]}


def test_a_scene_reads_back_as_it_was_written(tmp_path: Path) -> None:
    square = tuple((x, y) for x, y in _SQUARE)
    scene = Scene(
        (Zone("door", square, ("person",)),),
        (Line("gate", ((0.5, 0.0), (0.5, 1.0))),),
        (IgnoreMask("clock", ((0.0, 0.0), (0.3, 0.0), (0.3, 0.1))),),
    )
    path = tmp_path / "street.zones.json"
    path.write_text(json.dumps(scene.as_dict()))
    assert read_scene(path) == scene
    assert scene.zone("DOOR").classes == ("person",)
    assert not scene.line("gate").is_on_edge


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "not JSON"),
        (b'{"zones": [}', "Line 1, column 12"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", '"zones"'),
        (b'{"zoned": []}', '"zones"'),
        (b'{"zones": [], "line": []}', "'line'"),
        (b'{"zones": {}}', "list"),
        (b'{"zones": [7]}', "zones, number 1"),
        (b" " * (2**20 + 1), "large"),
        (json.dumps(_zones(name="")).encode(), "name"),
        (json.dumps(_zones(name="two\nlines")).encode(), "name"),
        (json.dumps(_zones(colour="red")).encode(), "'colour'"),
        (json.dumps(_zones(polygon=[[0, 0], [1, 1]])).encode(), "three corners"),
        (json.dumps(_zones(polygon=[[0, 0], [1, 1], ["a", 0]])).encode(), "two numbers"),
        (json.dumps(_zones(polygon=[[0, 0], [1, 1, 1], [0, 1]])).encode(), "two numbers"),
        (b'{"zones": [{"name": "a", "polygon": [[0, 0], [1, 0], [NaN, 1]]}]}', "two numbers"),
        (json.dumps(_zones(polygon=[[10, 20], [300, 20], [300, 400]])).encode(), "not in pixels"),
        (json.dumps(_zones(polygon=[[0, 0], [1.2, 0], [1, 1]])).encode(), "outside"),
        (json.dumps(_zones(polygon=[[0, 0], [0.5, 0.5], [1, 1]])).encode(), "no area"),
        (json.dumps(_zones(polygon=[[0, 0], [1, 1], [1, 0], [0, 1]])).encode(), "cross"),
        (json.dumps(_zones(polygon=[[0, 0], [1, 0], [1, 1], [0.5, 0], [0, 1]])).encode(), "cross or touch"),
        (json.dumps(_zones(classes="person")).encode(), "classes"),
        (json.dumps(_zones(classes=[])).encode(), "classes"),
        (json.dumps({**_zones(), "masks": [{"name": "Door", "polygon": _SQUARE}]}).encode(), "Two shapes"),
        (b'{"lines": [{"name": "a", "points": [[0, 0], [1, 1], [0, 1]]}]}', "must be two"),
        (b'{"lines": [{"name": "a", "points": [[0.5, 0.5], [0.5, 0.5]]}]}', "no length"),
        (b'{"masks": [{"name": "a", "polygon": [[0, 0], [1, 0], [1, 1]], "classes": null}]}', "'classes'"),
    ],
)
def test_each_mistake_has_one_line(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "by hand.json"
    path.write_bytes(content)
    with pytest.raises(SceneError) as failure:
        read_scene(path)
    assert said in failure.value.message
    assert failure.value.message.startswith("by hand.json: ")
    assert "\n" not in failure.value.message


def test_a_file_that_is_not_there_and_names_that_are_not(tmp_path: Path) -> None:
    with pytest.raises(SceneError):
        read_scene(tmp_path / "none.json")
    with pytest.raises(SceneError):
        read_scene(tmp_path)
    scene = scene_from_json(json.dumps(_zones()).encode())
    with pytest.raises(SceneError) as failure:
        scene.zone("window")
    assert "door" in failure.value.hint
    with pytest.raises(SceneError):
        scene.line("door")


_junk = st.recursive(st.none() | st.integers() | st.text(max_size=4), st.lists)


@given(st.binary(max_size=60) | _junk.map(json.dumps).map(str.encode))
def test_nothing_but_a_scene_error_comes_of_any_file(content: bytes) -> None:
    with pytest.raises(SceneError):
        scene_from_json(content)


def test_a_polygon_closed_by_hand_is_the_same() -> None:
    closed = scene_from_json(json.dumps(_zones(polygon=[*_SQUARE, _SQUARE[0]])).encode())
    assert closed == scene_from_json(json.dumps(_zones()).encode())


def test_edges_and_corners_belong_to_a_zone() -> None:
    corners = ((0.25, 0.25), (0.75, 0.25), (0.75, 1.0), (0.25, 1.0))
    points = np.array([*corners, (0.5, 1.0), (0.5, 0.5), (0.25, 0.75), (0.1, 0.25), (0.8, 1.0), (0.5, 0.2)])
    assert inside(points, corners).tolist() == [True] * 7 + [False] * 3
    assert inside(points, corners[::-1]).tolist() == [True] * 7 + [False] * 3


def test_right_of_a_line_is_seen_along_it_and_its_ends_belong_to_it() -> None:
    up = ((0.5, 0.75), (0.5, 0.25))  # towards the top of the frame
    assert sides_of(np.array([(0.75, 0.5), (0.25, 0.5), (0.5, 0.9)]), *up).tolist() == [1, -1, 0]
    before = np.array([(0.25, 0.25), (0.25, 0.5), (0.25, 0.125), (0.25, 0.75)])
    after = np.array([(0.75, 0.25), (0.75, 0.5), (0.75, 0.125), (0.75, 0.875)])
    assert steps_meet(before, after, *up).tolist() == [True, True, False, False]


def test_lines_on_the_edge_are_known() -> None:
    assert Line("a", ((0.0, 1.0), (1.0, 1.0))).is_on_edge
    assert Line("b", ((0.0, 0.2), (0.0, 0.7))).is_on_edge
    assert not Line("c", ((0.0, 0.0), (1.0, 1.0))).is_on_edge


def test_a_spike_folds_back_on_itself() -> None:
    assert crosses_itself([(0.0, 0.0), (1.0, 0.0), (0.5, 0.0), (0.5, 1.0)])
    assert not crosses_itself([(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.5, 1.0)])
