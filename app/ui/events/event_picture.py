"""A small window with the best picture of an event and what is known of it. GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QDialog, QFileDialog, QLabel, QPushButton, QVBoxLayout, QWidget

from app.core.events.listing import ListedEvent
from app.ui.events.event_rows import day_time_text, facts_text, title_text

_SIZE = (480, 320)


class EventPicture(QDialog):
    """Shows one event after the other; the list keeps the keyboard.

    Args:
        picture_of: Has the picture of an event, or will have it soon.
        parent: Over which it opens.
    """

    save_asked = Signal(object, object)
    """``ListedEvent`` whose picture is to be kept as a file, and the path of that."""

    def __init__(self, picture_of: Callable[[ListedEvent], QImage | None], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self._picture_of = picture_of
        self._row: ListedEvent | None = None
        self.picture = QLabel()
        self.picture.setFixedSize(*_SIZE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.facts = QLabel()
        self.facts.setObjectName("muted")
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.save = QPushButton("Save picture…")
        self.save.setAutoDefault(False)
        self.save.clicked.connect(self._save)
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 12, 12, 12)
        box.setSpacing(8)
        box.addWidget(self.picture)
        box.addWidget(self.facts)
        box.addWidget(self.save, 0, Qt.AlignmentFlag.AlignRight)

    def show_event(self, row: ListedEvent) -> None:
        """Show this event from now on."""
        self._row = row
        self.setWindowTitle(title_text(row))
        self.facts.setText(facts_text(row, None))
        self.save.setVisible(row.live is not None and row.live.kept > 0)
        self.show_picture()
        self.show()

    def show_picture(self) -> None:
        """Show the picture, if it is there by now."""
        image = None if self._row is None else self._picture_of(self._row)
        if image is None:
            self.picture.clear()
            return
        size = self.picture.size() * self.devicePixelRatioF()
        kept, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        pixmap = QPixmap.fromImage(image.scaled(size, kept, smooth))
        pixmap.setDevicePixelRatio(self.devicePixelRatioF())
        self.picture.setPixmap(pixmap)

    def _save(self) -> None:
        row = self._row
        if row is None:
            return
        proposal = f"{row.label} {day_time_text(row.live, row.best_s) if row.live else ''}.jpg".replace(":", "-")
        chosen, _ = QFileDialog.getSaveFileName(self, "Save picture", proposal, "Pictures (*.jpg)")
        if chosen:
            self.save_asked.emit(row, Path(chosen))
