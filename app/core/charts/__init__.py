"""Charts: described as data, laid out once, painted as SVG or as PNG. See ``describe`` for what a chart can show.

drawing = layout(LineChart("Loss", (Series.of("train", steps, losses),), Axis("step"), Axis("loss", log=True)))
page += svg_element(drawing)            # in a page that has svg_style()
write_atomically(path, png_bytes(drawing))   # or svg_file(drawing).encode()
"""

from app.core.charts.describe import Axis, Bar, BarChart, Chart, LineChart, Series, Weight
from app.core.charts.drawing import Drawing
from app.core.charts.grid import in_grid
from app.core.charts.layout import layout
from app.core.charts.png import png_bytes
from app.core.charts.svg import svg_element, svg_file, svg_style

__all__ = [
    "Axis",
    "Bar",
    "BarChart",
    "Chart",
    "Drawing",
    "LineChart",
    "Series",
    "Weight",
    "in_grid",
    "layout",
    "png_bytes",
    "svg_element",
    "svg_file",
    "svg_style",
]
