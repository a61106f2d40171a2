"""Recognises files dragged onto a window or dialog, shows where they may fall, and passes them on. GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QPointF, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from app.ui.widgets.drop_overlay import DropOverlay
from app.ui.widgets.drops import Drop, classify
from app.ui.widgets.theme import Theme


def local_paths(mime: QMimeData) -> list[Path]:
    """Returns the files and folders in a drag."""
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]


class DropTarget(QObject):
    """Listens to the drag events of ``widget``.

    Args:
        widget: Where things are dropped; owns this object.
        theme: The colours of the overlay.
        recognise: Says what the files in a drag are.
    """

    opened = Signal(object)
    """Path to look at."""
    exported = Signal(object)
    """Path of the one video to export."""
    queued = Signal(object)
    """Paths of videos, and folders of them, to export one after the other."""
    imported = Signal(object)
    """Path of a model file."""

    def __init__(self, widget: QWidget, theme: Theme, recognise: Callable[[Sequence[Path]], Drop] = classify) -> None:
        super().__init__(widget)
        self._widget, self._recognise = widget, recognise
        self.overlay = DropOverlay(theme, widget)
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QDragEnterEvent):
            return self._entered(event)
        if isinstance(event, QDragMoveEvent):
            self.overlay.move_to(event.position())
            event.acceptProposedAction()
            return True
        if isinstance(event, QDropEvent):
            self.let_go(self._recognise(local_paths(event.mimeData())), event.position())
            event.acceptProposedAction()
            return True
        if event.type() == QEvent.Type.DragLeave:
            self.overlay.hide()
            return True
        if event.type() == QEvent.Type.Resize:
            self.overlay.setGeometry(self._widget.rect())
        return False

    def let_go(self, drop: Drop, position: QPointF) -> None:
        """Emit what the place where ``drop`` fell stands for."""
        if not self.overlay.isVisible():
            self.overlay.begin(drop)
        choice = self.overlay.choice(position)
        self.overlay.hide()
        if not choice or not drop.paths:
            return
        if choice == "queue":
            self.queued.emit(drop.to_export)
        else:
            {"open": self.opened, "export": self.exported, "import": self.imported}[choice].emit(drop.paths[0])

    def _entered(self, event: QDragEnterEvent) -> bool:
        drop = self._recognise(local_paths(event.mimeData()))
        if drop.kind == "nothing":
            return False
        self.overlay.begin(drop)
        self.overlay.move_to(event.position())
        event.acceptProposedAction()
        return True
