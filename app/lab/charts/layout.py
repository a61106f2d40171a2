"""Turns the description of a chart into a drawing: which ticks, how much room for texts, where everything lies. Pure.

The same for every painter: a chart in a report and the same chart as a picture file have one geometry.
"""

from __future__ import annotations

from app.lab.charts.bars import lay_out_bars
from app.lab.charts.describe import BarChart, Chart
from app.lab.charts.drawing import Drawing
from app.lab.charts.lines import lay_out_lines


def layout(chart: Chart) -> Drawing:
    """Every shape and text of ``chart`` at its place."""
    return lay_out_bars(chart) if isinstance(chart, BarChart) else lay_out_lines(chart)
