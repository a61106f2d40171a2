"""Shows a window and looks at it as a user does: what is drawn, what overlaps, what is cut off."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QPushButton,
    QScrollArea,
    QWidget,
)
from pytestqt.qtbot import QtBot

_SLACK = 1


def pixel(widget: QWidget, x: float, y: float) -> tuple[int, int, int]:
    """Colour at a place of the widget as painted, in logical pixels."""
    image: QImage = widget.grab().toImage()
    ratio = image.devicePixelRatio()
    colour: QColor = image.pixelColor(round(x * ratio), round(y * ratio))
    return colour.red(), colour.green(), colour.blue()


def visible_children(root: QWidget) -> Iterator[QWidget]:
    """Every widget on screen below ``root``; what scrolled out of sight, and dialogs, are left aside."""
    for child in root.findChildren(QWidget):
        if child.isVisible() and child.window() is root.window() and not child.visibleRegion().isEmpty():
            yield child


def place(widget: QWidget) -> QRect:
    """Where a widget lies in its window."""
    return QRect(widget.mapTo(widget.window(), QPoint(0, 0)), widget.size())


def overlaps(root: QWidget) -> list[str]:
    """Pairs of sibling widgets that cover each other although a layout should keep them apart."""
    found = []
    for parent in (root, *visible_children(root)):
        if isinstance(parent, QScrollArea | QComboBox) or parent.layout() is None:
            continue
        children = [c for c in parent.children() if isinstance(c, QWidget) and c.isVisible() and not c.isWindow()]
        children = [child for child in children if child.objectName() != "banner"]  # it lies over the others
        for index, first in enumerate(children):
            for second in children[index + 1 :]:
                common = first.geometry().intersected(second.geometry())
                if common.width() > _SLACK and common.height() > _SLACK:
                    found.append(f"{_name(first)} over {_name(second)} in {_name(parent)}: {common}")
    return found


def cut_texts(root: QWidget) -> list[str]:
    """Labels and buttons whose words do not fit where they stand."""
    found = []
    for widget in visible_children(root):
        room = widget.contentsRect().size()
        if isinstance(widget, QLabel) and widget.text() and not widget.wordWrap():
            if (
                widget.sizeHint().width() > widget.width() + _SLACK
                or widget.sizeHint().height() > widget.height() + _SLACK
            ):
                found.append(f"{_name(widget)} {widget.text()!r}: {widget.sizeHint()} in {widget.size()}")
        elif isinstance(widget, QLabel) and widget.text():
            needed = widget.heightForWidth(widget.width())
            if needed > widget.height() + _SLACK:
                found.append(f"{_name(widget)} {widget.text()!r}: {needed} lines high in {widget.size()}")
        elif isinstance(widget, QPushButton | QCheckBox) and widget.text():
            words = widget.fontMetrics().horizontalAdvance(widget.text().replace("&", ""))
            if words > room.width():
                found.append(f"{_name(widget)} {widget.text()!r}: {words} in {room}")
        elif isinstance(widget, QAbstractButton) and widget.sizeHint().width() > widget.width() + _SLACK:
            found.append(f"{_name(widget)}: {widget.sizeHint()} in {widget.size()}")
    return found


def outside(root: QWidget) -> list[str]:
    """Widgets that stick out of the window."""
    frame = root.rect().adjusted(-_SLACK, -_SLACK, _SLACK, _SLACK)
    inside_scroll = {child for area in root.findChildren(QScrollArea) for child in area.findChildren(QWidget)}
    return [
        f"{_name(widget)}: {place(widget)}"
        for widget in visible_children(root)
        if widget not in inside_scroll and not frame.contains(place(widget))
    ]


def show_active(qtbot: QtBot, window: QWidget) -> None:
    """Show a window that the keyboard is for; without a window manager nobody else gives it the keyboard."""
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)


def settle() -> None:
    """Let layouts and paints that are due happen."""
    for _ in range(4):
        QApplication.processEvents()


def _name(widget: QWidget) -> str:
    return f"{type(widget).__name__}({widget.objectName() or widget.accessibleName()})"
