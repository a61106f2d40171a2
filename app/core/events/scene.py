"""Zones, lines and ignore masks of a source, and the JSON file that holds them, which may be written by hand.

    {"zones": [{"name": "door", "polygon": [[0.1, 0.2], [0.4, 0.2], [0.4, 0.9]], "classes": ["person"]}],
     "lines": [{"name": "gate", "points": [[0.5, 0], [0.5, 1]], "classes": null}],
     "masks": [{"name": "clock", "polygon": [[0, 0], [0.3, 0], [0.3, 0.1], [0, 0.1]]}]}

Positions run from 0 to 1 over the upright frame. Every mistake has a line of its own that names the place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from app.core.errors import AppError
from app.core.events.geometry import Point, crosses_itself, spread_of
from app.core.files.regular_file import open_regular

MAX_BYTES = 2**20
MAX_SHAPES, MAX_POINTS, MAX_NAME = 200, 500, 100
_LEAST_AREA = 1e-6  # of the frame; a pixel of a small one is ten times as large
_LEAST_LENGTH = 1e-3
_KINDS = ("zones", "lines", "masks")


class SceneError(AppError):
    """Zones, lines or masks cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Zone:
    """An area in which objects are looked for.

    Attributes:
        name: Unlike that of any other zone, line or mask.
        polygon: Its corners; its edge belongs to it.
        classes: Which objects count; None for all.
    """

    name: str
    polygon: tuple[Point, ...]
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line that objects cross, "in" from its left side to its right, seen along its points.

    Attributes:
        name: As for ``Zone``.
        points: Where it begins and ends.
        classes: Which objects count; None for all.
    """

    name: str
    points: tuple[Point, Point]
    classes: tuple[str, ...] | None = None

    @property
    def is_on_edge(self) -> bool:
        """Returns whether it lies on the frame's edge, beyond which nothing can be seen to go."""
        (x1, y1), (x2, y2) = self.points
        return x1 == x2 in (0, 1) or y1 == y2 in (0, 1)


_Shape = TypeVar("_Shape", Zone, Line)


@dataclass(frozen=True, slots=True)
class IgnoreMask:
    """An area in which nothing is found.

    Attributes:
        name: As for ``Zone``.
        polygon: As for ``Zone``.
    """

    name: str
    polygon: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that was drawn on the frame of a source.

    Attributes:
        zones: Areas.
        lines: Lines.
        masks: Areas to ignore.

    Raises:
        SceneError: A shape cannot be used.
    """

    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()
    masks: tuple[IgnoreMask, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for kind, shape in self._shapes():
            if shape.name.casefold() in seen:
                raise SceneError(
                    f"Two shapes are called {shape.name!r}.", "Give each zone, line and mask its own name."
                )
            seen.add(shape.name.casefold())
            _check_shape(f"{kind} {shape.name!r}", shape)

    def _shapes(self) -> Iterator[tuple[str, Zone | Line | IgnoreMask]]:
        yield from (("Zone", zone) for zone in self.zones)
        yield from (("Line", line) for line in self.lines)
        yield from (("Mask", mask) for mask in self.masks)

    @property
    def ignored(self) -> tuple[tuple[Point, ...], ...]:
        """The polygons of the masks."""
        return tuple(mask.polygon for mask in self.masks)

    def zone(self, name: str) -> Zone:
        """The zone called ``name``.

        Raises:
            SceneError: There is none.
        """
        return _named("zone", name, self.zones)

    def line(self, name: str) -> Line:
        """The line called ``name``; raises as ``zone``."""
        return _named("line", name, self.lines)

    def as_dict(self) -> dict[str, Any]:
        """Returns plain values, as they stand in the file."""
        return {
            "zones": [{"name": z.name, "polygon": _plain(z.polygon), "classes": _names(z.classes)} for z in self.zones],
            "lines": [{"name": e.name, "points": _plain(e.points), "classes": _names(e.classes)} for e in self.lines],
            "masks": [{"name": m.name, "polygon": _plain(m.polygon)} for m in self.masks],
        }


def is_name(text: str) -> bool:
    """Returns whether a shape may be called that."""
    return bool(text.strip()) and len(text) <= MAX_NAME and text.isprintable()


def read_scene(path: Path) -> Scene:
    """Reads a file of zones, lines and masks.

    Raises:
        SceneError: It cannot be read, or has a mistake; one line names the place.
    """
    try:
        with open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise SceneError(f"{path.name}: no such file.", f"Looked for {path}.") from error
    except OSError as error:
        raise SceneError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    try:
        return scene_from_json(content)
    except SceneError as error:
        raise SceneError(f"{path.name}: {error.message}", error.hint) from error


def scene_from_json(content: bytes) -> Scene:
    """Reads ``Scene.as_dict`` as JSON, which may come from anywhere; raises as ``read_scene``."""
    if len(content) > MAX_BYTES:
        raise SceneError("It is too large to be a file of zones.")
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise SceneError(f"Line {error.lineno}, column {error.colno}: {error.msg}.", "It must be JSON.") from error
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise SceneError("It is not JSON.") from error
    if not isinstance(data, dict) or not any(kind in data for kind in _KINDS):
        raise SceneError('It has no "zones", "lines" or "masks".', "Write an object with at least one of them.")
    unknown = next((name for name in data if name not in _KINDS), None)
    if unknown is not None:
        raise SceneError(f"{str(unknown)[:MAX_NAME]!r} is unknown.", f"Known: {', '.join(_KINDS)}.")
    return Scene(
        tuple(Zone(_name(e, at), _polygon(e, at), _classes(e, at)) for at, e in _entries(data, "zones", "polygon")),
        tuple(Line(_name(e, at), _line(e, at), _classes(e, at)) for at, e in _entries(data, "lines", "points")),
        tuple(IgnoreMask(_name(e, at), _polygon(e, at)) for at, e in _entries(data, "masks", "polygon")),
    )


# -- shapes that make sense --------------------------------------------------------------------------------------------


def _check_shape(what: str, shape: Zone | Line | IgnoreMask) -> None:
    points = shape.points if isinstance(shape, Line) else shape.polygon
    for x, y in points:
        if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):  # nor NaN
            size = " Positions run from 0 to 1, not in pixels." if max(x, y) > 2 else ""
            raise SceneError(
                f"{what} has a point outside the frame: [{x:g}, {y:g}].{size}", "Draw it within the frame."
            )
    if isinstance(shape, Line):
        if math.dist(*shape.points) < _LEAST_LENGTH:
            raise SceneError(f"{what} has no length.", "Give it two points apart.")
        return
    if spread_of(points) < _LEAST_AREA:
        raise SceneError(f"{what} has no area.", "Give it three corners or more that do not lie on one line.")
    if crosses_itself(points):
        raise SceneError(f"{what} has edges that cross or touch.", "Name its corners in order, going round once.")


def _named(kind: str, name: str, shapes: Sequence[_Shape]) -> _Shape:
    for shape in shapes:
        if shape.name.casefold() == name.casefold():
            return shape
    known = ", ".join(shape.name for shape in shapes)
    raise SceneError(f"There is no {kind} {name!r}.", f"There are: {known}." if known else f"No {kind} is drawn.")


# -- entries of the file -----------------------------------------------------------------------------------------------


def _entries(data: Mapping[str, Any], kind: str, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    listed = data.get(kind, [])
    if not isinstance(listed, list) or len(listed) > MAX_SHAPES:
        raise SceneError(f'"{kind}" must be a list of at most {MAX_SHAPES}.')
    known = ("name", place) if kind == "masks" else ("name", place, "classes")
    for number, entry in enumerate(listed, 1):
        at = f"{kind}, number {number}"
        if not isinstance(entry, dict):
            raise SceneError(f'{at} must be an object with "name" and "{place}".')
        unknown = next((name for name in entry if name not in known), None)
        if unknown is not None:
            raise SceneError(f"{at}: {str(unknown)[:MAX_NAME]!r} is unknown.", f"Known: {', '.join(known)}.")
        yield at, entry


def _name(entry: Mapping[str, Any], at: str) -> str:
    name = entry.get("name")
    if not isinstance(name, str) or not is_name(name):
        raise SceneError(f'{at}: "name" must be a text of 1 to {MAX_NAME} letters on one line.')
    return name.strip()


def _polygon(entry: Mapping[str, Any], at: str) -> tuple[Point, ...]:
    points = _points(entry.get("polygon"), "polygon", at)
    if len(points) > 3 and points[0] == points[-1]:
        points = points[:-1]  # closed by hand
    if len(points) < 3:
        raise SceneError(f'{at}: "polygon" must have three corners or more.')
    return points


def _line(entry: Mapping[str, Any], at: str) -> tuple[Point, Point]:
    points = _points(entry.get("points"), "points", at)
    if len(points) != 2:
        raise SceneError(f'{at}: "points" must be two, where the line begins and where it ends.')
    return points[0], points[1]


def _points(value: Any, place: str, at: str) -> tuple[Point, ...]:
    if not isinstance(value, list) or len(value) > MAX_POINTS:
        raise SceneError(f'{at}: "{place}" must be a list of at most {MAX_POINTS} points.')
    for point in value:
        pair = isinstance(point, list) and len(point) == 2
        if not pair or not all(type(number) in (int, float) and abs(number) < 1e9 for number in point):
            raise SceneError(f'{at}: "{place}" must have points of two numbers, such as [0.25, 0.5].')
    return tuple((float(x), float(y)) for x, y in value)


def _classes(entry: Mapping[str, Any], at: str) -> tuple[str, ...] | None:
    value = entry.get("classes")
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(name, str) and name for name in value):
        raise SceneError(f'{at}: "classes" must be a list of class names, or null for all.')
    return tuple(value)


def _plain(points: tuple[Point, ...]) -> list[list[float]]:
    return [list(point) for point in points]


def _names(classes: tuple[str, ...] | None) -> list[str] | None:
    return None if classes is None else list(classes)
