"""Paints a drawing as an image with OpenCV, by default at two pixels per px so that text is sharp.

The caller owns the array. Text is drawn in the font that OpenCV carries, so an image looks the same everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np

from app.core.charts.colours import LIGHT
from app.core.charts.drawing import Area, Box, Dot, Drawing, Point, Stroke, Text
from app.core.errors import AppError
from app.core.frames import ImageBGR

_SHIFT = 4  # OpenCV takes 1/16 of a pixel
_UNWRAPPED = (0, 1 << 15)
_CANVAS = (1 << 15, 1 << 15)
_REGULAR, _BOLD = 400, 600


def paint(drawing: Drawing, scale: float = 2.0) -> ImageBGR:
    """Paints UInt8[H * scale, W * scale, 3], BGR.

    Args:
        drawing: A chart after layout.
        scale: Image pixels per px of the drawing.
    """
    return _Painter(drawing, scale).paint(drawing)


def png_bytes(drawing: Drawing) -> bytes:
    """Returns the image as a PNG file.

    Raises:
        AppError: It cannot be encoded.
    """
    done, data = cv2.imencode(".png", paint(drawing), [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise AppError("A chart could not be encoded as PNG.")
    return data.tobytes()


class _Painter:
    def __init__(self, drawing: Drawing, scale: float) -> None:
        self._scale = scale
        self._font = cv2.FontFace("sans")
        height, width = (max(math.ceil(length * scale), 1) for length in (drawing.height, drawing.width))
        self._image: ImageBGR = np.full((height, width, 3), self._bgr("paper"), np.uint8)

    def paint(self, drawing: Drawing) -> ImageBGR:
        for item in drawing.items:
            match item:
                case Text():
                    self._text(item)
                case Stroke():
                    self._stroke(item)
                case Area():
                    self._area(item)
                case Box():
                    self._box(item)
                case Dot():
                    self._circle(item, item.radius + 0.6, "paper")
                    self._circle(item, item.radius - 0.6, item.role)
        return self._image

    def _bgr(self, role: str) -> tuple[int, int, int]:
        red, green, blue = LIGHT[role]
        return blue, green, red

    def _fixed(self, points: Sequence[Point]) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
        """Returns Int32[N, 2] in 1/16 px; the centre of a point is the centre of OpenCV's pixel."""
        scaled = (np.array(points, np.float64) * self._scale - 0.5) * (1 << _SHIFT)
        return np.rint(scaled).astype(np.int32)

    def _text(self, item: Text) -> None:
        size = max(1, round(item.size * self._scale))
        weight = _BOLD if item.bold else _REGULAR
        line = "".join(c if c.isprintable() else " " for c in item.text)
        x, _, width, _ = cv2.getTextSize(_CANVAS, line, (0, 0), self._font, size, weight, wrap=_UNWRAPPED)
        shift = {"start": 0.0, "middle": (x + width) / 2, "end": float(x + width)}[item.anchor]
        place = (round(item.x * self._scale - shift), round(item.y * self._scale))
        cv2.putText(self._image, line, place, self._bgr(item.role), self._font, size, weight, wrap=_UNWRAPPED)

    def _stroke(self, item: Stroke) -> None:
        width = max(1, round(item.width * self._scale))
        straight = len(item.points) == 2 and (
            item.points[0][0] == item.points[1][0] or item.points[0][1] == item.points[1][1]
        )
        for piece in _dashes(item.points, item.dash) if item.dash else (item.points,):
            if straight and not item.dash:
                self._hairline(piece, width, item.role)
            else:
                lines = [self._fixed(piece).reshape(-1, 1, 2)]
                cv2.polylines(self._image, lines, False, self._bgr(item.role), width, cv2.LINE_AA, _SHIFT)

    def _hairline(self, points: Sequence[Point], width: int, role: str) -> None:
        """Draws a horizontal or vertical line on whole pixels, so that it is crisp."""
        (x1, x2), (y1, y2) = (sorted(round(p[axis] * self._scale) for p in points) for axis in (0, 1))
        if y1 == y2:
            self._image[max(y1 - width // 2, 0) : y1 - width // 2 + width, x1:x2] = self._bgr(role)
        else:
            self._image[y1:y2, max(x1 - width // 2, 0) : x1 - width // 2 + width] = self._bgr(role)

    def _area(self, item: Area) -> None:
        points = self._fixed(item.points)
        left, top = np.maximum((points.min(axis=0) >> _SHIFT) - 1, 0).tolist()
        right, bottom = ((points.max(axis=0) >> _SHIFT) + 3).tolist()
        part = self._image[top:bottom, left:right]  # alone: a page of charts would be copied for each of them
        if part.size:
            painted = part.copy()
            moved = points - (np.array((left, top), np.int32) << _SHIFT)
            cv2.fillPoly(painted, [moved], self._bgr(item.role), cv2.LINE_AA, _SHIFT)
            cv2.addWeighted(painted, item.opacity, part, 1.0 - item.opacity, 0.0, dst=part)

    def _box(self, item: Box) -> None:
        s = self._scale
        x1, y1 = round(item.x * s), round(item.y * s)
        x2, y2 = round((item.x + item.width) * s), round((item.y + item.height) * s)
        self._image[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = self._bgr(item.role)

    def _circle(self, item: Dot, radius: float, role: str) -> None:
        centre = self._fixed([(item.x, item.y)])[0].tolist()
        length = max(1, round(radius * self._scale * (1 << _SHIFT)))
        cv2.circle(self._image, centre, length, self._bgr(role), cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _dashes(points: Sequence[Point], dash: tuple[float, float]) -> Iterator[tuple[Point, ...]]:
    """Splits a line into its painted dashes."""
    inked, left = True, dash[0]
    piece: list[Point] = [points[0]]
    for first, second in pairwise(points):
        length = math.hypot(second[0] - first[0], second[1] - first[1])
        done = 0.0
        while length - done > left:
            done += left
            part = done / length
            corner = (first[0] + (second[0] - first[0]) * part, first[1] + (second[1] - first[1]) * part)
            if inked:
                yield (*piece, corner)
            inked, piece = not inked, [corner]
            left = dash[0] if inked else dash[1]
        left -= length - done
        piece.append(second)
    if inked and len(piece) > 1:
        yield tuple(piece)
