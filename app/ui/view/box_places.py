"""Boxes as objects that a screen reader finds, each in its place, while nothing moves. GUI thread.

They are labels without words on them: Qt tells of their names and places by itself, and paints nothing. An interface
of our own (``QAccessibleInterface``) would have to stand in for all of the view's, as PySide has no
``QAccessibleWidget``.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtWidgets import QLabel

from app.ui.view.box_card import box_lines
from app.ui.view.shown_frame import ShownFrame
from app.ui.view.spoken import place_of
from app.ui.view.video_view import VideoView

_MOST = 50  # more are in the description of the view, as a number


class BoxPlaces:
    """Lays one label over each box of a view.

    Args:
        view: Shows the frame.
    """

    def __init__(self, view: VideoView) -> None:
        self._view = view
        self._labels: list[QLabel] = []
        self._told: tuple[ShownFrame, QRectF] | None = None
        view.rearranged.connect(self._moved)

    def update(self, still: bool) -> None:
        """Tell of the boxes on screen if the frame stands still, else of none."""
        told = (self._view.shown, self._view.frame_rect()) if still else None
        if told != self._told:
            self._told = told
            self._lay()

    def _moved(self) -> None:
        self.update(self._told is not None)

    def _lay(self) -> None:
        shown = self._view.shown
        count = min(_MOST, len(shown.detections)) if self._told is not None and shown.result is not None else 0
        while len(self._labels) < count:
            self._labels.append(self._made())
        for row, label in enumerate(self._labels):
            if row < count:
                place = self._view.box_place(row)
                box = QRectF(self._view.to_widget(place.topLeft()), self._view.to_widget(place.bottomRight()))
                label.setGeometry(box.toAlignedRect().intersected(self._view.rect()))
                label.setAccessibleName(", ".join(box_lines(shown, row)))
                middle = place.center()
                label.setAccessibleDescription(place_of(middle.x(), middle.y()))
            label.setVisible(row < count and not label.geometry().isEmpty())

    def _made(self) -> QLabel:
        label = QLabel(self._view)
        label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        label.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        label.stackUnder(self._view.notice)  # and above those made before: read in the order of the boxes
        return label
