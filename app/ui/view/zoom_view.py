"""A widget that shows a frame: fitted, or zoomed and moved by wheel, mouse, fingers and calls. GUI thread.

It knows where the frame lies and what the mouse does; what is painted there is up to its subclasses.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QMouseEvent, QNativeGestureEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.view.frame_place import FramePlace
from app.ui.view.pointer import ZOOM_STEP, Pointer
from app.ui.view.zoom_plate import ZoomPlate

_PAN_SHARE = 0.1  # of the view, by a key


class ZoomView(QWidget):
    """Holds the place of one frame after the other."""

    mouse_moved = Signal()
    rearranged = Signal()
    """The frame lies elsewhere in the widget."""
    fullscreen_asked = Signal()
    """The user wants the frame on the full screen, or back."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 90)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self._place = FramePlace()
        self._pointer = Pointer(self._place)
        self._has_ring = False
        self.zoom_plate = ZoomPlate(self)
        """Shown while the frame is zoomed."""
        self.zoom_plate.fit_asked.connect(self.zoom_to_fit)

    def frame_rect(self) -> QRectF:
        """Returns where the whole frame lies in the widget, logical pixels; larger than the widget while zoomed."""
        return self._place.rect()

    def visible_rect(self) -> QRectF:
        """Returns the part of ``frame_rect`` that is in sight."""
        return self._place.visible()

    def to_frame(self, point: QPointF) -> QPointF | None:
        """Returns the place in the frame, 0 to 1 of its width and height, at a point of the widget; None beside it."""
        return self._place.to_frame(point)

    def to_widget(self, place: QPointF) -> QPointF:
        """Returns the point of the widget where a place in the frame, 0 to 1, lies."""
        return self._place.to_widget(place)

    @property
    def zoom(self) -> float:
        """Times the fitted size."""
        return self._place.zoom

    def zoom_in(self) -> None:
        """Enlarge the frame, around the middle of the view."""
        self._zoom_by(ZOOM_STEP)

    def zoom_out(self) -> None:
        """Make the frame smaller, until it is fitted."""
        self._zoom_by(1 / ZOOM_STEP)

    def zoom_to_fit(self) -> None:
        """Show the whole frame."""
        if self._place.fit():
            self._rearrange()

    def pan(self, across: int, down: int) -> None:
        """Look further right and down, or left and up, by that many steps; only while zoomed."""
        step = QPointF(-across * self.width(), -down * self.height()) * _PAN_SHARE
        if self._place.pan(step):
            self._rearrange()

    def bring_into_sight(self, place: QRectF) -> None:
        """Move a zoomed frame so far that a place in it, 0 to 1, can be seen."""
        if self._place.show(place):
            self._rearrange()

    @property
    def has_ring(self) -> bool:
        """Returns whether a ring shows that the keyboard came here."""
        return self._has_ring

    # For subclasses

    def _lay_frame(self, width: int, height: int) -> None:
        """The frame has this size in its own pixels from now on; zeros for no frame, and the next one is fitted."""
        other = self._place.set_frame(width, height)
        if not width:
            self._place.fit()
        if other:
            self._rearrange()

    def _rearrange(self) -> None:
        """The frame lies elsewhere."""
        self.zoom_plate.show_zoom(self._place.zoom)
        self.update()
        self.rearranged.emit()

    def _pointed(self, point: QPointF | None) -> None:
        """The mouse is there, or gone."""

    def _clicked(self, point: QPointF) -> None:
        """The left button was pressed and let go in one place."""

    def _clicked_twice(self) -> None:
        """The click before was the first of two."""
        self.fullscreen_asked.emit()

    # Events

    def _zoom_by(self, factor: float) -> None:
        if self._place.zoom_at(QPointF(self.width() / 2, self.height() / 2), factor):
            self._rearrange()

    def sizeHint(self) -> QSize:
        return QSize(960, 540)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place.set_view(self.width(), self.height(), self.devicePixelRatioF())
        self._rearrange()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pointer.press(event)
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.mouse_moved.emit()
        if self._pointer.move(event):
            self._rearrange()
        if self._pointer.dragging:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self._pointed(event.position())
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pointer.dragging:
            self.unsetCursor()
        if self._pointer.release(event):
            self._clicked(event.position())
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._pointer.forget()
            self._clicked_twice()

    def leaveEvent(self, event: QEvent) -> None:
        self._pointed(None)
        super().leaveEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._pointer.wheel(event):
            self._rearrange()
        event.accept()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent):
            if self._pointer.pinch(event):
                self._rearrange()
            return True
        if event.type() is QEvent.Type.DevicePixelRatioChange:
            self._place.set_view(self.width(), self.height(), self.devicePixelRatioF())
            self._rearrange()
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._has_ring = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._has_ring = False
        super().focusOutEvent(event)
        self.update()
