"""Logs a training: a line per report, curves for TensorBoard, an image and a page.

Owned by the training thread. A log that cannot be written is reported once and does not end the training.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

from app.core.files.atomic_file import write_atomically
from app.lab.training.event_file import EventFile
from app.lab.training.training_curves import VALIDATION, curves_page, curves_png
from detector.errors import ExplainedError
from detector.training.fit import TrainingProgress

LOG, CURVES, PAGE = "log.jsonl", "curves.png", "curves.html"
_PAINT_EVERY_S = 60.0

_log = logging.getLogger(__name__)


class TrainingLog:
    """The log of one training, which may take several runs.

    Args:
        folder: Folder of the checkpoint; must exist.
        step: First step of this run; rows that an interrupted run logged after its last checkpoint are dropped.
        steps: Length of the training.
        paint_every_s: Seconds between updates of the curves.
    """

    def __init__(self, folder: Path, step: int, steps: int, paint_every_s: float = _PAINT_EVERY_S) -> None:
        self._folder = folder
        self._steps = steps
        self._paint_every_s = paint_every_s
        self._painted = time.monotonic()
        self._events: EventFile | None = None
        self._failed = False
        self.rows = [row for row in read_log(folder / LOG) if row["step"] <= step]
        try:
            lines = "".join(json.dumps(row) + "\n" for row in self.rows)
            write_atomically(folder / LOG, lines.encode())
            self._events = EventFile(folder)
        except (OSError, ExplainedError) as error:
            self._fail(error)

    def progress(self, progress: TrainingProgress) -> None:
        """Logs a report."""
        values = {
            "loss/localisation": progress.localisation,
            "loss/confidence": progress.confidence,
            "rate": progress.rate,
            "images_per_s": progress.images_per_s,
        }
        self._add(progress.step, values)
        if time.monotonic() - self._painted >= self._paint_every_s:
            self._paint()

    def validated(self, step: int, scores: dict[str, float]) -> None:
        """Logs a measurement of the network."""
        self._add(step, {VALIDATION + name: value for name, value in scores.items()})

    def close(self) -> None:
        """Closes the log and paints the curves a last time."""
        if self._events is not None:
            self._events.close()
        self._paint()

    def _paint(self) -> None:
        try:
            write_atomically(self._folder / CURVES, curves_png(self.rows))
            name = self._folder.name.removesuffix(".training")
            write_atomically(self._folder / PAGE, curves_page(self.rows, name, self._steps))
        except (OSError, ExplainedError) as error:
            self._fail(error)
        self._painted = time.monotonic()

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
    """Returns the rows of a log, empty if there is none; skips a last line that was cut off."""
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
