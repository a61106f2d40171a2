"""What a chart shows, as data: immutable, and free of pixels but for its size.

Made by whoever has numbers (an evaluation, a training run, a benchmark), laid out by ``app.lab.charts.layout``. Any
thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Weight = Literal["normal", "strong", "faint"]
"""How much a line asks to be looked at; a faint one is grey and has no entry in the legend."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a line chart, or the value axis of a bar chart.

    Attributes:
        title: What is measured, with its unit; "" for none.
        low: Where the axis starts; None: where the values do.
        high: Where it ends; None: where the values do.
        log: Logarithmic, base 10; values that are not positive are left out.
    """

    title: str = ""
    low: float | None = None
    high: float | None = None
    log: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or some points.

    Attributes:
        name: Its entry in the legend; "" for none.
        x: Values along the x axis.
        y: As many along the y axis; a value that is not finite interrupts the line.
        colour: Index of its colour; None: its place among those of the chart that are not faint.
        weight: How much it stands out.
        dots: Points instead of a line.
        dashed: A broken line.
        filled: The area down to the axis is tinted.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    colour: int | None = None
    weight: Weight = "normal"
    dots: bool = False
    dashed: bool = False
    filled: bool = False

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"series {self.name!r} has {len(self.x)} x and {len(self.y)} y")

    @staticmethod
    def of(
        name: str,
        x: Iterable[float],
        y: Iterable[float],
        *,
        colour: int | None = None,
        weight: Weight = "normal",
        dots: bool = False,
        dashed: bool = False,
        filled: bool = False,
    ) -> Series:
        """The same from any iterables of numbers, arrays included."""
        xs, ys = tuple(float(value) for value in x), tuple(float(value) for value in y)
        return Series(name, xs, ys, colour, weight, dots, dashed, filled)


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over two axes.

    Attributes:
        title: Above the chart, one line.
        series: In the order of the legend; later ones are painted above earlier ones.
        x: Horizontal axis.
        y: Vertical axis; its title stands above it, upright.
        note: Beside the title, less prominent: the one number to take home.
        width: Of the whole, px.
        plot_height: Of the area between the axes, px; title, legend and labels come on top.
    """

    title: str
    series: tuple[Series, ...]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    note: str = ""
    width: float = 640.0
    plot_height: float = 300.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        label: What it stands for.
        value: Its length; not finite: no bar, only the text.
        text: Written at its end; None: the value, rounded.
        colour: Index of its colour.
    """

    label: str
    value: float
    text: str | None = None
    colour: int = 0


@dataclass(frozen=True, slots=True)
class BarChart:
    """Horizontal bars, the first on top, as high as they need.

    Attributes:
        title: Above the chart, one line.
        bars: From top to bottom.
        axis: Of the values; it includes 0. ``log`` does not apply: the length of a bar would mean nothing.
        note: Beside the title, less prominent.
        width: Of the whole, px.
    """

    title: str
    bars: tuple[Bar, ...]
    axis: Axis = field(default_factory=Axis)
    note: str = ""
    width: float = 640.0


Chart = LineChart | BarChart
