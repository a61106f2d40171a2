"""Says over the view what the status bar says otherwise: that it records, is armed, is shared. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from app.ui.view.zoom_view import ZoomView
from app.ui.widgets.icons import pixmap

_ICONS = {
    "recording": ("record", "#ff6b6b"),
    "alarms": ("bell", "#f4f6f8"),
    "virtual_camera": ("camera", "#f4f6f8"),
}
"""From left to right; on the dark plate that both themes have over the frame."""
_ICON_SIZE = 16
_MARGIN = 12  # pixels to the edges of the view
_SPACING = 8
_GAP = 4


class LiveSign(QFrame):
    """Lies in the top right corner of the view, beside the zoom; clicks go through it.

    Args:
        view: Lies below it.
    """

    def __init__(self, view: ZoomView) -> None:
        super().__init__(view)
        self._view = view
        self._allowed = False
        self._covered = 0
        self.setObjectName("notice")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 8, 12, 8)
        self._row.setSpacing(2 * _SPACING)
        self._cells = {name: self._cell() for name in _ICONS}
        for watched in (view, view.zoom_plate):
            watched.installEventFilter(self)
        self._update()

    def _cell(self) -> _Cell:
        cell = _Cell()
        cell.hide()
        self._row.addWidget(cell)
        return cell

    def tell(self, name: str, words: str, spoken: str) -> None:
        """Says one thing; "" says it no more.

        Args:
            name: "recording", "alarms" or "virtual_camera".
            words: A few, beside the icon.
            spoken: What a screen reader says instead.
        """
        cell = self._cells[name]
        cell.words.setText(words)
        cell.words.setAccessibleName(spoken)
        if cell.isHidden():
            cell.words.setMinimumWidth(0)
            cell.icon.setPixmap(pixmap(*_ICONS[name], _ICON_SIZE, self.devicePixelRatioF()))
        cell.setVisible(bool(words))
        room = max(cell.words.minimumWidth(), cell.words.sizeHint().width())
        cell.words.setMinimumWidth(room)  # no digit moves the rest
        self._update()

    def allow(self, allowed: bool) -> None:
        """Be there, or not even with something to say."""
        self._allowed = allowed
        self._update()

    def set_covered(self, width: int) -> None:
        """Keep out of that many pixels at the right of the view, which something else covers."""
        self._covered = width
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide):
            self._place()
        return super().eventFilter(watched, event)

    def _update(self) -> None:
        self.setVisible(self._allowed and any(not cell.isHidden() for cell in self._cells.values()))
        self._place()

    def _place(self) -> None:
        if self.isHidden():
            return
        self.adjustSize()
        plate = self._view.zoom_plate
        beside = plate.x() - _SPACING if not plate.isHidden() else self._view.width() - _MARGIN
        self.move(min(beside, self._view.width() - self._covered - _MARGIN) - self.width(), _MARGIN)
        self.raise_()


class _Cell(QWidget):
    """An icon with its words."""

    def __init__(self) -> None:
        super().__init__()
        self.icon, self.words = QLabel(), QLabel()
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(_GAP)
        row.addWidget(self.icon)
        row.addWidget(self.words)
