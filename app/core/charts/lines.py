"""Layout of line charts: title, legend, axes, and the lines themselves. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.core.charts.colours import SERIES, series_role
from app.core.charts.describe import LineChart, Series
from app.core.charts.drawing import Area, Dot, Drawing, Item, Point, Stroke, Text
from app.core.charts.parts import EDGE, GAP, LINE, SMALL, Below, head
from app.core.charts.text import fit, text_width
from app.core.charts.ticks import Scale, Tick, scale_for, ticks
from app.core.charts.trace import Floats, Frame, visible_runs

_SWATCH = 18.0
_DASH = (5.0, 4.0)
_PX_PER_TICK = 44.0
_WIDTHS = {"normal": 1.75, "strong": 2.75, "faint": 1.0}
_TINT = 0.14
_RADIUS = 3.5


@dataclass(frozen=True, slots=True)
class _Plot:
    """The area between the axes, and the scales of values in it."""

    frame: Frame
    x: Scale
    y: Scale

    def y_at(self, value: float) -> float:
        return self.frame[3] - self.y.place(value) * (self.frame[3] - self.frame[1])

    def points(self, series: Series) -> Floats:
        """Returns Float64[N, 2], px; NaN for values without a position."""
        left, top, right, bottom = self.frame
        across, up = self.x.places(np.array(series.x, np.float64)), self.y.places(np.array(series.y, np.float64))
        return np.stack((left + across * (right - left), bottom - up * (bottom - top)), axis=1)


def lay_out_lines(chart: LineChart) -> Drawing:
    """Lays out every shape and text of ``chart``."""
    items, top = head(chart.title, chart.note, chart.width)
    legend, top = _legend(chart, top)
    items += legend
    if chart.y.title:
        items.append(Text(EDGE, top + SMALL, fit(chart.y.title, SMALL, chart.width - 2 * EDGE), SMALL, "muted"))
        top += SMALL * LINE + GAP / 2
    plot, y_ticks = _plot(chart, top + GAP)
    items += _axes(chart, plot, y_ticks)
    for index, series in _numbered(chart):
        items += _line(series, plot, index)
    bottom = plot.frame[3] + GAP + SMALL * (LINE if chart.x.title else 1.0) + (SMALL if chart.x.title else 0.0)
    return Drawing(chart.width, bottom + EDGE, _summary(chart), tuple(items))


def _summary(chart: LineChart) -> str:
    axes = [axis.title for axis in (chart.y, chart.x) if axis.title]
    words = ": ".join(part for part in (chart.title, " by ".join(axes)) if part)
    names = ", ".join(series.name for series in chart.series if series.name)
    return ". ".join(part for part in (words, chart.note, names) if part)


def _numbered(chart: LineChart) -> list[tuple[int, Series]]:
    """Pairs each series with the index of its colour: its own, or its position among those that are not faint."""
    numbered: list[tuple[int, Series]] = []
    place = 0
    for series in chart.series:
        numbered.append((place if series.colour is None else series.colour, series))
        place += series.weight != "faint"
    return numbered


def _role(series: Series, index: int) -> str:
    return "faint" if series.weight == "faint" else series_role(index)


def _dash(series: Series, index: int) -> tuple[float, float] | None:
    """Returns the dash pattern: requested, or used once the colours repeat."""
    repeated = series.weight != "faint" and index // SERIES % 2 == 1
    return _DASH if series.dashed or repeated else None


def _legend(chart: LineChart, top: float) -> tuple[list[Item], float]:
    """Lays out a swatch and name for each line, as many in a row as fit; a single line has no legend."""
    named = [(index, series) for index, series in _numbered(chart) if series.name and series.weight != "faint"]
    if len(named) < 2:
        return [], top
    items: list[Item] = []
    x, y = EDGE, top + GAP / 2
    room = chart.width - 2 * EDGE
    for index, series in named:
        name = fit(series.name, SMALL, room - _SWATCH - GAP)
        width = _SWATCH + GAP / 2 + text_width(name, SMALL) + 2 * GAP
        if x > EDGE and x + width - 2 * GAP > chart.width - EDGE:
            x, y = EDGE, y + SMALL * LINE
        middle = y + SMALL * 0.62
        if series.dots:
            items.append(Dot(x + _SWATCH / 2, middle, _RADIUS, _role(series, index)))
        else:
            points = ((x, middle), (x + _SWATCH, middle))
            items.append(Stroke(points, _role(series, index), _WIDTHS[series.weight], _dash(series, index)))
        full = series.name if name != series.name else ""
        items.append(Text(x + _SWATCH + GAP / 2, y + SMALL, name, SMALL, full=full))
        x += width
    return items, y + SMALL * LINE


def _plot(chart: LineChart, top: float) -> tuple[_Plot, tuple[Tick, ...]]:
    """Places the area between the axes beside the labels of the y axis."""
    y = scale_for((v for s in chart.series for v in s.y), chart.y.low, chart.y.high, chart.y.log)
    x = scale_for((v for s in chart.series for v in s.x), chart.x.low, chart.x.high, chart.x.log)
    y_ticks = ticks(y, max(2, int(chart.plot_height / _PX_PER_TICK) + 1))
    left = EDGE + max((text_width(tick.label, SMALL) for tick in y_ticks), default=0.0) + GAP
    right = max(chart.width - EDGE - GAP, left + 1.0)
    return _Plot((left, top, right, top + chart.plot_height), x, y), y_ticks


def _axes(chart: LineChart, plot: _Plot, y_ticks: Sequence[Tick]) -> list[Item]:
    left, top, right, bottom = plot.frame
    items: list[Item] = []
    for tick in y_ticks:
        y = plot.y_at(tick.value)
        if bottom - y > 0.5:
            items.append(Stroke(((left, y), (right, y)), "grid"))
        items.append(Text(left - GAP, y + SMALL * 0.35, tick.label, SMALL, "muted", "end"))
    below = Below(plot.x, left, right, chart.width)
    x_ticks = below.ticks()
    for tick in x_ticks:
        x = below.x_at(tick.value)
        if x - left > 0.5:
            items.append(Stroke(((x, top), (x, bottom)), "grid"))
    items.append(Stroke(((left, bottom), (right, bottom)), "axis"))
    items += below.labels(x_ticks, bottom + GAP * 0.75)
    if chart.x.title:
        y = bottom + GAP + SMALL * LINE + SMALL * 0.9
        items.append(Text((left + right) / 2, y, fit(chart.x.title, SMALL, right - left), SMALL, "muted", "middle"))
    return items


def _line(series: Series, plot: _Plot, index: int) -> list[Item]:
    role = _role(series, index)
    points = plot.points(series)
    if series.dots:
        return [Dot(x, y, _RADIUS, role, series.name) for x, y in _dots(points, plot.frame)]
    items: list[Item] = []
    bottom = plot.frame[3]
    width = _WIDTHS[series.weight]
    for run in visible_runs(points, plot.frame):
        if len(run) == 1:
            items.append(Dot(*run[0], _RADIUS * 0.7, role, series.name))
            continue
        if series.filled:
            items.append(Area(((run[0][0], bottom), *run, (run[-1][0], bottom)), role, _TINT))
        items.append(Stroke(run, role, width, _dash(series, index), series.name))
    return items


def _dots(points: Floats, frame: Frame) -> list[Point]:
    return [
        (float(x), float(y))
        for x, y in points
        if math.isfinite(x) and math.isfinite(y) and frame[0] <= x <= frame[2] and frame[1] <= y <= frame[3]
    ]
