"""What the mouse does on the frame: it zooms at the cursor, drags, or clicks. GUI thread; no widget of its own."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent, QNativeGestureEvent, QWheelEvent

from app.ui.view.frame_place import FramePlace

ZOOM_STEP = 1.25
"""Factor for a notch of the wheel or a press of a key."""
_NOTCH = 120.0  # Qt's eighths of a degree that a wheel turns by a notch


class Pointer:
    """Takes the events of one view and moves the frame accordingly; each call says whether the frame moved.

    Args:
        place: Where the frame lies.
    """

    def __init__(self, place: FramePlace) -> None:
        self._place = place
        self._pressed: QPointF | None = None
        self._last = QPointF()
        self.dragging = False
        """Whether the frame goes with the mouse."""

    def press(self, event: QMouseEvent) -> None:
        """A button went down."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._pressed = self._last = event.position()

    def move(self, event: QMouseEvent) -> bool:
        """The mouse moved."""
        if self._pressed is None or not self._place.is_zoomed:
            return False
        if not self.dragging:
            far = (event.position() - self._pressed).manhattanLength()
            self.dragging = far >= QGuiApplication.styleHints().startDragDistance()
        if not self.dragging:
            return False
        by, self._last = event.position() - self._last, event.position()
        return self._place.pan(by)

    def release(self, event: QMouseEvent) -> bool:
        """A button went up; returns whether that was a click."""
        if event.button() is not Qt.MouseButton.LeftButton or self._pressed is None:
            return False
        clicked = not self.dragging
        self.forget()
        return clicked

    def forget(self) -> None:
        """End what began with the last press, without a click."""
        self._pressed, self.dragging = None, False

    def wheel(self, event: QWheelEvent) -> bool:
        """The wheel turned, or two fingers moved over a touch pad."""
        notches = event.angleDelta().y() / _NOTCH
        return self._place.zoom_at(event.position(), ZOOM_STEP**notches)

    def pinch(self, event: QNativeGestureEvent) -> bool:
        """Two fingers moved apart or together."""
        if event.gestureType() is not Qt.NativeGestureType.ZoomNativeGesture:
            return False
        return self._place.zoom_at(event.position(), max(0.1, 1.0 + event.value()))
