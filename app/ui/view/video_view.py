"""The view: one frame, the boxes that belong to it, and a badge. GUI thread.

In: ``FrameResult`` from the controller; settings snapshots. Out: ``painted`` (for the frame age that the status bar
shows). The image is painted straight from the frame's own memory; the frame is held until the next one
replaces it, so that memory stays valid. Thresholds act here, on the candidates the network left.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.counts import counted
from app.core.detection_filter import detection_filter
from app.core.frames import FrameResult, ImageBGRA
from app.core.overlay import BoxMark, View, layout
from app.core.records.frame_record import label_of
from app.core.settings import DetectionSettings, OverlaySettings
from app.ui.view.notice_plate import NoticePlate
from app.ui.view.overlay_painter import measure, paint_chips, paint_marks
from app.ui.view.silence import hidden_text
from app.ui.view.spoken import boxes_text
from app.ui.view.waiting_plate import WaitingPlate
from detector.detections import Detections

_BADGE = "#f4f6f8"
_DEMO = "#ffc857"
DEMO_TEXT = "Demo model: knows drawn shapes only"
_DEMO_SHORT = "Demo: drawn shapes only"
_NARROW = 420  # pixels of the frame's width, below which the short words are used


def as_qimage(image_bgra: ImageBGRA) -> QImage:
    """Makes a QImage over the array's memory, without a copy; the array must outlive it."""
    height, width = image_bgra.shape[:2]
    return QImage(image_bgra.data, width, height, image_bgra.strides[0], QImage.Format.Format_RGB32)


class VideoView(QWidget):
    """Shows one frame with its boxes, letterboxed."""

    painted = Signal(object)
    """``FrameResult`` that is on the screen for the first time."""
    mouse_moved = Signal()
    filtered = Signal()
    """Other detections of the same candidates are shown."""
    rearranged = Signal()
    """The frame lies elsewhere in the widget."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 90)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._ring: QColor | None = None  # around the frame, when the keyboard came here
        self.setAccessibleName("Video")
        self.canvas = QColor("#0b0d10")
        self.paints = 0
        """Paint events so far."""
        self._result: FrameResult | None = None
        self._image: QImage | None = None
        self._reported: FrameResult | None = None
        self._detection = DetectionSettings()
        self._overlay = OverlaySettings()
        self._detections: Detections | None = None
        self._hidden: int | None = None
        self._marks: tuple[BoxMark, ...] | None = None
        self._badge = ""
        self._demo = self._demo_told = False
        self._note = ""
        self.notice = NoticePlate(self)
        """The notice on the frame."""
        self.waiting = WaitingPlate(self)
        """Shown while there is no frame yet."""

    # What to show

    def show_result(self, result: FrameResult) -> None:
        """Replace the frame and its boxes."""
        self.waiting.end()
        self._image = as_qimage(result.frame.image_bgra)
        self._result = result
        self._detections = self._hidden = None
        self._marks = None
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.waiting.end()
        self._image = None
        self._result = None
        self._reported = None
        self._detections = self._hidden = None
        self._marks = None
        self.update()

    def set_look(self, detection: DetectionSettings, overlay: OverlaySettings) -> None:
        """Take over new settings; the frame on screen follows without running the network."""
        other = detection != self._detection
        if other:
            self._detection = detection
            self._detections = self._hidden = None
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
        return self._result

    def detections(self) -> Detections:
        """Returns the detections shown, out of the frame's candidates."""
        if self._detections is None:
            result = self._result
            if result is None or result.candidates is None:
                self._detections = Detections.empty()
            else:
                self._detections = result.candidates.detections(detection_filter(self._detection, result.labels))
        return self._detections

    def hidden(self) -> int:
        """Returns how many detections the class filter hides."""
        if self._hidden is None:
            result, self._hidden = self._result, 0
            if result is not None and result.candidates is not None:
                wanted = detection_filter(self._detection, result.labels)
                if wanted.class_ids is not None:
                    found = result.candidates.detections(replace(wanted, class_ids=None))
                    self._hidden = sum(class_id not in wanted.class_ids for class_id in found.class_ids.tolist())
        return self._hidden

    def best(self) -> tuple[str, float] | None:
        """Returns class and score of the best candidate among the classes shown, at any threshold; None for none."""
        result = self._result
        if result is None or result.candidates is None:
            return None
        row = result.candidates.best(detection_filter(self._detection, result.labels).class_ids)
        if row is None:
            return None
        return label_of(result.labels, int(result.candidates.class_ids[row])), float(result.candidates.scores[row])

    def seen_text(self) -> str:
        """Returns what is shown, such as "2 persons, 1 dog", and what is not; "" while no model runs."""
        result = self._result
        if result is None or result.candidates is None:
            return ""
        labels = [label_of(result.labels, class_id) for class_id in self.detections().class_ids.tolist()]
        hidden, seen = self.hidden(), counted(labels)
        if not hidden:
            return seen or f"Nothing above {self._detection.threshold:.2f}"
        return f"{seen}  ·  {hidden} hidden by the class filter" if seen else hidden_text(hidden)

    def spoken_text(self, with_places: bool) -> str:
        """Returns the frame in words, for a screen reader.

        Args:
            with_places: Say of each box where it lies too, which is of use while nothing moves.
        """
        result, seen = self._result, self.seen_text()
        if result is None or not with_places or not len(self.detections()):
            return seen
        return f"{seen}. {boxes_text(self.detections(), result.labels, (result.frame.width, result.frame.height))}"

    def class_counts(self) -> dict[int, int]:
        """Returns how many objects above the threshold are in the frame, by class; also of classes that are hidden."""
        result = self._result
        if result is None or result.candidates is None:
            return {}
        if not self._detection.classes:
            return dict(Counter(self.detections().class_ids.tolist()))
        every = detection_filter(replace(self._detection, classes=()), result.labels)
        return dict(Counter(result.candidates.detections(every).class_ids.tolist()))

    # Geometry

    def frame_rect(self) -> QRectF:
        """Returns where the frame lies in the widget, logical pixels."""
        if self._image is None or self._image.isNull():
            return QRectF()
        width, height = self._image.width(), self._image.height()
        scale = min(self.width() / width, self.height() / height)
        shown_w, shown_h = max(1.0, width * scale), max(1.0, height * scale)
        # Whole device pixels at the edges: no seam between frame and canvas.
        ratio = self.devicePixelRatioF()
        x = round((self.width() - shown_w) / 2 * ratio) / ratio
        y = round((self.height() - shown_h) / 2 * ratio) / ratio
        return QRectF(x, y, round(shown_w * ratio) / ratio, round(shown_h * ratio) / ratio)

    def marks(self) -> tuple[BoxMark, ...]:
        """Returns boxes and labels as they are painted, logical pixels."""
        if self._marks is None:
            rect = self.frame_rect()
            if self._result is None or self._image is None or rect.isEmpty():
                self._marks = ()
            else:
                frame = self._result.frame
                view = View(scale=rect.width() / frame.width, offset=(rect.x(), rect.y()))
                self._marks = layout(
                    self.detections(), self._result.labels, (frame.width, frame.height), view, self._overlay, measure
                )
        return self._marks

    def sizeHint(self) -> QSize:
        return QSize(960, 540)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.mouse_moved.emit()
        super().mouseMoveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self._ring = self.palette().color(QPalette.ColorRole.Highlight)
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._ring = None
        super().focusOutEvent(event)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._marks = None
        self.rearranged.emit()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        self.paints += 1
        painter = QPainter(self)
        rect = self.frame_rect()
        self._paint_around(painter, rect)
        if self._image is not None and not rect.isEmpty():
            ratio = self.devicePixelRatioF()
            same_size = abs(rect.width() * ratio - self._image.width()) < 0.5
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not same_size)
            painter.drawImage(rect, self._image)
            painter.setClipRect(rect)
            paint_marks(painter, self.marks())
            painter.setClipping(False)
        self._paint_badge(painter)
        if self._ring is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QPen(self._ring, 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()
        if self._result is not None and self._result is not self._reported:
            self._reported = self._result
            self.painted.emit(self._result)

    def _paint_around(self, painter: QPainter, frame: QRectF) -> None:
        """Paints everything but the frame, which is opaque itself."""
        if frame.isEmpty():
            painter.fillRect(self.rect(), self.canvas)
            return
        left, top, right, bottom = frame.left(), frame.top(), frame.right(), frame.bottom()
        width, height = float(self.width()), float(self.height())
        for rect in (
            QRectF(0, 0, width, top),
            QRectF(0, bottom, width, height - bottom),
            QRectF(0, top, left, bottom - top),
            QRectF(right, top, width - right, bottom - top),
        ):
            if not rect.isEmpty():
                painter.fillRect(rect, self.canvas)

    def _badge_area(self) -> QRect:
        top = round(self.frame_rect().y())
        return QRect(0, top, self.width(), 120)

    def _paint_badge(self, painter: QPainter) -> None:
        chips: list[tuple[str, str]] = []
        if self._badge and self._overlay.show_badge and self._result is not None:
            chips.append((self._badge, _BADGE))
        if self._demo and self._result is not None and not self._demo_told:
            chips.append((DEMO_TEXT if self.frame_rect().width() >= _NARROW else _DEMO_SHORT, _DEMO))
        if self._note:
            chips.append((self._note, _BADGE))
        if chips:
            frame = self.frame_rect()
            corner = QPointF(frame.x() + 12, frame.y() + 12)
            paint_chips(painter, corner, chips, self.width() - frame.x() - 24)
