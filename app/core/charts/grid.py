"""Arranges several charts as one drawing, in rows: small multiples. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.core.charts.drawing import Area, Box, Dot, Drawing, Item, Point, Stroke, Text


def in_grid(drawings: Sequence[Drawing], columns: int, gap: float = 16.0) -> Drawing:
    """Arranges ``drawings`` in rows of ``columns``, each row as high as its highest drawing.

    Args:
        drawings: Charts after layout.
        columns: At least 1; columns are as wide as the widest drawing.
        gap: Between them, px.
    """
    across = min(columns, len(drawings)) or 1
    cell = max((drawing.width for drawing in drawings), default=0.0)
    items: list[Item] = []
    top = 0.0
    for start in range(0, len(drawings), across):
        row = drawings[start : start + across]
        for index, drawing in enumerate(row):
            items += (_moved(item, index * (cell + gap), top) for item in drawing.items)
        top += max(drawing.height for drawing in row) + gap
    summary = "; ".join(drawing.summary for drawing in drawings)
    return Drawing(across * cell + (across - 1) * gap, max(top - gap, 0.0), summary, tuple(items))


def _moved(item: Item, dx: float, dy: float) -> Item:
    match item:
        case Text() | Box() | Dot():
            return replace(item, x=item.x + dx, y=item.y + dy)
        case Stroke():
            return replace(item, points=_all_moved(item.points, dx, dy))
        case Area():
            return replace(item, points=_all_moved(item.points, dx, dy))


def _all_moved(points: tuple[Point, ...], dx: float, dy: float) -> tuple[Point, ...]:
    return tuple((x + dx, y + dy) for x, y in points)
