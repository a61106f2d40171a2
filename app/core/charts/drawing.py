"""A chart after layout: shapes and texts with positions, colours by role. Painters draw it and decide nothing.

Lengths are CSS pixels, x right, y down. Painted in the order of the items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text.

    Attributes:
        x: Position of the anchor.
        y: Position of the baseline.
        text: Unescaped; painters escape it.
        size: Font size, px.
        role: Colour.
        anchor: Which part of the text lies at ``x``.
        bold: Semi-bold.
        full: The whole text if ``text`` was shortened, else "".
    """

    x: float
    y: float
    text: str
    size: float
    role: str = "ink"
    anchor: Anchor = "start"
    bold: bool = False
    full: str = ""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through two or more points; ``name`` is its tooltip."""

    points: tuple[Point, ...]
    role: str
    width: float = 1.0
    dash: tuple[float, float] | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """A filled polygon with an ``opacity`` of 0..1."""

    points: tuple[Point, ...]
    role: str
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle; ``name`` as for a stroke."""

    x: float
    y: float
    width: float
    height: float
    role: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle with a rim in the colour of the paper, so that it stands off the lines below it."""

    x: float
    y: float
    radius: float
    role: str
    name: str = ""


Item = Text | Stroke | Area | Box | Dot


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole chart: its size in px, a description in words, and its items."""

    width: float
    height: float
    summary: str
    items: tuple[Item, ...]
