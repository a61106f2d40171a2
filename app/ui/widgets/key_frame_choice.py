"""Choice of how often the network sees a frame. A row of a form. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSpinBox, QWidget

from app.core.export.request import AUTO, MAX_DETECT_EVERY

_SOME = -1  # the item whose number stands beside it
_ITEMS = (("On every frame", 1), ("As often as the frame rate asks for", AUTO), ("On every Nth frame", _SOME))
_HELP = "Between the frames that the detector sees, motion carries the boxes along: faster, and less exact"


class KeyFrameChoice(QWidget):
    """Collects ``ExportRequest.detect_every``."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.combo = QComboBox()
        self.combo.setAccessibleName("How often to detect")
        self.combo.setToolTip(_HELP)
        for words, value in _ITEMS:
            self.combo.addItem(words, value)
        self.number = QSpinBox()
        self.number.setAccessibleName("Frames from one detection to the next")
        self.number.setRange(2, MAX_DETECT_EVERY)
        self.number.setValue(5)
        self.number.setPrefix("N = ")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.combo)
        row.addWidget(self.number)
        row.addStretch(1)
        self.combo.currentIndexChanged.connect(self._chosen)
        self.number.valueChanged.connect(self.changed)
        self._chosen()

    @property
    def value(self) -> int:
        """The choice, as ``ExportRequest.detect_every``."""
        chosen = int(self.combo.currentData())
        return self.number.value() if chosen == _SOME else chosen

    def show_value(self, detect_every: int) -> None:
        """Show what was chosen before."""
        place = self.combo.findData(detect_every)
        if place < 0:
            place = self.combo.findData(_SOME)
            self.number.setValue(detect_every)
        self.combo.setCurrentIndex(place)

    def _chosen(self) -> None:
        self.number.setVisible(int(self.combo.currentData()) == _SOME)
        self.changed.emit()
