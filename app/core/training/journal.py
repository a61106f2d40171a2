"""What a training writes down besides its weights: a line per report, curves for TensorBoard, and a picture of them.

Owned by the thread that trains. A log that cannot be written is said once and does not end the training.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from app.core.charts import Axis, LineChart, Series, in_grid, layout, png_bytes
from app.core.part_file import write_whole
from app.core.training.event_file import EventFile
from detector.errors import ExplainedError
from detector.training.fit import Progress

LOG, CURVES = "log.jsonl", "curves.png"
_MOST_POINTS = 1000  # of a curve in the picture

_log = logging.getLogger(__name__)


class Journal:
    """The log of one training, which may take several runs.

    Args:
        folder: Beside the checkpoint; must exist.
        step: Where this run begins: what an interrupted run logged after its last checkpoint is dropped.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._folder = folder
        self._events: EventFile | None = None
        self._failed = False
        self.rows = [row for row in read_log(folder / LOG) if row["step"] <= step]
        try:
            lines = "".join(json.dumps(row) + "\n" for row in self.rows)
            write_whole(folder / LOG, lines.encode())
            self._events = EventFile(folder)
        except (OSError, ExplainedError) as error:
            self._fail(error)

    def progress(self, progress: Progress) -> None:
        """Some steps are done."""
        values = {
            "loss/localisation": progress.localisation,
            "loss/confidence": progress.confidence,
            "rate": progress.rate,
            "images_per_s": progress.images_per_s,
        }
        self._add(progress.step, values)

    def validated(self, step: int, scores: dict[str, float]) -> None:
        """The network was measured."""
        self._add(step, {f"validation/{name}": value for name, value in scores.items()})

    def close(self) -> None:
        """Paint the curves; nothing more will come."""
        if self._events is not None:
            self._events.close()
        try:
            write_whole(self._folder / CURVES, png_bytes(in_grid([layout(chart) for chart in charts(self.rows)], 1)))
        except (OSError, ExplainedError) as error:
            self._fail(error)

    def _add(self, step: int, values: dict[str, float]) -> None:
        row: dict[str, Any] = {"step": step, **values}
        self.rows.append(row)
        try:
            with (self._folder / LOG).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            if self._events is not None:
                self._events.scalars(step, values)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            _log.warning("the log of the training cannot be written: %s", error)
        self._failed = True


def read_log(path: Path) -> list[dict[str, Any]]:
    """The rows of a log; none where there is no log, and a last line that was cut off is left out."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and type(row.get("step")) is int:
            rows.append(row)
    return rows


def charts(rows: list[dict[str, Any]]) -> list[LineChart]:
    """The curves of a training: losses, learning rate, and accuracy where it was measured."""
    losses = (_series("localisation", rows, "loss/localisation"), _series("confidence", rows, "loss/confidence"))
    result = [
        LineChart("Loss", losses, Axis("step"), Axis("loss", log=True)),
        LineChart("Learning rate", (_series("rate", rows, "rate"),), Axis("step"), Axis("rate", low=0.0)),
    ]
    measured = sorted({name for row in rows for name in row if name.startswith("validation/")})
    if measured:
        lines = tuple(_series(name.removeprefix("validation/"), rows, name) for name in measured)
        result.append(LineChart("Accuracy", lines, Axis("step"), Axis("", low=0.0, high=1.0)))
    return result


def _series(name: str, rows: list[dict[str, Any]], key: str) -> Series:
    """One curve; neighbouring points are averaged where there are more than can be seen."""
    points = [(row["step"], row[key]) for row in rows if isinstance(row.get(key), int | float)]
    chunk = -(-len(points) // _MOST_POINTS) or 1
    groups = [points[low : low + chunk] for low in range(0, len(points), chunk)]
    return Series.of(
        name,
        (sum(step for step, _ in group) / len(group) for group in groups),
        (sum(value for _, value in group) / len(group) for group in groups),
    )
