"""One file dragged onto a dialog, whatever it is called: what it holds is found out by whoever takes it. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from app.ui.widgets.drop_overlay import DropOverlay
from app.ui.widgets.drop_target import dropped
from app.ui.widgets.drops import Drop
from app.ui.widgets.theme import Theme


class FileDrop(QObject):
    """Listens to the drag events of ``widget``."""

    fell = Signal(object)
    """Path of the first file."""

    def __init__(self, widget: QWidget, theme: Theme) -> None:
        super().__init__(widget)
        self._widget = widget
        self.overlay = DropOverlay(theme, widget)
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QDragEnterEvent):
            paths = dropped(event.mimeData()).paths
            if not paths:
                return False
            self.overlay.begin(Drop("weights", paths[:1]))
            self.overlay.move_to(event.position())
        elif isinstance(event, QDropEvent) and not isinstance(event, QDragMoveEvent):
            self.overlay.hide()
            paths = dropped(event.mimeData()).paths
            if paths:
                self.fell.emit(paths[0])
        elif event.type() == QEvent.Type.DragLeave:
            self.overlay.hide()
            return True
        elif event.type() == QEvent.Type.Resize:
            self.overlay.setGeometry(self._widget.rect())
            return False
        elif not isinstance(event, QDragMoveEvent):
            return False
        assert isinstance(event, QDropEvent)
        event.acceptProposedAction()
        return True
