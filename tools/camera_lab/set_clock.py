"""The clock of the machine inside, which nobody else goes by."""

from __future__ import annotations

import time
from pathlib import Path

from tools.watch_hour.clock import SetClock


class GuestClock(SetClock):
    """Sets the system's clock itself."""

    def __init__(self, file: Path) -> None:
        self._right_s = time.time() - time.monotonic()
        super().__init__(file)

    def before_midnight(self, seconds: float) -> None:
        """Sets it so many seconds before the midnight that is next by the right time."""
        self.set_right()
        super().before_midnight(seconds)

    def set_right(self) -> None:
        """Sets it as it was at first, for ``monotonic_s``."""
        self._write(0.0)

    def _write(self, offset_s: float) -> None:
        self.file.write_text("0")  # the program need not add anything
        time.clock_settime(time.CLOCK_REALTIME, time.monotonic() + self._right_s + offset_s)
