"""Lies over the view: shows the zones thin, or lets them be drawn with mouse and keyboard. GUI thread."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal, SignalInstance
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QRegion
from PySide6.QtWidgets import QWidget

from app.core.events.geometry import Point
from app.core.events.scene import Scene
from app.ui.zones.drawing import Drawing
from app.ui.zones.hits import Reach, hit
from app.ui.zones.painter import paint_edited, paint_watched
from app.ui.zones.zone_text import chosen_text

_REACH = 9.0  # pixels
_KEEPS = frozenset(
    (
        Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Escape, Qt.Key.Key_Return,
        Qt.Key.Key_Enter, Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_Insert,
    )
)  # fmt: skip
_STEPS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_LEAPS = 10


class FrameView(Protocol):
    """The part of the view that the overlay needs."""

    rearranged: SignalInstance
    card: QRectF

    def frame_rect(self) -> QRectF: ...


class ZoneOverlay(QWidget):
    """A transparent sheet of the view's size.

    Args:
        view: What it lies on; must be a ``FrameView``.
        where: The same, as one.
    """

    changed = Signal()
    """Shapes or the choice among them may be others than before."""
    ended = Signal()
    """The user is done."""
    menu_asked = Signal(object, object)
    """(Hit or None, place from 0 to 1) under the pointer, and ``menu_at`` where on the screen."""

    def __init__(self, view: QWidget, where: FrameView) -> None:
        super().__init__(view)
        self._view, self._where = view, where
        self.drawing = Drawing(Scene())
        self.menu_at = QPointF()
        self.palette_name = "vivid"
        self.frame_pixels = (1, 1)
        """Width and height of the frame, which the arrow keys go by."""
        self.by_keys = False
        """Whether the keyboard was used last, not the mouse."""
        self._editing = False
        self._watched = True
        self._layer: tuple[object, QImage] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Zones, lines and masks on the frame")
        where.rearranged.connect(self._lie_over)
        self.set_editing(False)
        self._lie_over()

    @property
    def editing(self) -> bool:
        """Returns whether shapes can be drawn."""
        return self._editing

    def set_editing(self, editing: bool) -> None:
        """Let shapes be drawn, or only be seen."""
        self._editing = editing
        self._layer = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, not editing)
        self.setMouseTracking(editing)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if editing else Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.CrossCursor if editing else Qt.CursorShape.ArrowCursor)
        self.refresh()

    def set_watched(self, watched: bool) -> None:
        """Sets whether shapes are seen while they are not edited."""
        self._watched = watched
        self.refresh()

    def refresh(self) -> None:
        """Paint again, and tell."""
        self.setVisible(self._editing or (self._watched and bool(self.drawing.edit.kept)))
        self.setAccessibleDescription(chosen_text(self.drawing) if self._editing else "")
        self.update()
        self.changed.emit()

    # -- painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        frame = self._where.frame_rect()
        if frame.isEmpty():
            return
        painter = QPainter(self)
        if self._editing:
            paint_edited(painter, self.drawing, frame, self.palette_name, self.hasFocus())
        else:
            painter.setClipRegion(QRegion(self.rect()) - QRegion(self._where.card.toAlignedRect()))
            painter.drawImage(0, 0, self._watched_layer(frame))
        painter.end()

    def _watched_layer(self, frame: QRectF) -> QImage:
        """The shapes as they are watched; made once, as they are painted again with every frame of the video."""
        ratio = self.devicePixelRatioF()
        look = (self.drawing.edit.kept, frame.getRect(), self.size().toTuple(), ratio, self.palette_name)
        if self._layer is None or self._layer[0] != look:
            image = QImage(self.size() * ratio, QImage.Format.Format_ARGB32_Premultiplied)
            image.setDevicePixelRatio(ratio)
            image.fill(Qt.GlobalColor.transparent)
            painter = QPainter(image)
            paint_watched(painter, self.drawing.edit.kept, frame, self.palette_name)
            painter.end()
            self._layer = (look, image)
        return self._layer[1]

    # -- the mouse -----------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self._where.frame_rect().isEmpty():
            self.by_keys = False
            self.drawing.press(self._place(event.position()), self._reach())
            self.refresh()
            if self.drawing.tool == "select" and self.drawing.selected is None and self._is_zoomed:
                event.ignore()
        else:
            event.ignore()  # the view may move the frame

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() not in (Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton):
            event.ignore()
        elif not self._where.frame_rect().isEmpty():
            self.drawing.move(self._place(event.position()), self._reach())
            self._show_cursor(event.position())
            if event.buttons() or self.drawing.path:
                self.refresh()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self._where.frame_rect().isEmpty():
            self.drawing.release(self._place(event.position()), self._reach())
            self.refresh()
        else:
            event.ignore()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self._where.frame_rect().isEmpty():
            self.drawing.double_click(self._place(event.position()), self._reach())
            self.refresh()
        else:
            event.ignore()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self._where.frame_rect().isEmpty():
            return
        place = self._place(QPointF(event.pos()))
        found = hit(self.drawing.edit.kept, place, self._reach(), self.drawing.selected)
        if found is not None:
            self.drawing.select(found.shape, found.point)
            self.refresh()
        self.menu_at = QPointF(event.globalPos())
        self.menu_asked.emit(found, place)

    def leaveEvent(self, event: QEvent) -> None:
        self.drawing.pointer = None
        self.update()
        super().leaveEvent(event)

    # -- the keyboard --------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if self._editing and isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.ShortcutOverride and event.key() in _KEEPS:
                event.accept()  # the window has shortcuts for some of them
                return True
            self.by_keys = True
            tab = {Qt.Key.Key_Tab: 1, Qt.Key.Key_Backtab: -1}.get(Qt.Key(event.key()))
            if event.type() == QEvent.Type.KeyPress and tab is not None and self.drawing.next(1 if tab > 0 else -1):
                self.refresh()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if not self._editing or not self._pressed(key, bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)):
            super().keyPressEvent(event)
        else:
            self.refresh()

    def _pressed(self, key: Qt.Key, far: bool) -> bool:
        """Does what a key says; returns whether it says anything."""
        drawing, size = self.drawing, self.frame_pixels
        if key in _STEPS:
            across, down = _STEPS[key]
            length = _LEAPS if far else 1
            drawing.step((across * length / size[0], down * length / size[1]))
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            drawing.delete()
        elif key == Qt.Key.Key_Insert:
            drawing.insert()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            drawing.finish()
        elif key == Qt.Key.Key_Escape:
            if not drawing.back():
                self.ended.emit()
        else:
            return False
        return True

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    # -- inside --------------------------------------------------------------------------------------------------------

    @property
    def _is_zoomed(self) -> bool:
        frame = self._where.frame_rect()
        return frame.width() > self.width() + 1 or frame.height() > self.height() + 1

    def _lie_over(self) -> None:
        self.setGeometry(self._view.rect())

    def _place(self, at: QPointF) -> Point:
        frame = self._where.frame_rect()
        return (at.x() - frame.x()) / frame.width(), (at.y() - frame.y()) / frame.height()

    def _reach(self) -> Reach:
        frame = self._where.frame_rect()
        return _REACH / frame.width(), _REACH / frame.height()

    def _show_cursor(self, at: QPointF) -> None:
        shape = Qt.CursorShape.CrossCursor
        if self.drawing.tool == "select":
            found = hit(self.drawing.edit.kept, self._place(at), self._reach(), self.drawing.selected)
            shape = Qt.CursorShape.ArrowCursor
            if found is not None:
                shape = Qt.CursorShape.SizeAllCursor if found.point is None else Qt.CursorShape.PointingHandCursor
        self.setCursor(shape)
