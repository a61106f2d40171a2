"""The words in the corner of the frame: speed, notes, that the model is a demo, counts. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter

from app.ui.view.overlay_painter import paint_chips

_PLAIN = "#f4f6f8"
_DEMO = "#ffc857"
DEMO_TEXT = "Demo model: knows drawn shapes only"
_DEMO_SHORT = "Demo: drawn shapes only"
_NARROW = 420  # pixels of the frame's width, below which the short words are used
_MARGIN = 12


class Badges:
    """The words in the corner."""

    def __init__(self) -> None:
        self.speed = ""
        """Speed and latency, or "Paused"."""
        self.note = ""
        """Such as "Loading model…"."""
        self.demo = False
        """The running model only knows drawn shapes."""
        self.demo_told = False
        """The notice says so already."""

    def chips(self, has_frame: bool, with_speed: bool, counts: Sequence[str], width: float) -> list[tuple[str, str]]:
        """Returns (words, colour) from the top down.

        Args:
            has_frame: Whether there is a frame to speak of.
            with_speed: Whether the speed is wanted.
            counts: Lines on what is seen.
            width: Of what is visible of the frame, logical pixels.
        """
        said = [(self.speed, _PLAIN)] if has_frame and with_speed else []
        if has_frame and self.demo and not self.demo_told:
            said.append((DEMO_TEXT if width >= _NARROW else _DEMO_SHORT, _DEMO))
        said += [(self.note, _PLAIN), *((words, _PLAIN) for words in counts)]
        return [(words, colour) for words, colour in said if words]

    def paint(self, painter: QPainter, frame: QRectF, room: float, chips: Sequence[tuple[str, str]]) -> None:
        """Paint the chips in the corner of what is visible of the frame; ``room`` is the width of the view."""
        if chips:
            corner = QPointF(frame.x() + _MARGIN, frame.y() + _MARGIN)
            paint_chips(painter, corner, chips, room - frame.x() - 2 * _MARGIN)
