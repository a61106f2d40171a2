"""Drags files onto a window, as a file manager would."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.ui.widgets.drop_overlay import DropOverlay


def drop(widget: QWidget, paths: Sequence[Path], where: QPointF) -> None:
    """Enters ``widget`` with the files, and lets them go at ``where``."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    kinds = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Qt 6.12 on; 6.11 has no other way to make one
        entering = QDragEnterEvent(where.toPoint(), *kinds)
    QApplication.sendEvent(widget, entering)
    overlay = widget.findChild(DropOverlay)
    assert isinstance(overlay, DropOverlay)
    assert overlay.isVisible() == bool(paths)
    QApplication.sendEvent(widget, QDropEvent(where, *kinds))
    assert not overlay.isVisible()
