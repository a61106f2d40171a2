"""Where the frame lies in the view: fitted, or zoomed and moved. Logical pixels; no widget.

Places within the frame are normalised, 0 to 1 of its width and height, so they hold whatever its size.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSizeF

MAX_ZOOM = 16.0
"""Times the fitted size."""
_MIDDLE = QPointF(0.5, 0.5)


class FramePlace:
    """Zoom and place of one frame after the other; both are kept when the frame or the view changes."""

    def __init__(self) -> None:
        self._view = QSizeF()
        self._frame = QSizeF()
        self._ratio = 1.0
        self.zoom = 1.0
        """Times the fitted size."""
        self._middle = _MIDDLE  # of the view, as a place in the frame

    def set_view(self, width: float, height: float, ratio: float) -> None:
        """Takes the view's size in logical pixels, and the device pixels of one."""
        self._view, self._ratio = QSizeF(width, height), ratio

    def set_frame(self, width: int, height: int) -> bool:
        """Takes the frame's size in its own pixels, zeros for no frame; True if it is another."""
        before, self._frame = self._frame, QSizeF(width, height)
        return self._frame != before

    @property
    def is_zoomed(self) -> bool:
        """Returns whether the frame is larger than fitted."""
        return self.zoom > 1.0

    def rect(self) -> QRectF:
        """Returns where the whole frame lies, also what of it is out of sight; empty without a frame."""
        if self._frame.isEmpty():
            return QRectF()
        size = self._size()
        x = self._start(self._view.width(), size.width(), self._middle.x())
        y = self._start(self._view.height(), size.height(), self._middle.y())
        # Whole device pixels at the edges: no seam between frame and canvas.
        return QRectF(self._whole(x), self._whole(y), self._whole(size.width()), self._whole(size.height()))

    def visible(self) -> QRectF:
        """Returns the part of ``rect`` that is in sight."""
        return self.rect().intersected(QRectF(QPointF(0, 0), self._view))

    def to_frame(self, point: QPointF) -> QPointF | None:
        """Returns the place in the frame that lies at a point of the view; None beside it."""
        rect = self.rect()
        if rect.isEmpty() or not rect.contains(point):
            return None
        return self._place(point, rect)

    def to_widget(self, place: QPointF) -> QPointF:
        """Returns the point of the view where a place of the frame lies."""
        rect = self.rect()
        return QPointF(rect.x() + place.x() * rect.width(), rect.y() + place.y() * rect.height())

    def zoom_at(self, point: QPointF, factor: float) -> bool:
        """Zooms by ``factor``; what is under ``point`` stays there if the frame's edges allow. True if changed."""
        zoom = min(max(self.zoom * factor, 1.0), MAX_ZOOM)
        rect = self.rect()
        if rect.isEmpty() or zoom == self.zoom:
            return False
        place = self._place(point, rect)
        self.zoom = zoom
        size = self._size()
        self._look_at(
            place.x() + (self._view.width() / 2 - point.x()) / size.width(),
            place.y() + (self._view.height() / 2 - point.y()) / size.height(),
        )
        return True

    def pan(self, by: QPointF) -> bool:
        """Moves the frame by so much, not beyond its edges; True if it moved."""
        before = self._middle
        if self._frame.isEmpty():
            return False
        size = self._size()
        self._look_at(before.x() - by.x() / size.width(), before.y() - by.y() / size.height())
        return self._middle != before

    def show(self, place: QRectF) -> bool:
        """Moves the frame so far that a place in it, normalised, comes into sight; True if it moved."""
        rect, view = QRectF(self.to_widget(place.topLeft()), self.to_widget(place.bottomRight())), self._view

        def shift(first: float, last: float, room: float) -> float:
            if last - first > room:
                return (room - first - last) / 2
            return max(0.0, -first) or min(0.0, room - last)

        by = QPointF(shift(rect.left(), rect.right(), view.width()), shift(rect.top(), rect.bottom(), view.height()))
        return self.is_zoomed and not by.isNull() and self.pan(by)

    def fit(self) -> bool:
        """Shows the whole frame again; True if it did not already."""
        changed = self.is_zoomed
        self.zoom, self._middle = 1.0, _MIDDLE
        return changed

    def _size(self) -> QSizeF:
        """Returns the size of the whole frame as shown, not rounded."""
        scale = min(self._view.width() / self._frame.width(), self._view.height() / self._frame.height()) * self.zoom
        return QSizeF(max(1.0, self._frame.width() * scale), max(1.0, self._frame.height() * scale))

    def _look_at(self, x: float, y: float) -> None:
        size = self._size()
        self._middle = QPointF(
            _kept_inside(x, self._view.width() / size.width()), _kept_inside(y, self._view.height() / size.height())
        )

    def _start(self, room: float, size: float, middle: float) -> float:
        return room / 2 - _kept_inside(middle, room / size) * size

    def _place(self, point: QPointF, rect: QRectF) -> QPointF:
        return QPointF((point.x() - rect.x()) / rect.width(), (point.y() - rect.y()) / rect.height())

    def _whole(self, length: float) -> float:
        return round(length * self._ratio) / self._ratio


def _kept_inside(middle: float, seen: float) -> float:
    """Returns ``middle`` moved so far that what is seen around it, a share of the frame, lies within the frame."""
    return 0.5 if seen >= 1.0 else min(max(middle, seen / 2), 1 - seen / 2)
