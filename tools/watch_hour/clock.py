"""A clock for a program that can be set while it runs, by libfaketime; its monotonic clock is left alone.

The program sees it within a second.
"""

from __future__ import annotations

import bisect
import time
from datetime import datetime, timedelta
from pathlib import Path

_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1")


class SetClock:
    """The wall clock of another process.

    Args:
        file: Where libfaketime is told.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._library = next((str(path) for place in _LIBRARIES for path in Path("/").glob(place[1:])), "")
        self._changes: list[tuple[float, float]] = [(0.0, 0.0)]
        self._write(0.0)

    @property
    def missing(self) -> str:
        """Returns why it cannot be set; "" where it can."""
        return "" if self._library else "libfaketime (package faketime) is not installed"

    @property
    def environment(self) -> dict[str, str]:
        """Returns the variables that the process needs."""
        if not self._library:
            return {}
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

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
        part = self._file.with_suffix(".new")
        part.write_text(f"{offset_s:+.3f}\n")
        part.replace(self._file)
