"""Things dragged onto the window: recognised, shown where they may fall, and routed. GUI thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QObject, QPointF
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent

from app.ui.widgets.drop_overlay import DropOverlay
from app.ui.widgets.drops import Drop, classify

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow


def local_paths(mime: QMimeData) -> list[Path]:
    """The files and folders in a drag."""
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]


def dropped(mime: QMimeData) -> Drop:
    """The files in a drag."""
    return classify(local_paths(mime))


class DropTarget(QObject):
    """Listens to the window's drag events."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.overlay = DropOverlay(window.theme, window)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def follow(self) -> None:
        """The window changed its size."""
        self.overlay.setGeometry(self._window.rect())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QDragEnterEvent):
            return self._entered(event)
        if isinstance(event, QDragMoveEvent):
            self.overlay.move_to(event.position())
            event.acceptProposedAction()
            return True
        if event.type() == QEvent.Type.DragLeave:
            self.overlay.hide()
            return True
        if isinstance(event, QDropEvent):
            self.let_go(dropped(event.mimeData()), event.position())
            event.acceptProposedAction()
            return True
        return False

    def let_go(self, drop: Drop, position: QPointF) -> None:
        """Do what the place where it fell says."""
        if not self.overlay.isVisible():
            self.overlay.begin(drop)
        choice = self.overlay.choice(position)
        self.overlay.hide()
        if not choice or not drop.paths:
            return
        first = drop.paths[0]
        if choice == "queue":
            self._window.show_queue(drop.to_export)
        elif choice == "export":
            self._window.show_export(first)
        elif choice == "import":
            self._window.import_model(first)
        else:
            self._window.open_source(str(first))

    def _entered(self, event: QDragEnterEvent) -> bool:
        drop = dropped(event.mimeData())
        if drop.kind == "nothing":
            return False
        self.overlay.begin(drop)
        self.overlay.move_to(event.position())
        event.acceptProposedAction()
        return True
