"""One quiet line: what is seen, then what is looked at, what looks, how fast, how fresh. GUI thread; told by others.

Where the window is too narrow the less important cells disappear; no figure is ever cut in half.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy

from app.ui.widgets.theme import Theme

_CELLS: tuple[tuple[str, str], ...] = (
    ("alarms", "Whether rules watch the source, and how many events began"),
    ("recording", "How long it has been recording, and how much"),
    ("virtual_camera", "What the view is called as a camera in other programs"),
    ("seen", "What is seen in the video or image"),
    (
        "so_far",
        "Different objects since the source began or was played from elsewhere; one that comes back counts again",
    ),
    ("source", "What is looked at"),
    ("model", "The detector, and where it runs"),
    ("camera", "Frames per second from the source"),
    ("detector", "Frames per second through the detector"),
    ("screen", "Frames per second on screen"),
    ("age", "Delay of the frame on screen, from the device to the paint"),
    ("drops", "Frames skipped because a newer one was there"),
)
_LEAVE_FIRST = (
    "screen",
    "drops",
    "camera",
    "detector",
    "source",
    "age",
    "model",
    "so_far",
    "seen",
    "virtual_camera",
    "recording",
    "alarms",
)
_GAP = 16
_MARGIN = 16


class StatusBar(QFrame):
    """Cells by name; each may be empty."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("bottomBar")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._cells: dict[str, QLabel] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(_MARGIN, 4, _MARGIN, 4)
        self._row.setSpacing(_GAP)
        for name, help_text in _CELLS:
            label = QLabel()
            label.setObjectName("seen" if name == "seen" else "muted")
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setToolTip(help_text)
            label.hide()
            self._cells[name] = label
            self._row.addWidget(label)
            if name == "model":
                self._row.addStretch(1)
        theme.changed.connect(self._arrange)

    def set_cell(self, name: str, words: str, tip: str = "") -> None:
        """Fill one cell; "" hides it."""
        cell = self._cells[name]
        if cell.text() != words:
            cell.setText(words)
            self._arrange()
        if tip:
            cell.setToolTip(tip)

    def clear(self) -> None:
        """Empty every cell."""
        for cell in self._cells.values():
            cell.setText("")
        self._arrange()

    def shown(self) -> dict[str, str]:
        """The words on screen, by cell."""
        return {name: cell.text() for name, cell in self._cells.items() if not cell.isHidden()}

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.fontMetrics().height() + 8)

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        widths = {name: cell.sizeHint().width() for name, cell in self._cells.items() if cell.text()}
        room = self.width() - 2 * _MARGIN
        for name in _LEAVE_FIRST:
            if len(widths) <= 1 or sum(widths.values()) + _GAP * (len(widths) - 1) <= room:
                break
            widths.pop(name, None)
        for name, cell in self._cells.items():
            cell.setVisible(name in widths)
