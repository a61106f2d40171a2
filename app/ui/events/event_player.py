"""Goes to an event, plays it to its end, and draws its path over the frame meanwhile. GUI thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF, QRegion
from PySide6.QtWidgets import QWidget

from app.core.events.event import Event
from app.core.frames import FrameResult
from app.core.palette import RGB
from app.ui.services.controller import LiveController

_INTO_S = 0.0005  # past the start of a frame, so that rounding never leads to the one before
_SLACK_S = 0.5  # a frame so far outside was sought by somebody else
_MAX_POINTS = 600


class PathOverlay(QWidget):
    """Draws the path of an event over the view; the mouse goes through.

    Args:
        view: What it lies over.
        frame_rect: Where the frame lies in it, logical pixels.
        card_rect: Where it has words about a box, on which nothing is drawn; empty for nowhere.
    """

    def __init__(self, view: QWidget, frame_rect: Callable[[], QRectF], card_rect: Callable[[], QRectF]) -> None:
        super().__init__(view)
        self._view = view
        self._frame_rect, self._card_rect = frame_rect, card_rect
        self._event: Event | None = None
        self._colour: RGB = (255, 255, 255)
        self._now_s = 0.0
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        view.installEventFilter(self)
        self.resize(view.size())
        self.hide()

    def show_path(self, event: Event | None, colour: RGB) -> None:
        """Draw the path of ``event`` from now on; None for none."""
        self._event, self._colour = event, colour
        self.setVisible(event is not None)
        self.update()

    def set_position(self, seconds: float) -> None:
        """Show where the object is at this time."""
        self._now_s = seconds
        if self._event is not None:
            self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.resize(self._view.size())
        return False

    def points(self) -> list[QPointF]:
        """Returns the path in the widget, logical pixels."""
        frame, event = self._frame_rect(), self._event
        if event is None or frame.isEmpty():
            return []
        step = -(-len(event.anchors) // _MAX_POINTS)
        places = event.anchors[::step].tolist()
        return [QPointF(frame.x() + x * frame.width(), frame.y() + y * frame.height()) for x, y in places]

    def paintEvent(self, event: QPaintEvent) -> None:
        points = self.points()
        if not points or self._event is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        card = QRegion(self._card_rect().toAlignedRect())
        painter.setClipRegion(QRegion(self._frame_rect().toAlignedRect()).subtracted(card))
        path = QPolygonF(points)
        for width, colour in ((5.0, QColor(0, 0, 0, 130)), (2.5, QColor(*self._colour))):
            pen = QPen(colour, width)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawPolyline(path)
        step = -(-len(self._event.anchors) // _MAX_POINTS)
        reached = int(self._event.times_s[::step].searchsorted(self._now_s + _INTO_S, "right")) - 1
        painter.setPen(QPen(QColor(0, 0, 0, 200), 1.5))
        painter.setBrush(QColor(*self._colour))
        painter.drawEllipse(points[0], 3.5, 3.5)
        if 0 <= reached < len(points):
            painter.setBrush(QColor("#ffffff"))
            painter.drawEllipse(points[reached], 5.5, 5.5)
        painter.end()


class EventPlayer(QObject):
    """Plays one event.

    Args:
        controller: Seeks and plays.
        overlay: Draws the path.
    """

    def __init__(self, controller: LiveController, overlay: PathOverlay) -> None:
        super().__init__()
        self._controller = controller
        self.overlay = overlay
        self._end_s: float | None = None  # of the event that is shown
        self._start_s = 0.0
        self._sought = self._pauses = False
        controller.frame.connect(self._frame_shown)
        controller.opening.connect(self.forget)
        controller.closed.connect(self.forget)

    def play(self, event: Event, colour: RGB) -> None:
        """Go to the event's first frame, play to its last, and pause there; its path goes when it is left."""
        self._start_s, self._end_s = event.start_s, event.end_s
        self._sought, self._pauses = False, True
        self.overlay.show_path(event, colour)
        self._controller.playback.seek(event.start_s + _INTO_S)
        if self._controller.playback.is_paused:
            self._controller.playback.toggle_pause()

    def leave(self) -> bool:
        """Let go of the event; returns whether one was shown."""
        shown = self.overlay.isVisible()
        self.forget()
        return shown

    def forget(self, *_about: object) -> None:
        """Draw no path, and pause nowhere."""
        self._end_s = None
        self.overlay.show_path(None, (0, 0, 0))

    def _frame_shown(self, result: FrameResult) -> None:
        seconds = float(result.frame.pts_s or 0)
        self.overlay.set_position(seconds)
        if self._end_s is None:
            return
        within = self._start_s - _SLACK_S <= seconds <= self._end_s + _SLACK_S
        if within:
            self._sought = True
            if self._pauses and seconds >= self._end_s - _INTO_S:
                self._pauses = False
                if not self._controller.playback.is_paused:
                    self._controller.playback.toggle_pause()
        elif self._sought:  # frames from before the seek may still come
            self.forget()
