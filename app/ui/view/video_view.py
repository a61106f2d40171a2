"""The view: one frame, the boxes that belong to it, and a badge. GUI thread.

In: ``FrameResult`` from the controller; settings snapshots. Out: ``painted`` (for the frame age that the status bar
shows). The image is painted straight from the frame's own memory; the frame is held until the next one
replaces it, so that memory stays valid. ``ShownFrame`` decides what is shown of it, ``FramePlace`` where it lies.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.frames import FrameResult
from app.core.overlay import BoxMark, View, layout
from app.core.settings import DetectionSettings, OverlaySettings
from app.ui.view.frame_painter import as_qimage, paint_around, paint_image
from app.ui.view.frame_place import FramePlace
from app.ui.view.notice_plate import NoticePlate
from app.ui.view.overlay_painter import measure, paint_chips, paint_marks
from app.ui.view.pointer import ZOOM_STEP, Pointer
from app.ui.view.shown_frame import ShownFrame
from app.ui.view.waiting_plate import WaitingPlate
from app.ui.view.zoom_plate import ZoomPlate
from detector.detections import Detections

_BADGE = "#f4f6f8"
_DEMO = "#ffc857"
DEMO_TEXT = "Demo model: knows drawn shapes only"
_DEMO_SHORT = "Demo: drawn shapes only"
_NARROW = 420  # pixels of the frame's width, below which the short words are used
_PAN_SHARE = 0.1  # of the view, by a key


class VideoView(QWidget):
    """Shows one frame with its boxes: letterboxed, or zoomed."""

    painted = Signal(object)
    """``FrameResult`` that is on the screen for the first time."""
    mouse_moved = Signal()
    filtered = Signal()
    """Other detections of the same candidates are shown."""
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
        self._ring: QColor | None = None  # around the frame, when the keyboard came here
        self.setAccessibleName("Video")
        self.canvas = QColor("#0b0d10")
        self.paints = 0
        """Paint events so far."""
        self._image: QImage | None = None
        self._reported: FrameResult | None = None
        self._detection = DetectionSettings()
        self._overlay = OverlaySettings()
        self.shown = ShownFrame(None, self._detection)
        """What is shown of the frame."""
        self._marks: tuple[BoxMark, ...] | None = None
        self._place = FramePlace()
        self._pointer = Pointer(self._place)
        self._badge = ""
        self._demo = self._demo_told = False
        self._note = ""
        self.notice = NoticePlate(self)
        """The notice on the frame."""
        self.waiting = WaitingPlate(self)
        """Shown while there is no frame yet."""
        self.zoom_plate = ZoomPlate(self)
        """Shown while the frame is zoomed."""
        self.zoom_plate.fit_asked.connect(self.zoom_to_fit)

    # What to show

    def show_result(self, result: FrameResult) -> None:
        """Replace the frame and its boxes."""
        self.waiting.end()
        self._image = as_qimage(result.frame.image_bgra)
        self.shown = ShownFrame(result, self._detection)
        self._marks = None
        if self._place.set_frame(result.frame.width, result.frame.height):
            self.rearranged.emit()
        self.update()

    def clear(self) -> None:
        """Show nothing; the next source begins unzoomed."""
        self.waiting.end()
        self._image = None
        self._reported = None
        self.shown = ShownFrame(None, self._detection)
        self._place.set_frame(0, 0)
        self._place.fit()
        self._rearrange()

    def set_look(self, detection: DetectionSettings, overlay: OverlaySettings) -> None:
        """Take over new settings; the frame on screen follows without running the network."""
        other = detection != self._detection
        if other:
            self._detection = detection
            self.shown = ShownFrame(self.shown.result, detection)
        self._overlay = overlay
        self._marks = None
        self.update()
        if other:
            self.filtered.emit()

    def set_badge(self, words: str, note: str = "") -> None:
        """Set the text of the speed badge, and of a second plate below it ("Loading model…")."""
        if (words, note) != (self._badge, self._note):
            self._badge, self._note = words, note
            self.update(self._badge_area())

    def set_demo(self, demo: bool) -> None:
        """Sets whether the running model only knows drawn shapes; a badge says so."""
        if demo != self._demo:
            self._demo = demo
            self.update()

    def set_demo_told(self, told: bool) -> None:
        """Sets whether the notice says so already."""
        if told != self._demo_told:
            self._demo_told = told
            self.update(self._badge_area())

    @property
    def is_demo(self) -> bool:
        """Whether a badge says that the model is a demo."""
        return self._demo

    @property
    def result(self) -> FrameResult | None:
        """The result on screen."""
        return self.shown.result

    def detections(self) -> Detections:
        """Returns the detections shown, out of the frame's candidates."""
        return self.shown.detections

    # Where it lies

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
        """Look further right and down, or left and up, by so many steps; only while zoomed."""
        step = QPointF(-across * self.width(), -down * self.height()) * _PAN_SHARE
        if self._place.pan(step):
            self._rearrange()

    def _zoom_by(self, factor: float) -> None:
        if self._place.zoom_at(QPointF(self.width() / 2, self.height() / 2), factor):
            self._rearrange()

    def _rearrange(self) -> None:
        """The frame lies elsewhere."""
        self._marks = None
        self.zoom_plate.show_zoom(self._place.zoom)
        self.update()
        self.rearranged.emit()

    def marks(self) -> tuple[BoxMark, ...]:
        """Returns boxes and labels as they are painted, logical pixels."""
        if self._marks is None:
            rect, size = self.frame_rect(), self.shown.size
            if rect.isEmpty():
                self._marks = ()
            else:
                seen = self.visible_rect()
                viewport = (seen.left(), seen.top(), seen.right(), seen.bottom())
                view = View(rect.width() / size[0], (rect.x(), rect.y()), viewport)
                self._marks = layout(self.detections(), self.shown.labels, size, view, self._overlay, measure)
        return self._marks

    def sizeHint(self) -> QSize:
        return QSize(960, 540)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place.set_view(self.width(), self.height(), self.devicePixelRatioF())
        self._rearrange()

    # Mouse and focus

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pointer.press(event)
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.mouse_moved.emit()
        if self._pointer.move(event):
            self._rearrange()
        if self._pointer.dragging:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pointer.dragging:
            self.unsetCursor()
        self._pointer.release(event)
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.fullscreen_asked.emit()

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
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self._ring = self.palette().color(QPalette.ColorRole.Highlight)
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._ring = None
        super().focusOutEvent(event)
        self.update()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        self.paints += 1
        painter = QPainter(self)
        visible = self.visible_rect()
        paint_around(painter, self.rect(), visible, self.canvas)
        if self._image is not None and not visible.isEmpty():
            paint_image(painter, self._image, self.frame_rect(), visible)
            painter.setClipRect(visible)
            paint_marks(painter, self.marks())
            painter.setClipping(False)
        self._paint_badge(painter)
        if self._ring is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QPen(self._ring, 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()
        result = self.shown.result
        if result is not None and result is not self._reported:
            self._reported = result
            self.painted.emit(result)

    def _badge_area(self) -> QRect:
        top = round(self.visible_rect().y())
        return QRect(0, top, self.width(), 120)

    def _paint_badge(self, painter: QPainter) -> None:
        chips: list[tuple[str, str]] = []
        has_frame = self.shown.result is not None
        frame = self.visible_rect()
        if self._badge and self._overlay.show_badge and has_frame:
            chips.append((self._badge, _BADGE))
        if self._demo and has_frame and not self._demo_told:
            chips.append((DEMO_TEXT if frame.width() >= _NARROW else _DEMO_SHORT, _DEMO))
        if self._note:
            chips.append((self._note, _BADGE))
        if chips:
            corner = QPointF(frame.x() + 12, frame.y() + 12)
            paint_chips(painter, corner, chips, self.width() - frame.x() - 24)
