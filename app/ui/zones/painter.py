"""Paints zones, lines and masks over the frame: thin while watched, with corners while edited. GUI thread."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from app.core.events.geometry import Point
from app.core.events.scene_edit import Shape
from app.core.palette import class_colour, text_colour
from app.ui.widgets.fonts import label_font
from app.ui.zones.drawing import Drawing

WRONG = QColor("#ff5252")
_HALO = QColor(0, 0, 0, 150)
_GRIP = 4.0  # half the side of a corner's handle, pixels
_ARROW = 22.0
_LABEL, _SMALL = 12.0, 10.0  # size of letters, edited and watched


def paint_watched(painter: QPainter, shapes: Iterable[Shape], frame: QRectF, palette: str) -> None:
    """Paint shapes thin, so that they do not hide what is watched."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for shape in shapes:
        _paint_shape(painter, shape, frame, shape_colour(shape, palette), 1.2, 0.0 if shape.kind == "zone" else 0.5)


def paint_edited(painter: QPainter, drawing: Drawing, frame: QRectF, palette: str, ring: bool) -> None:
    """Paint shapes as they are edited, and what is being drawn.

    Args:
        painter: Active.
        drawing: What is edited.
        frame: Where the frame lies, pixels.
        palette: As for ``class_colour``.
        ring: Whether the keyboard is here, so that the chosen corner stands out.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for index, shape in enumerate(drawing.edit.shapes):
        chosen = index == drawing.selected
        colour = WRONG if chosen and drawing.edit.problem else shape_colour(shape, palette)
        _paint_shape(painter, shape, frame, colour, 3.0 if chosen else 1.8, 1.0)
        _paint_grips(painter, shape.points, frame, colour, drawing.point if chosen else None, chosen, ring)
    if drawing.path:
        colour = WRONG if drawing.wrong else QColor("#ffffff")
        points = drawing.ghost
        placed = QPolygonF([_at(point, frame) for point in points])
        for pen in (QPen(_HALO, 4.0), QPen(colour, 2.0, Qt.PenStyle.DashLine)):
            painter.setPen(pen)
            painter.drawPolyline(placed)
            if len(points) > 3:
                painter.drawLine(placed.last(), placed.first())
        _paint_grips(painter, drawing.path, frame, colour, None, True, False)


def shape_colour(shape: Shape, palette: str) -> QColor:
    """Returns the colour of a shape: by its name, so that it stays the same."""
    return QColor(*class_colour(shape.name, palette))


def _at(point: Point, frame: QRectF) -> QPointF:
    return QPointF(frame.x() + point[0] * frame.width(), frame.y() + point[1] * frame.height())


def _paint_shape(painter: QPainter, shape: Shape, frame: QRectF, colour: QColor, width: float, fill: float) -> None:
    """Paint outline, inside, arrow and name.

    Args:
        painter: Active.
        shape: What to paint.
        frame: Where the frame lies.
        colour: Of the outline.
        width: Of the outline, pixels.
        fill: How much of the inside is tinted, 0 to 1.
    """
    corners = [_at(point, frame) for point in shape.points]
    halo, pen = QPen(_HALO, width + 2), QPen(colour, width)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    if shape.kind == "line":
        for each in (halo, pen):
            painter.setPen(each)
            painter.drawPolyline(corners)
            _paint_arrow(painter, corners, each)
    else:
        painter.setBrush(_inside(shape, colour, fill))
        for each in (halo, pen):
            painter.setPen(each)
            painter.drawPolygon(corners)
            painter.setBrush(Qt.BrushStyle.NoBrush)
    size = _LABEL if fill == 1.0 else _SMALL
    _paint_words(painter, shape.name, min(corners, key=lambda corner: (corner.y(), corner.x())), frame, colour, size)


def _inside(shape: Shape, colour: QColor, fill: float) -> QBrush:
    tint = QColor(colour)
    if shape.kind == "mask":
        tint.setAlphaF(0.75 * fill)
        return QBrush(tint, Qt.BrushStyle.BDiagPattern)
    tint.setAlphaF(0.18 * fill)
    return QBrush(tint)


def _paint_arrow(painter: QPainter, corners: Sequence[QPointF], pen: QPen) -> None:
    """Show which way is "in": from the left side to the right one, seen along the line."""
    along = corners[1] - corners[0]
    length = math.hypot(along.x(), along.y())
    if length < 1:
        return
    ahead = along / length
    right = QPointF(-ahead.y(), ahead.x())  # y points down
    middle = (corners[0] + corners[1]) / 2
    tip = middle + right * _ARROW
    painter.setPen(QPen(pen.brush(), pen.widthF(), Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(middle, tip)
    for side in (ahead, -ahead):
        painter.drawLine(tip, tip - right * 8 + side * 6)
    font = label_font(_SMALL)
    metrics = QFontMetricsF(font)
    middle_left = QPointF(-metrics.horizontalAdvance("in") / 2, (metrics.ascent() - metrics.descent()) / 2)
    word = QPainterPath()
    word.addText(tip + right * 12 + middle_left, font, "in")
    painter.strokePath(word, QPen(_HALO, 3))
    painter.fillPath(word, pen.brush())


def _paint_words(painter: QPainter, name: str, corner: QPointF, frame: QRectF, colour: QColor, size: float) -> None:
    """Paint a name on a plate above a corner, within the frame."""
    font = label_font(size)
    metrics = QFontMetricsF(font)
    words = metrics.elidedText(name, Qt.TextElideMode.ElideRight, max(24.0, frame.width() / 3))
    plate = QRectF(0, 0, metrics.horizontalAdvance(words) + 8, size * 1.5)
    plate.moveBottomLeft(corner - QPointF(0, 5))
    plate.moveLeft(min(max(plate.left(), frame.left()), frame.right() - plate.width()))
    plate.moveTop(max(plate.top(), frame.top()))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(plate, 3, 3)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setFont(font)
    painter.setPen(QColor(*text_colour((colour.red(), colour.green(), colour.blue()))))
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, words)


def _paint_grips(
    painter: QPainter,
    points: Sequence[Point],
    frame: QRectF,
    colour: QColor,
    chosen: int | None,
    shape_chosen: bool,
    ring: bool,
) -> None:
    half = _GRIP if shape_chosen else _GRIP - 1.5
    for index, point in enumerate(points):
        centre = _at(point, frame)
        grip = QRectF(centre.x() - half, centre.y() - half, 2 * half, 2 * half)
        painter.setPen(QPen(_HALO, 1))
        painter.setBrush(QColor("#ffffff") if shape_chosen else colour)
        if index == chosen:
            painter.setBrush(colour)
            painter.setPen(QPen(QColor("#ffffff"), 2))
            grip = grip.adjusted(-2, -2, 2, 2)
        painter.drawRect(grip)
        if index == chosen and ring:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(centre, half + 7, half + 7)
    painter.setBrush(Qt.BrushStyle.NoBrush)
