"""A clock for a program that can be set while it runs; its monotonic clock is left alone.

The program reads it in Python's ``time`` and ``datetime``. Not libfaketime, which holds up a program of many threads:
signals and frames came seconds late.
"""

from __future__ import annotations

import bisect
import contextlib
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from unittest.mock import patch

from app.core.recording import recording_file
from app.core.watching import snapshots


class SetClock:
    """The wall clock of another process, which goes by it with ``wall_clock``.

    Args:
        file: Where the process is told.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._changes: list[tuple[float, float]] = [(0.0, 0.0)]
        self._write(0.0)

    def before_midnight(self, seconds: float) -> None:
        """Sets it so many seconds before the next midnight."""
        now = datetime.now()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        self._set((midnight - now).total_seconds() - seconds)

    def back(self, seconds: float) -> None:
        """Sets it back."""
        self._set(self._changes[-1][1] - seconds)

    def monotonic_s(self, wall: str, told_s: float) -> float:
        """Returns the moment on the monotonic clock that a line means.

        Args:
            wall: ISO 8601, as the process says it.
            told_s: When the line came: its times are of the clock as it was then.
        """
        place = bisect.bisect_right(self._changes, (told_s, float("inf"))) - 1
        offset_s = self._changes[place][1]
        return datetime.fromisoformat(wall).timestamp() - offset_s - (time.time() - time.monotonic())

    def was_set(self, begin_s: float, end_s: float) -> bool:
        """Returns whether it was set between two moments."""
        return any(begin_s <= moment <= end_s for moment, _ in self._changes)

    def _set(self, offset_s: float) -> None:
        self._changes.append((time.monotonic(), offset_s))
        self._write(offset_s)

    def _write(self, offset_s: float) -> None:
        part = self.file.with_suffix(".new")
        part.write_text(f"{offset_s:.3f}")
        part.replace(self.file)


@contextlib.contextmanager
def wall_clock(file: Path) -> Iterator[None]:
    """Goes by a ``SetClock`` while inside.

    Args:
        file: As of ``SetClock``.
    """
    real = time.time

    class Datetime(datetime):
        """Asks the same clock."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Datetime:
            return cls.fromtimestamp(time.time(), tz)

    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.object(time, "time", lambda: real() + float(file.read_text())))
        for module in (recording_file, snapshots):
            stack.enter_context(patch.object(module, "datetime", Datetime))
        yield
