"""Plots a training as an image and a page: loss, learning rate, pace, accuracy. Pure: rows in, bytes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import app
from app.core.charts import Axis, LineChart, Series, in_grid, layout, png_bytes, svg_element
from app.core.charts.svg import escaped
from app.core.html_page import cards, page

VALIDATION = "validation/"
_MAX_POINTS = 1000  # per curve
_SHOWN = (
    ("loss/localisation", "localisation loss", ".3f"),
    ("loss/confidence", "confidence loss", ".3f"),
    ("rate", "learning rate", ".2g"),
    ("images_per_s", "images/s", ".1f"),
)

Rows = Sequence[dict[str, Any]]
"""A row of the log: a "step" and some of the numbers."""


def curves_png(rows: Rows) -> bytes:
    """Returns all curves in one PNG, below each other."""
    return png_bytes(in_grid([layout(chart) for chart in charts(rows)], 1))


def curves_page(rows: Rows, name: str, steps: int) -> bytes:
    """Returns a self-contained HTML file.

    Args:
        rows: Rows of the log.
        name: Name of the training.
        steps: Length of the training.
    """
    drawn = "".join(svg_element(layout(chart)) for chart in charts(rows))
    body = [
        f"<h1>Training of {escaped(name)}</h1>",
        cards(_numbers(rows, steps)),
        f'<div class="charts">{drawn}</div>',
        f"<footer>Made by ssd-viewer {escaped(app.__version__)}; updated while the training runs.</footer>",
    ]
    return page(f"Training of {name}", body).encode()


def charts(rows: Rows) -> list[LineChart]:
    """Returns charts of losses, learning rate, images per second, and accuracy if measured."""
    losses = (_series("localisation", rows, "loss/localisation"), _series("confidence", rows, "loss/confidence"))
    step = Axis("step")
    result = [
        LineChart("Loss", losses, step, Axis("loss", log=True)),
        LineChart("Learning rate", (_series("rate", rows, "rate"),), step, Axis("rate", low=0.0)),
        LineChart("Pace", (_series("images/s", rows, "images_per_s"),), step, Axis("images/s", low=0.0)),
    ]
    if measured := _measured(rows):
        lines = tuple(_series(name.removeprefix(VALIDATION), rows, name) for name in measured)
        result.append(LineChart("Accuracy", lines, step, Axis("", low=0.0, high=1.0)))
    return result


def _measured(rows: Rows) -> list[str]:
    return sorted({name for row in rows for name in row if name.startswith(VALIDATION)})


def _numbers(rows: Rows, steps: int) -> Iterator[tuple[str, str]]:
    """Returns the newest value of each number, as text."""
    yield f"{max((row['step'] for row in rows), default=0):,}", f"of {steps:,} steps"
    newest = {name: value for row in rows for name, value in row.items() if isinstance(value, int | float)}
    measured = ((name, name.removeprefix(VALIDATION), ".4f") for name in _measured(rows))
    for key, words, form in (*_SHOWN, *measured):
        if key in newest:
            yield format(newest[key], form), words


def _series(name: str, rows: Rows, key: str) -> Series:
    """Returns one curve; averages neighbouring points if there are more than can be seen."""
    points = [(row["step"], row[key]) for row in rows if isinstance(row.get(key), int | float)]
    chunk = -(-len(points) // _MAX_POINTS) or 1
    groups = [points[low : low + chunk] for low in range(0, len(points), chunk)]
    return Series.of(
        name,
        (sum(step for step, _ in group) / len(group) for group in groups),
        (sum(value for _, value in group) / len(group) for group in groups),
    )
