"""The content of a chart, as data: immutable, and free of pixels but for its size.

Made by whoever has numbers (an evaluation, a training, a benchmark), laid out by ``app.core.charts.layout``. Any
thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Weight = Literal["normal", "strong", "faint"]
"""How prominent a line is; a faint one is grey and has no entry in the legend."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a line chart, or the value axis of a bar chart.

    Attributes:
        title: Quantity and unit; "" for none.
        low: Start of the axis; None: the smallest value.
        high: End of the axis; None: the largest value.
        log: Whether it is logarithmic, base 10; values that are not positive are dropped.
    """

    title: str = ""
    low: float | None = None
    high: float | None = None
    log: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or a set of points.

    Attributes:
        name: Its entry in the legend; "" for none.
        x: Values along the x axis.
        y: As many values along the y axis; one that is not finite interrupts the line.
        colour: Index of its colour; None: its position among the chart's series that are not faint.
        weight: How prominent it is.
        dots: Draws points instead of a line.
        dashed: Draws a dashed line.
        filled: Tints the area down to the axis.
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
        """Creates a series from any iterables of numbers, arrays included."""
        xs, ys = tuple(float(value) for value in x), tuple(float(value) for value in y)
        return Series(name, xs, ys, colour, weight, dots, dashed, filled)


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines in two axes.

    Attributes:
        title: Above the chart, one line.
        series: In the order of the legend; later ones are painted above earlier ones.
        x: Horizontal axis.
        y: Vertical axis; its title stands above it, upright.
        note: Beside the title, less prominent: the one number to remember.
        width: Width of the whole chart, px.
        plot_height: Height of the area between the axes, px; title, legend and labels are added to it.
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
        label: Name of the bar.
        value: Length; if not finite, there is only the text.
        text: Text at its end; None: the value, rounded.
        colour: Index of its colour.
    """

    label: str
    value: float
    text: str | None = None
    colour: int = 0


@dataclass(frozen=True, slots=True)
class BarChart:
    """Horizontal bars, the first on top; the height follows from their number.

    Attributes:
        title: Above the chart, one line.
        bars: From top to bottom.
        axis: Axis of the values; it includes 0. ``log`` does not apply, as a bar's length would mean nothing.
        note: Beside the title, less prominent.
        width: Width of the whole chart, px.
    """

    title: str
    bars: tuple[Bar, ...]
    axis: Axis = field(default_factory=Axis)
    note: str = ""
    width: float = 640.0


Chart = LineChart | BarChart
