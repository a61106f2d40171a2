"""Collects Python's reference cycles on the GUI thread only.

Python collects on whichever thread happens to allocate. Where a worker so destroys what is left of a dialog, it waits
for the interpreter with a lock of Qt in hand, and the GUI thread, destroying widgets, the other way round: for ever.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_EVERY_MS = 1000
_SELDOM = 10  # times less often the oldest generation, which takes tens of milliseconds: Python waits for growth there


class GarbageCollector(QObject):
    """Replaces automatic collection as long as it lives; made, used and closed on the GUI thread.

    Args:
        parent: Owns this object.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._was_enabled = gc.isenabled()
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.collect)
        self._timer.start(_EVERY_MS)

    def collect(self) -> None:
        """Collects the oldest generation that is due, by about Python's own thresholds, and those younger."""
        young, middle, old = gc.get_threshold()
        limits = (young, middle, old * _SELDOM)
        due = [generation for generation in range(3) if gc.get_count()[generation] > limits[generation]]
        if due:
            gc.collect(max(due))

    def close(self) -> None:
        """Leaves collecting to Python again, if it was before."""
        self._timer.stop()
        if self._was_enabled:
            gc.enable()
