"""Layout of bar charts: a column of labels, bars from zero, and a text at the end of each. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.core.charts.colours import series_role
from app.core.charts.describe import Bar, BarChart
from app.core.charts.drawing import Box, Drawing, Item, Stroke, Text
from app.core.charts.parts import EDGE, GAP, LINE, SMALL, Below, head
from app.core.charts.text import fit, text_width
from app.core.charts.ticks import MAX_VALUE, Scale, scale_for

_ROW = 21.0
_BAR = 13.0
_MAX_LABEL_SHARE = 0.4  # of the width
_MIN_BARS_PX = 24.0  # left for the bars, however long the texts


@dataclass(frozen=True, slots=True)
class _Plot:
    left: float
    right: float
    top: float
    scale: Scale

    def x_at(self, value: float) -> float:
        place = min(max(self.scale.place(value), 0.0), 1.0)
        return self.left + place * (self.right - self.left)


def lay_out_bars(chart: BarChart) -> Drawing:
    """Lays out every shape and text of ``chart``."""
    items, top = head(chart.title, chart.note, chart.width)
    plot = _plot(chart, top + GAP)
    bottom = plot.top + _ROW * len(chart.bars)
    below = Below(plot.scale, plot.left, plot.right, chart.width)
    x_ticks = below.ticks()
    zero = plot.x_at(0.0)
    for tick in x_ticks:
        x = plot.x_at(tick.value)
        if abs(x - zero) > 0.5:
            items.append(Stroke(((x, plot.top), (x, bottom)), "grid"))
    for index, bar in enumerate(chart.bars):
        items += _bar(bar, plot, plot.top + _ROW * index, chart.width)
    items.append(Stroke(((zero, plot.top), (zero, bottom)), "axis"))
    items += below.labels(x_ticks, bottom + GAP / 2)
    end = bottom + GAP / 2 + SMALL * LINE
    if chart.axis.title:
        middle = (plot.left + plot.right) / 2
        room = 2 * min(middle - EDGE, chart.width - EDGE - middle)
        items.append(Text(middle, end + SMALL, fit(chart.axis.title, SMALL, room), SMALL, "muted", "middle"))
        end += SMALL * LINE
    return Drawing(chart.width, end + EDGE, _summary(chart), tuple(items))


def _summary(chart: BarChart) -> str:
    shown = ", ".join(f"{bar.label} {_text(bar)}".strip() for bar in chart.bars[:20])
    return ". ".join(part for part in (chart.title, chart.note, chart.axis.title, shown) if part)


def _text(bar: Bar) -> str:
    if bar.text is not None:
        return bar.text
    return f"{bar.value:.3g}" if math.isfinite(bar.value) else "n/a"


def _has_place(value: float) -> bool:
    return abs(value) <= MAX_VALUE


def _plot(chart: BarChart, top: float) -> _Plot:
    """Gives the bars the room that the labels on their left and the texts on their right leave."""
    ends = [bar.value for bar in chart.bars if _has_place(bar.value)]
    low = chart.axis.low if chart.axis.low is not None and chart.axis.low <= 0 else None
    high = chart.axis.high if chart.axis.high is not None and chart.axis.high > 0 else None
    if low is None and min(ends, default=0.0) >= 0:
        low = 0.0
    scale = scale_for([0.0, *ends], low, high)
    labels = max((text_width(bar.label, SMALL) for bar in chart.bars), default=0.0)
    left = EDGE + min(labels, chart.width * _MAX_LABEL_SHARE) + GAP
    texts = max((text_width(_text(bar), SMALL) for bar in chart.bars), default=0.0)
    right = max(chart.width - EDGE - texts - GAP, left + _MIN_BARS_PX)
    return _Plot(left, right, top, scale)


def _bar(bar: Bar, plot: _Plot, top: float, width: float) -> list[Item]:
    middle = top + _ROW / 2
    baseline = middle + SMALL * 0.35
    label = fit(bar.label, SMALL, plot.left - GAP - EDGE)
    items: list[Item] = [
        Text(plot.left - GAP, baseline, label, SMALL, anchor="end", full=bar.label if label != bar.label else "")
    ]
    end = plot.x_at(0.0)
    if _has_place(bar.value):
        first, last = sorted((end, plot.x_at(bar.value)))
        name = f"{bar.label}: {_text(bar)}"
        items.append(Box(first, middle - _BAR / 2, last - first, _BAR, series_role(bar.colour), name))
        end = max(end, last)
    text = fit(_text(bar), SMALL, width - EDGE - end - GAP / 2)
    items.append(Text(end + GAP / 2, baseline, text, SMALL))
    return items
