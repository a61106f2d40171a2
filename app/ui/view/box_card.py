"""What is known of one box, in words, on a plate beside it. GUI thread for the painting."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from app.core.overlay import shown_score
from app.ui.view.shown_frame import ShownFrame
from app.ui.widgets.fonts import label_font, label_metrics
from app.ui.widgets.quantity_text import TIMES, duration_text

_SIZE = 13.0
_LINE = 18.0
_PADDING = 12.0
_GAP = 8.0  # to the box
_EDGE = 4.0  # least distance to the edges of what is visible
_PLATE = QColor(10, 12, 15, 215)
_INK, _QUIET = QColor("#f4f6f8"), QColor("#c3cad4")


def box_lines(shown: ShownFrame, row: int) -> list[str]:
    """Returns the lines: class, number and score; how large; since when it is seen; when it was last detected."""
    found, result = shown.detections, shown.result
    assert result is not None
    x1, y1, x2, y2 = found.boxes_xyxy[row].tolist()
    number = shown.numbers[row] if shown.numbers else None
    words = f"{shown.label(row)} #{number}" if number is not None else shown.label(row)
    lines = [f"{words}  ·  {shown_score(float(found.scores[row]))}", f"{x2 - x1:.0f} {TIMES} {y2 - y1:.0f} px"]
    facts = shown.facts(row)
    if facts is None:
        return lines
    now_s = float(result.frame.time_s)
    lines.append(f"Seen for {seconds_text(now_s - facts.first_s)}, since {_moment(facts.first_s, result.frame.pts_s)}")
    if facts.missed:
        lines.append(f"Not detected for {seconds_text(now_s - facts.last_s)}")
    elif result.followed:
        lines.append(f"Detected {seconds_text(now_s - facts.last_s)} ago")
    return lines


def seconds_text(seconds: float) -> str:
    """Returns text such as "0.4 s", "12 s", "3:05 min"."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    return f"{seconds:.0f} s" if seconds < 60 else f"{duration_text(seconds)} min"


def _moment(moment_s: float, pts_s: object) -> str:
    """Returns a time within a file, or of day where the source is live."""
    if pts_s is not None:
        return duration_text(moment_s)
    return f"{datetime.fromtimestamp(time.time() - (time.monotonic() - moment_s)):%H:%M:%S}"


def card_rect(size: tuple[float, float], box: QRectF, room: QRectF) -> QRectF:
    """Returns where a card lies: right of its box, else left, else over it; always within ``room``.

    Args:
        size: (width, height) of the card.
        box: Logical pixels.
        room: What is visible of the frame.
    """
    width, height = size
    room = room.adjusted(_EDGE, _EDGE, -_EDGE, -_EDGE)
    left = box.right() + _GAP
    if left + width > room.right():
        left = box.left() - _GAP - width
    if left < room.left():
        left = room.right() - width
    left = max(room.left(), min(left, room.right() - width))
    top = max(room.top(), min(box.top(), room.bottom() - height))
    return QRectF(round(left), round(top), width, height)


def paint_card(painter: QPainter, lines: Sequence[str], box: QRectF, room: QRectF) -> QRectF:
    """Draw the lines beside their box, and return where they lie.

    Args:
        painter: Active.
        lines: The first is the title.
        box: Logical pixels.
        room: What is visible of the frame.
    """
    metrics = [label_metrics(_SIZE, bold) for bold in (True, *([False] * (len(lines) - 1)))]
    width = max(each.horizontalAdvance(words) for each, words in zip(metrics, lines, strict=True)) + 2 * _PADDING
    plate = card_rect((width, len(lines) * _LINE + 1.2 * _PADDING), box, room)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_PLATE)
    painter.drawRoundedRect(plate, 7, 7)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for number, (words, each) in enumerate(zip(lines, metrics, strict=True)):
        painter.setFont(label_font(_SIZE, bold=number == 0))
        painter.setPen(_INK if number == 0 else _QUIET)
        middle = plate.top() + 0.6 * _PADDING + (number + 0.5) * _LINE
        painter.drawText(QPointF(plate.left() + _PADDING, middle + (each.ascent() - each.descent()) / 2), words)
    return plate
