"""Points, polygons and lines on the upright frame, whose sides are 1 long: x right, y down. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def anchors_of(boxes_xyxy: npt.NDArray[np.float32], width: int, height: int) -> Points:
    """Float64[N, 2]: the middle of each box's bottom edge, where an object stands, within the frame.

    Args:
        boxes_xyxy: Float32[N, 4], pixels.
        width: Of the upright frame, pixels.
        height: Its height.
    """
    boxes = boxes_xyxy.astype(np.float64)
    points = np.stack(((boxes[:, 0] + boxes[:, 2]) / (2 * width), boxes[:, 3] / height), axis=1)
    return np.clip(points, 0.0, 1.0)


def centres_of(boxes_xyxy: npt.NDArray[np.float32], width: int, height: int) -> Points:
    """Float64[N, 2]: the middle of each box, within the frame; arguments as for ``anchors_of``."""
    boxes = boxes_xyxy.astype(np.float64)
    points = np.stack(((boxes[:, 0] + boxes[:, 2]) / (2 * width), (boxes[:, 1] + boxes[:, 3]) / (2 * height)), axis=1)
    return np.clip(points, 0.0, 1.0)


def inside(points: Points, polygon: Sequence[Point]) -> Mask:
    """Bool[N]: whether each point lies in ``polygon`` or on its edge.

    A ray to the right meets the edges an odd number of times (the even-odd rule).
    """
    x, y = points[:, 0], points[:, 1]
    odd = np.zeros(len(points), np.bool_)
    on_edge = np.zeros(len(points), np.bool_)
    for (x1, y1), (x2, y2) in _edges(polygon):
        turn = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        within = (np.minimum(x1, x2) <= x) & (x <= np.maximum(x1, x2))
        within &= (np.minimum(y1, y2) <= y) & (y <= np.maximum(y1, y2))
        on_edge |= (turn == 0) & within
        straddles = (y1 > y) != (y2 > y)
        odd ^= straddles & ((turn < 0) == (y2 < y1))
    return odd | on_edge


def sides_of(points: Points, start: Point, end: Point) -> npt.NDArray[np.int8]:
    """Int8[N]: 1 for points to the right of the line through ``start`` and ``end``, seen along it, -1 left, 0 on it."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    return np.sign(dx * (points[:, 1] - start[1]) - dy * (points[:, 0] - start[0])).astype(np.int8)


def steps_meet(before: Points, after: Points, start: Point, end: Point) -> Mask:
    """Bool[K]: whether each straight step, whose ends lie on different sides of a line, meets its part start to end.

    Args:
        before: Float64[K, 2], where the steps begin.
        after: Float64[K, 2], where they end.
        start: One end of the line.
        end: The other.
    """
    move = after - before

    def turn(point: Point) -> npt.NDArray[np.float64]:
        turned: npt.NDArray[np.float64] = move[:, 0] * (point[1] - before[:, 1]) - move[:, 1] * (
            point[0] - before[:, 0]
        )
        return turned

    met: Mask = np.sign(turn(start)) * np.sign(turn(end)) <= 0
    return met


def spread_of(points: Sequence[Point]) -> float:
    """The area of the largest triangle with a corner in the first of ``points`` and the others in two more."""
    return max((abs(_turn(points[0], a, b)) / 2 for a, b in combinations(points[1:], 2)), default=0.0)


def crosses_itself(polygon: Sequence[Point]) -> bool:
    """Tells whether two edges of ``polygon`` meet anywhere but at the corner they share, or lie on each other."""
    edges = _edges(polygon)
    for (i, first), (j, second) in combinations(enumerate(edges), 2):
        neighbours = j == i + 1 or (i == 0 and j == len(edges) - 1)
        if neighbours:
            shared, a, b = (first[1], first[0], second[1]) if j == i + 1 else (first[0], first[1], second[0])
            folded = _turn(shared, a, b) == 0 and _dot(shared, a, b) > 0
            if folded:
                return True
        elif _segments_meet(*first, *second):
            return True
    return False


def meets_path(path: Sequence[Point], to: Point) -> bool:
    """Tells whether the edge from the last point of ``path`` to ``to`` meets an edge before it, or goes back on it."""
    if len(path) < 2:
        return False
    last, before = path[-1], path[-2]
    if _turn(last, before, to) == 0 and _dot(last, before, to) > 0:
        return True
    return any(_segments_meet(a, b, last, to) for a, b in pairwise(path[:-1]))


def nearest_on_edge(point: Point, start: Point, end: Point) -> Point:
    """Returns the point nearest to ``point`` on the edge from ``start`` to ``end``."""
    length = _dot(start, end, end)
    along = 0.0 if length == 0 else min(max(_dot(start, point, end) / length, 0.0), 1.0)
    return start[0] + along * (end[0] - start[0]), start[1] + along * (end[1] - start[1])


def _edges(polygon: Sequence[Point]) -> list[tuple[Point, Point]]:
    return list(zip(polygon, [*polygon[1:], polygon[0]], strict=True))


def _turn(origin: Point, a: Point, b: Point) -> float:
    return (a[0] - origin[0]) * (b[1] - origin[1]) - (a[1] - origin[1]) * (b[0] - origin[0])


def _dot(origin: Point, a: Point, b: Point) -> float:
    return (a[0] - origin[0]) * (b[0] - origin[0]) + (a[1] - origin[1]) * (b[1] - origin[1])


def _segments_meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    def apart(p: Point, q: Point, r: Point, s: Point) -> bool:
        """Returns whether r and s lie on the same side of the line through p and q."""
        first, second = _turn(p, q, r), _turn(p, q, s)
        return first * second > 0

    if apart(a, b, c, d) or apart(c, d, a, b):
        return False
    if any(_turn(a, b, point) != 0 for point in (c, d)):
        return True
    return all(  # all on one line
        max(min(a[axis], b[axis]), min(c[axis], d[axis])) <= min(max(a[axis], b[axis]), max(c[axis], d[axis]))
        for axis in (0, 1)
    )
