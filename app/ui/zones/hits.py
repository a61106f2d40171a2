"""What lies under the pointer: a corner, an edge, a shape. Pure; positions from 0 to 1 over the frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from app.core.events.geometry import Point, inside, nearest_on_edge
from app.core.events.scene_edit import Shape

Reach = tuple[float, float]
"""How far a hit may be off, across and down, of the frame's sides."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A place on a shape.

    Attributes:
        shape: Its index.
        point: The corner that was hit; None for none.
        edge: The edge that was hit, which begins at that corner; None for none, and where a corner was.
    """

    shape: int
    point: int | None = None
    edge: int | None = None


@dataclass(frozen=True, slots=True)
class Drag:
    """The pointer is pressed.

    Attributes:
        start: Where it was pressed.
        hit: What lay there; None while something new is drawn.
        moved: Whether it has gone anywhere yet.
    """

    start: Point
    hit: Hit | None
    moved: bool = False


def hit(shapes: Sequence[Shape], at: Point, reach: Reach, first: int | None = None) -> Hit | None:
    """Returns what lies at a place: a corner before an edge before the inside, and the last drawn of several.

    Args:
        shapes: In the order drawn.
        at: The place.
        reach: How far corners and edges may be off.
        first: A shape that is looked at before the others: the one chosen.
    """
    order = [*reversed(range(len(shapes)))]
    if first is not None and first < len(shapes):
        order.remove(first)
        order.insert(0, first)
    for index in order:
        points = shapes[index].points
        near = min(range(len(points)), key=lambda place: _apart(points[place], at, reach), default=None)
        if near is not None and _apart(points[near], at, reach) <= 1:
            return Hit(index, point=near)
    for index in order:
        for edge, (start, end) in enumerate(edges(shapes[index])):
            if _apart(_on_edge(at, start, end, reach), at, reach) <= 1:
                return Hit(index, edge=edge)
    for index in order:
        if shapes[index].kind != "line" and bool(inside(np.array([at]), shapes[index].points)[0]):
            return Hit(index)
    return None


def edges(shape: Shape) -> Iterator[tuple[Point, Point]]:
    """Yields the edges of a shape; those of an area go round."""
    points = shape.points
    yield from zip(points, points[1:] if shape.kind == "line" else (*points[1:], points[0]), strict=False)


def is_near(one: Point, other: Point, reach: Reach) -> bool:
    """Returns whether two places are within reach of each other."""
    return _apart(one, other, reach) <= 1


def _on_edge(at: Point, start: Point, end: Point, reach: Reach) -> Point:
    """The nearest point of an edge as it looks: the frame is not square."""

    def scaled(point: Point) -> Point:
        return point[0] / reach[0], point[1] / reach[1]

    x, y = nearest_on_edge(scaled(at), scaled(start), scaled(end))
    return x * reach[0], y * reach[1]


def _apart(one: Point, other: Point, reach: Reach) -> float:
    return ((one[0] - other[0]) / reach[0]) ** 2 + ((one[1] - other[1]) / reach[1]) ** 2
