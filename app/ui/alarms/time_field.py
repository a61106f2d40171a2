"""A field for a length of time: a number and its unit. GUI thread."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QWidget

_UNITS = (("s", 1.0), ("min", 60.0), ("h", 3600.0))
_MOST_S = 86_400.0


class TimeField(QWidget):
    """Seconds, minutes or hours, up to a day.

    Args:
        name: For screen readers.
        none: What no time means.
    """

    def __init__(self, name: str, none: str = "") -> None:
        super().__init__()
        self.number = QDoubleSpinBox()
        self.number.setDecimals(1)
        self.number.setAccessibleName(name)
        self.number.setSpecialValueText(none)
        self.unit = QComboBox()
        self.unit.setAccessibleName(f"{name}, unit")
        for words, size in _UNITS:
            self.unit.addItem(words, size)
        self.unit.currentIndexChanged.connect(self._limit)
        self._limit()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.number, 1)
        row.addWidget(self.unit)

    @property
    def seconds(self) -> float:
        """The time."""
        return round(self.number.value() * float(self.unit.currentData()), 1)

    def show_seconds(self, seconds: float) -> None:
        """Show a time in the largest unit in which it is a whole or a half."""
        fitting = (place for place, (_, size) in enumerate(_UNITS) if seconds >= size and seconds % (size / 2) == 0)
        place = max(fitting, default=0)
        self.unit.setCurrentIndex(place)
        self.number.setValue(seconds / _UNITS[place][1])

    def _limit(self, _index: int = 0) -> None:
        self.number.setRange(0.0, _MOST_S / float(self.unit.currentData()))
