"""Turns the description of a chart into a drawing: ticks, room for texts, positions. Pure.

All painters share it: a chart in a report and the same chart as an image file have one geometry.
"""

from __future__ import annotations

from app.core.charts.bars import lay_out_bars
from app.core.charts.describe import BarChart, Chart
from app.core.charts.drawing import Drawing
from app.core.charts.lines import lay_out_lines


def layout(chart: Chart) -> Drawing:
    """Lays out every shape and text of ``chart``."""
    return lay_out_bars(chart) if isinstance(chart, BarChart) else lay_out_lines(chart)
