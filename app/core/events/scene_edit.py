"""Editing of zones, lines and masks, without a widget: changes are tried, and kept only where the shape makes sense.

A change is shown at once (``shapes``), with what is wrong with it (``problem``); ``commit`` keeps it or takes it back.
Whatever was kept makes a ``Scene``, and can be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from app.core.events.geometry import Point
from app.core.events.scene import MAX_NAME, MAX_POINTS, MAX_SHAPES, IgnoreMask, Line, Scene, SceneError, Zone, is_name

Kind = Literal["zone", "line", "mask"]
KINDS: tuple[Kind, ...] = ("zone", "line", "mask")

_MAX_UNDO = 500
_DIGITS = 6  # a millionth of the frame's side is far below a pixel


@dataclass(frozen=True, slots=True)
class Shape:
    """A zone, line or mask as it is edited; it need not make sense yet.

    Attributes:
        kind: Which of them.
        name: As for ``Zone``.
        points: Corners, or the two ends of a line.
        classes: As for ``Zone``; None for a mask.
    """

    kind: Kind
    name: str
    points: tuple[Point, ...]
    classes: tuple[str, ...] | None = None


def shapes_of(scene: Scene) -> tuple[Shape, ...]:
    """Returns the shapes of a scene: zones, then lines, then masks."""
    return (
        *(Shape("zone", zone.name, zone.polygon, zone.classes) for zone in scene.zones),
        *(Shape("line", line.name, line.points, line.classes) for line in scene.lines),
        *(Shape("mask", mask.name, mask.polygon) for mask in scene.masks),
    )


def scene_of(shapes: Iterable[Shape]) -> Scene:
    """Returns the scene of these shapes.

    Raises:
        SceneError: One of them makes no sense.
    """
    zones, lines, masks = list[Zone](), list[Line](), list[IgnoreMask]()
    for shape in shapes:
        if shape.kind == "zone":
            zones.append(Zone(shape.name, shape.points, shape.classes))
        elif shape.kind == "mask":
            masks.append(IgnoreMask(shape.name, shape.points))
        elif len(shape.points) == 2:
            lines.append(Line(shape.name, (shape.points[0], shape.points[1]), shape.classes))
        else:
            raise SceneError("A line has two points.")
    return Scene(tuple(zones), tuple(lines), tuple(masks))


def free_name(kind: Kind, shapes: Iterable[Shape]) -> str:
    """Returns the first of "zone 1", "zone 2"… that no shape has."""
    taken = {shape.name.casefold() for shape in shapes}
    return next(name for number in count(1) if (name := f"{kind} {number}") not in taken)


def rectangle(corner: Point, opposite: Point) -> tuple[Point, ...]:
    """Returns the corners of an upright rectangle, going round once, within the frame."""
    x1, x2 = sorted((corner[0], opposite[0]))
    y1, y2 = sorted((corner[1], opposite[1]))
    return tuple(_within(point) for point in ((x1, y1), (x2, y1), (x2, y2), (x1, y2)))


def snapped(point: Point, others: Iterable[Point], reach: tuple[float, float]) -> Point:
    """Returns the nearest of ``others`` within reach, else the point drawn to the frame's edges, and never beyond them.

    Args:
        point: Where the pointer is.
        others: Points of other shapes.
        reach: How far to look, across and down, of the frame's sides.
    """

    def distance(other: Point) -> float:
        return ((other[0] - point[0]) / reach[0]) ** 2 + ((other[1] - point[1]) / reach[1]) ** 2

    near = min(others, key=distance, default=None)
    if near is not None and distance(near) <= 1:
        return near
    x, y = (
        0.0 if value <= far else 1.0 if value >= 1 - far else value for value, far in zip(point, reach, strict=True)
    )
    return _within((x, y))


class SceneEdit:
    """The shapes of one source while they are edited.

    Args:
        scene: To begin with.
    """

    def __init__(self, scene: Scene) -> None:
        self._kept = self._shown = shapes_of(scene)
        self._undo: list[tuple[Shape, ...]] = []
        self._redo: list[tuple[Shape, ...]] = []
        self._merges = ""
        self.problem = ""
        """What is wrong with the change that is tried; "" for nothing."""

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shapes, with the change that is tried."""
        return self._shown

    @property
    def kept(self) -> tuple[Shape, ...]:
        """The shapes without it."""
        return self._kept

    @property
    def scene(self) -> Scene:
        """Returns what was kept."""
        return scene_of(self._kept)

    @property
    def can_undo(self) -> bool:
        """Returns whether something was changed."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Returns whether something was undone."""
        return bool(self._redo)

    # -- trying ------------------------------------------------------------------------------------------------------

    def add(self, shape: Shape) -> None:
        """Tries one more shape, the last."""
        self._try((*self._kept, replace(shape, points=_rounded(shape.points))), len(self._kept))

    def delete(self, index: int) -> None:
        """Tries it without a shape."""
        self._try((*self._kept[:index], *self._kept[index + 1 :]))

    def move_point(self, index: int, point: int, to: Point) -> None:
        """Tries a point elsewhere; beyond the frame means on its edge."""
        points = list(self._kept[index].points)
        points[point] = _within(to)
        self._change(index, replace(self._kept[index], points=tuple(points)))

    def move(self, index: int, by: tuple[float, float]) -> None:
        """Tries a whole shape elsewhere, as far as the frame lets it."""
        points = self._kept[index].points
        dx, dy = (
            min(max(step, -min(point[axis] for point in points)), 1 - max(point[axis] for point in points))
            for axis, step in enumerate(by)
        )
        self._change(index, replace(self._kept[index], points=tuple(_within((x + dx, y + dy)) for x, y in points)))

    def insert_point(self, index: int, edge: int, at: Point) -> None:
        """Tries one more corner on an edge; edge 0 goes from corner 0 to corner 1."""
        points = self._kept[index].points
        self._change(index, replace(self._kept[index], points=(*points[: edge + 1], _within(at), *points[edge + 1 :])))

    def delete_point(self, index: int, point: int) -> None:
        """Tries it without a corner."""
        points = self._kept[index].points
        self._change(index, replace(self._kept[index], points=(*points[:point], *points[point + 1 :])))

    def rename(self, index: int, name: str) -> None:
        """Tries another name."""
        self._change(index, replace(self._kept[index], name=name.strip()))

    def limit(self, index: int, classes: Sequence[str] | None) -> None:
        """Tries a zone or line that counts these classes only; None or none of them for all. A mask has no classes."""
        limited = tuple(classes) if classes and self._kept[index].kind != "mask" else None
        self._change(index, replace(self._kept[index], classes=limited))

    def flip(self, index: int) -> None:
        """Tries a line that goes the other way: "in" becomes "out"."""
        self._change(index, replace(self._kept[index], points=self._kept[index].points[::-1]))

    def replace_all(self, scene: Scene) -> None:
        """Tries another scene in place of this one."""
        self._try(shapes_of(scene))

    # -- keeping -----------------------------------------------------------------------------------------------------

    def commit(self, merge: str = "") -> bool:
        """Keeps the change that was tried, or takes it back where it makes no sense.

        Args:
            merge: Changes one after the other with the same such word are undone together; "" for each by itself.

        Returns:
            Whether it was kept; ``problem`` goes on saying why not.
        """
        if self.problem:
            self._shown = self._kept
            return False
        if self._shown != self._kept:
            if not merge or merge != self._merges:
                self._undo = [*self._undo, self._kept][-_MAX_UNDO:]
            self._merges = merge
            self._redo.clear()
            self._kept = self._shown
        return True

    def cancel(self) -> None:
        """Takes back what was tried."""
        self._shown, self.problem = self._kept, ""

    def undo(self) -> None:
        """Takes back the last change that was kept, if there is one."""
        self._go(self._undo, self._redo)

    def redo(self) -> None:
        """Makes again the change that was undone last, if there is one."""
        self._go(self._redo, self._undo)

    def _go(self, source: list[tuple[Shape, ...]], target: list[tuple[Shape, ...]]) -> None:
        self._merges = ""
        if source:
            target.append(self._kept)
            self._kept = source.pop()
        self.cancel()

    def _change(self, index: int, shape: Shape) -> None:
        shape = replace(shape, points=_rounded(shape.points))
        self._try((*self._kept[:index], shape, *self._kept[index + 1 :]), index)

    def _try(self, shapes: tuple[Shape, ...], changed: int | None = None) -> None:
        self._shown = shapes
        self.problem = "" if changed is None else _problem(shapes, changed)


def _problem(shapes: tuple[Shape, ...], changed: int) -> str:
    """Returns what is wrong with one shape, when the others make sense."""
    shape = shapes[changed]
    alike = [other for other in shapes if other.kind == shape.kind]
    if not is_name(shape.name):
        return f"A name has 1 to {MAX_NAME} letters on one line."
    if sum(other.name.casefold() == shape.name.casefold() for other in shapes) > 1:
        return f"Another shape is called {shape.name!r}."
    if len(alike) > MAX_SHAPES:
        return f"There can be at most {MAX_SHAPES} {shape.kind}s."
    if len(shape.points) > MAX_POINTS:
        return f"A {shape.kind} can have at most {MAX_POINTS} corners."
    try:
        scene_of((shape,))
    except SceneError as error:
        return error.message
    return ""


def _within(point: Point) -> Point:
    return min(max(point[0], 0.0), 1.0), min(max(point[1], 0.0), 1.0)


def _rounded(points: tuple[Point, ...]) -> tuple[Point, ...]:
    return tuple((round(x, _DIGITS), round(y, _DIGITS)) for x, y in points)
