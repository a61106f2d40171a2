"""The view: one frame, the boxes that belong to it, and a badge. GUI thread.

In: ``FrameResult`` from the controller; settings snapshots. Out: ``painted`` (for the frame age that the status bar
shows). The image is painted straight from the frame's own memory; the frame is held until the next one
replaces it, so that memory stays valid. ``ShownFrame`` decides what is shown of it, ``ZoomView`` where it lies,
``Selection`` which box is spoken of.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QPointF, QRect, QRectF, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QContextMenuEvent,
    QImage,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)

from app.core.events.masks import Masks
from app.core.frames import FrameResult
from app.core.overlay import BoxMark, View, layout
from app.core.palette import model_colours
from app.core.settings import DetectionSettings, OverlaySettings
from app.ui.view.badges import Badges
from app.ui.view.box_card import box_lines, paint_card
from app.ui.view.frame_painter import as_qimage, paint_around, paint_image
from app.ui.view.notice_plate import NoticePlate
from app.ui.view.overlay_painter import measure, paint_marks, paint_trails
from app.ui.view.selection import Selection
from app.ui.view.shown_frame import ShownFrame
from app.ui.view.trails import Trails
from app.ui.view.waiting_plate import WaitingPlate
from app.ui.view.zoom_view import ZoomView
from detector.detections import Detections

_DIMMED = 0.3  # opacity of the others while one is pinned
_THICKER = 1.5  # times the line, of the box that is spoken of


class VideoView(ZoomView):
    """Shows one frame with its boxes: letterboxed, or zoomed."""

    received = Signal(object)
    """``FrameResult`` that is shown from now on, also where the window is minimised and nothing is painted."""
    painted = Signal(object)
    """``FrameResult`` that is on the screen for the first time."""
    filtered = Signal()
    """Other detections of the same candidates are shown."""
    menu_asked = Signal(QPointF)
    """The user wants the menu for a point of the view."""
    zone_asked = Signal(QPointF)
    """The user wants to draw a zone from a place in the frame, 0 to 1 of its width and height."""
    mask_asked = Signal(QRectF)
    """The user wants what is in a part of the frame, 0 to 1 of its width and height, to be ignored."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Video")
        self.canvas = QColor("#0b0d10")
        self.paints = 0
        """Paint events so far."""
        self._image: QImage | None = None
        self._reported: FrameResult | None = None
        self._detection = DetectionSettings()
        self._overlay = OverlaySettings()
        self._masks: Masks = ()
        self.shown = ShownFrame(None, self._detection)
        """What is shown of the frame."""
        self.selection = Selection()
        """Which box the mouse is on, which is pinned."""
        self._mouse: QPointF | None = None
        self._unpinned_by: int | None = None  # row that was pinned before the last click
        self._marks: tuple[BoxMark, ...] | None = None
        self._trails = Trails()
        self._badges = Badges()
        self.card = QRectF()
        """Where the words on a box are painted, logical pixels; nothing else is to be drawn over them."""
        self.notice = NoticePlate(self)
        """The notice on the frame."""
        self.waiting = WaitingPlate(self)
        """Shown while there is no frame yet."""

    # What to show

    def show_result(self, result: FrameResult) -> None:
        """Replace the frame and its boxes."""
        self.waiting.end()
        self._image = as_qimage(result.frame.image_bgra)
        self._show(ShownFrame(result, self._detection, self._masks))
        if self._overlay.show_trails:
            self._trails.add(self.shown)
        self._lay_frame(result.frame.width, result.frame.height)
        self.received.emit(result)

    def clear(self) -> None:
        """Show nothing; the next source begins unzoomed, with nothing pinned."""
        self.waiting.end()
        self._image = None
        self._reported = None
        self._trails.clear()
        self.selection.clear()
        self._show(ShownFrame(None, self._detection))
        self._lay_frame(0, 0)

    def set_look(self, detection: DetectionSettings, overlay: OverlaySettings) -> None:
        """Take over new settings; the frame on screen follows without running the network."""
        other = detection != self._detection
        self._detection, self._overlay = detection, overlay
        if not overlay.show_trails:
            self._trails.clear()
        self._show(ShownFrame(self.shown.result, detection, self._masks) if other else self.shown)
        if other:
            self.filtered.emit()

    def set_masks(self, masks: Masks) -> None:
        """Show nothing that lies in these areas; the frame on screen follows."""
        if masks != self._masks:
            self._masks = masks
            self._show(ShownFrame(self.shown.result, self._detection, masks))
            self.filtered.emit()

    def _show(self, shown: ShownFrame) -> None:
        self.shown = shown
        self.selection.show(shown)
        self._marks = None
        self.update()

    def set_badge(self, words: str, note: str = "") -> None:
        """Set the text of the speed badge, and of a second plate below it ("Loading model…")."""
        if (words, note) != (self._badges.speed, self._badges.note):
            self._badges.speed, self._badges.note = words, note
            self.update(self._badge_area())

    @property
    def note(self) -> str:
        """The words of that second plate."""
        return self._badges.note

    def set_demo(self, demo: bool) -> None:
        """Sets whether the running model only knows drawn shapes; a badge says so."""
        if demo != self._badges.demo:
            self._badges.demo = demo
            self.update()

    def set_demo_told(self, told: bool) -> None:
        """Sets whether the notice says so already."""
        if told != self._badges.demo_told:
            self._badges.demo_told = told
            self.update(self._badge_area())

    @property
    def is_demo(self) -> bool:
        """Returns whether a badge says that the model is a demo."""
        return self._badges.demo

    @property
    def result(self) -> FrameResult | None:
        """The result on screen."""
        return self.shown.result

    def detections(self) -> Detections:
        """Returns the detections shown, out of the frame's candidates."""
        return self.shown.detections

    def marks(self) -> tuple[BoxMark, ...]:
        """Returns boxes and labels as they are painted, logical pixels."""
        if self._marks is None:
            rect, shown = self.frame_rect(), self.shown
            if rect.isEmpty() or shown.result is None:
                self._marks = ()
            else:
                seen = self.visible_rect()
                viewport = (seen.left(), seen.top(), seen.right(), seen.bottom())
                view = View(rect.width() / shown.size[0], (rect.x(), rect.y()), viewport)
                look, tracks = self._overlay, shown.numbers
                self._marks = layout(
                    shown.detections, shown.labels, shown.size, view, look, measure, tracks, shown.unseen_s
                )
        return self._marks

    def _rearrange(self) -> None:
        self._marks = None
        self.selection.point_at(self._spot(self._mouse))
        super()._rearrange()

    # Which box is spoken of

    def step_box(self, by: int) -> None:
        """Pin the next box from left to right, or the one before, and have a screen reader say what it is."""
        row = self.selection.step(by)
        if row is None:
            return
        self.bring_into_sight(self.box_place(row))
        self.update()
        said = QAccessibleAnnouncementEvent(self, ", ".join(box_lines(self.shown, row)))
        QAccessible.updateAccessibility(said)

    def unpin(self) -> bool:
        """Pin nothing; False if nothing was."""
        was_pinned = self.selection.is_pinned
        self.selection.pin(None)
        self.update()
        return was_pinned

    def box_place(self, row: int) -> QRectF:
        """Returns where a box lies in the frame, 0 to 1 of its width and height."""
        width, height = self.shown.size
        x1, y1, x2, y2 = self.detections().boxes_xyxy[row].tolist()
        return QRectF(x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height)

    def box_at(self, point: QPointF) -> int | None:
        """Returns the smallest box at a point of the view."""
        return self.selection.row_at(self._spot(point))

    def _spot(self, point: QPointF | None) -> tuple[float, float] | None:
        place = self.to_frame(point) if point is not None else None
        return None if place is None else (place.x(), place.y())

    def _pointed(self, point: QPointF | None) -> None:
        self._mouse = point
        if self.selection.point_at(self._spot(point)):
            self.update()

    def _clicked(self, point: QPointF) -> None:
        self._unpinned_by = self.selection.pinned
        self.selection.click(self._spot(point))
        self.update()

    def _clicked_twice(self) -> None:
        self.selection.pin(self._unpinned_by)
        super()._clicked_twice()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
        row = self.selection.pinned
        if by_key and row is not None:
            self.menu_asked.emit(self.to_widget(self.box_place(row).center()))
        else:
            self.menu_asked.emit(QPointF(event.pos()))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        self.paints += 1
        self.card = QRectF()
        painter = QPainter(self)
        visible = self.visible_rect()
        paint_around(painter, self.rect(), visible, self.canvas)
        if self._image is not None and not visible.isEmpty():
            paint_image(painter, self._image, self.frame_rect(), visible)
            painter.setClipRect(visible)
            self._paint_boxes(painter, visible)
            painter.setClipping(False)
        has_frame, look = self.shown.result is not None, self._overlay
        counts = self.shown.counts() if look.show_counts else []
        chips = self._badges.chips(has_frame, look.show_badge, counts, visible.width())
        self._badges.paint(painter, visible, self.width(), chips)
        if self.has_ring:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()
        result = self.shown.result
        if result is not None and result is not self._reported:
            self._reported = result
            self.painted.emit(result)

    def _paint_boxes(self, painter: QPainter, visible: QRectF) -> None:
        if self._overlay.show_trails:
            colours = model_colours(self.shown.labels, self._overlay.palette)
            paint_trails(painter, self._trails.pieces(), self.frame_rect(), colours)
        row, pinned = self.selection.row, self.selection.pinned
        if row is None:
            paint_marks(painter, self.marks())
            return
        others = [mark for mark in self.marks() if mark.row != row]
        if pinned is not None:
            others = [mark if mark.row == pinned else replace(mark, opacity=_DIMMED * mark.opacity) for mark in others]
        spoken_of = [replace(mark, line_width=_THICKER * mark.line_width) for mark in self.marks() if mark.row == row]
        paint_marks(painter, [*others, *spoken_of])
        for mark in spoken_of:
            box = QRectF(QPointF(*mark.rect[:2]), QPointF(*mark.rect[2:]))
            self.card = paint_card(painter, box_lines(self.shown, row), box, visible)

    def _badge_area(self) -> QRect:
        return QRect(0, round(self.visible_rect().y()), self.width(), 120)
