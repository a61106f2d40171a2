"""Reduces a line to what can be seen: thinned to pixel columns, clipped to the axes. Pure.

An evaluation leaves a curve of 50 000 points, a training as many; a chart has a few hundred pixels. The first, lowest,
highest and last of the points in a pixel column draw the same image as all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from app.core.charts.drawing import Point

Floats = npt.NDArray[np.float64]
Frame = tuple[float, float, float, float]
"""x1, y1, x2, y2 of the area between the axes, px."""


_HAIR = 1e-6
_COLUMNS_PER_PX = 2.0  # in which points are thinned


def visible_runs(points: Floats, frame: Frame) -> list[tuple[Point, ...]]:
    """Returns the pieces of a line that lie within ``frame``.

    Args:
        points: Float64[N, 2], px; a row with a NaN interrupts the line.
        frame: The visible area.

    Returns:
        Lines of one point (where it stands alone) or more.
    """
    runs: list[tuple[Point, ...]] = []
    for run in _finite_runs(_snapped(points, frame)):
        runs.extend(_cut(_thinned(run), frame))
    return runs


def _snapped(points: Floats, frame: Frame) -> Floats:
    """Snaps points that rounding put just outside an edge onto it, so that a line along the edge is seen."""
    snapped = points.copy()
    for axis, edge in ((0, frame[0]), (1, frame[1]), (0, frame[2]), (1, frame[3])):
        snapped[np.abs(points[:, axis] - edge) < _HAIR, axis] = edge
    return snapped


def _finite_runs(points: Floats) -> Iterator[Floats]:
    usable = np.isfinite(points).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], usable, [False])).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield points[start:end]


def _thinned(run: Floats) -> Floats:
    """Keeps the first, lowest, highest and last of neighbouring points in one pixel column, in order."""
    columns = np.floor(run[:, 0] * _COLUMNS_PER_PX)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(columns)) + 1, [len(run)]))
    if len(starts) * 4 >= len(run):
        return run
    kept: list[int] = []
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        heights = run[start:end, 1]
        kept.extend(sorted({start, start + int(heights.argmin()), start + int(heights.argmax()), end - 1}))
    thinned: Floats = run[kept]
    return thinned


def _cut(run: Floats, frame: Frame) -> Iterator[tuple[Point, ...]]:
    corners: list[Point] = [(float(x), float(y)) for x, y in run]
    if len(corners) == 1:
        if _inside(corners[0], frame):
            yield (corners[0],)
        return
    piece: list[Point] = []
    for first, second in pairwise(corners):
        seen = _segment_within(first, second, frame)
        if seen is None or (piece and piece[-1] != seen[0]):
            if len(piece) > 1:
                yield tuple(piece)
            piece = []
        if seen is not None:
            piece.extend(seen if not piece else seen[1:])
    if len(piece) > 1:
        yield tuple(piece)


def _inside(point: Point, frame: Frame) -> bool:
    return frame[0] <= point[0] <= frame[2] and frame[1] <= point[1] <= frame[3]


def _segment_within(first: Point, second: Point, frame: Frame) -> tuple[Point, Point] | None:
    """Clips a segment to ``frame`` (Liang and Barsky, 1984); returns None if nothing is left."""
    if _inside(first, frame) and _inside(second, frame):
        return first, second
    start, end = 0.0, 1.0
    for axis in (0, 1):
        travel = second[axis] - first[axis]
        for room, sign in ((first[axis] - frame[axis], -1.0), (frame[axis + 2] - first[axis], 1.0)):
            if travel == 0.0:
                if room < 0:
                    return None
            elif sign * travel > 0:
                end = min(end, room / (sign * travel))
            else:
                start = max(start, room / (sign * travel))
    if start > end:
        return None
    return _between(first, second, start, frame), _between(first, second, end, frame)


def _between(first: Point, second: Point, part: float, frame: Frame) -> Point:
    x, y = (a + (b - a) * part for a, b in zip(first, second, strict=True))
    return min(max(x, frame[0]), frame[2]), min(max(y, frame[1]), frame[3])
