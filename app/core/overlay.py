"""Where boxes and labels go: pure geometry, shared by the window (QPainter) and by exported files (arrays).

Any thread; nothing is kept between calls. In: detections in image pixels. Out: marks in view pixels, in paint order
(best detection last, so that it lies on top).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.core.palette import RGB, class_colour, model_colours, text_colour
from app.core.records.frame_record import label_of
from app.core.settings import OverlaySettings
from detector.detections import Detections

Rect = tuple[float, float, float, float]
"""x1, y1, x2, y2."""

Floats = npt.NDArray[np.float64]

Measure = Callable[[str, float], tuple[float, float]]
"""(text, size in view px) -> (width, height of the line), view px."""

_EMPTY: Rect = (0.0, 0.0, 0.0, 0.0)
_PADDING = 0.3  # of the label size, left and right of the text
_ELLIPSIS = "…"
_UNSEEN_LINE = 0.5  # of the line width, where the network did not find the object
_FADED_AFTER_S, _LEAST_OPACITY = 1.0, 0.35


@dataclass(frozen=True, slots=True)
class View:
    """The view of an image.

    Attributes:
        scale: View pixels per image pixel.
        offset: Where the image's top left corner lies, view px.
        viewport: The visible part, x1 y1 x2 y2 in view px; None for the whole image.
        unit: View pixels per setting pixel (line width, label size): the device pixel ratio of a screen.
    """

    scale: float = 1.0
    offset: tuple[float, float] = (0.0, 0.0)
    viewport: Rect | None = None
    unit: float = 1.0

    @staticmethod
    def of_file(width: int, height: int) -> View:
        """An image painted at its own size: lines and labels grow with it, so a 4K file reads as a 720p one."""
        return View(unit=max(min(width, height) / 720.0, 0.85))


@dataclass(frozen=True, slots=True)
class BoxMark:
    """One detection, ready to paint.

    Attributes:
        rect: The box, view px, not rounded, cut at the image's edge.
        text: The label; "" for none (switched off, or no room for a single letter).
        label_rect: Background of the label, inside the visible image.
        text_size: Height of the text, view px.
        padding: Space between the left edge of ``label_rect`` and the text, view px.
        colour: Outline and label background.
        text_colour: Black or white.
        line_width: Outline, view px.
        fill: Opacity of the tint inside the box, 0..1.
        row: Which detection it is.
        opacity: Of all of it, 0..1.
    """

    rect: Rect
    text: str
    label_rect: Rect
    text_size: float
    padding: float
    colour: RGB
    text_colour: RGB
    line_width: float
    fill: float
    row: int = 0
    opacity: float = 1.0


def threshold_showing(score: float) -> float:
    """The highest threshold, in hundredths, that still shows what scores this.

    The comparison is the one ``Detections.above`` makes (float32), so 0.57 stays 0.57 though its float32 is smaller.
    """
    value = np.float32(score)
    hundredths = math.floor(float(value) * 100)
    if np.float32((hundredths + 1) / 100) <= value:
        hundredths += 1
    return hundredths / 100


def shown_score(score: float) -> str:
    """Two decimals that never promise more than the score."""
    return f"{threshold_showing(score):.2f}"


def label_text(label: str, score: float, look: OverlaySettings, track: int | None = None) -> str:
    """Returns the label of a box, e.g. "car 0.87", or "car #3 0.87" where it has a track number."""
    parts = [label] if look.show_labels else []
    parts += [f"#{track}"] if track is not None and look.show_numbers else []
    parts += [shown_score(score)] if look.show_scores else []
    return " ".join(parts)


def layout(
    detections: Detections,
    labels: Sequence[str],
    frame_size: tuple[int, int],
    view: View,
    look: OverlaySettings,
    measure: Measure,
    tracks: Sequence[int | None] = (),
    unseen_s: Sequence[float] = (),
) -> tuple[BoxMark, ...]:
    """Place every box and its label.

    Labels stay inside the visible image; each goes to the first free of some places around its box, better
    detections choose first, and where none is free it covers as little of the others as it can.

    Args:
        detections: What to show, boxes in pixels of the upright image.
        labels: Class names; an id beyond them is shown as its number.
        frame_size: (width, height) of the image, px.
        view: Scale, place and pixel density.
        look: Line width, label size, colours.
        measure: Size of a text in the painter's font.
        tracks: A track number, or None, for each detection; empty to show none.
        unseen_s: For each detection how long the network has not found it, seconds, 0 where it did when it looked last:
            a thinner line that fades; empty for zeros.

    Returns:
        One mark for each detection whose box touches the image, best last.
    """
    rects, visible = _placed(detections, frame_size, view)
    names = [label_of(labels, class_id) for class_id in detections.class_ids.tolist()]
    placer = _LabelPlacer(visible, look.label_size * view.unit, measure)
    line_width = look.line_width * view.unit
    placed = placer.place_all(rects, _texts(detections, names, look, tracks), line_width)
    fill = min(max(look.fill, 0.0), 100.0) / 100.0
    colours = model_colours(tuple(labels), look.palette)
    marks: list[BoxMark] = []
    found = zip(rects.tolist(), names, placed, unseen_s or (0.0,) * len(names), strict=True)
    for row, ((x1, y1, x2, y2), name, (text, label_rect), unseen) in enumerate(found):
        if x2 <= x1 or y2 <= y1:
            continue
        colour = colours.get(name) or class_colour(name, look.palette)
        size, padding = placer.text_size, placer.padding
        line, opacity = (line_width, 1.0) if unseen <= 0 else (line_width * _UNSEEN_LINE, _opacity(unseen))
        rect, ink = (x1, y1, x2, y2), text_colour(colour)
        marks.append(BoxMark(rect, text, label_rect, size, padding, colour, ink, line, fill, row, opacity))
    return tuple(reversed(marks))


def _texts(
    detections: Detections, names: Sequence[str], look: OverlaySettings, tracks: Sequence[int | None]
) -> list[str]:
    found = zip(names, detections.scores.tolist(), tracks or (None,) * len(names), strict=True)
    return [label_text(name, score, look, track) for name, score, track in found]


def _placed(detections: Detections, frame_size: tuple[int, int], view: View) -> tuple[Floats, Rect]:
    """Returns where the boxes lie, Float64[N, 4] xyxy, and what of the image is seen, both in the view's pixels."""
    left, top = view.offset
    image = (left, top, left + frame_size[0] * view.scale, top + frame_size[1] * view.scale)
    rects = detections.boxes_xyxy * view.scale + np.array((left, top, left, top))
    rects = np.minimum(np.maximum(rects, image[:2] * 2), image[2:] * 2)
    return rects, image if view.viewport is None else _intersection(image, view.viewport)


def _opacity(unseen_s: float) -> float:
    return max(_LEAST_OPACITY, 1.0 - (1.0 - _LEAST_OPACITY) * unseen_s / _FADED_AFTER_S)


def _intersection(first: Rect, second: Rect) -> Rect:
    x1, y1 = max(first[0], second[0]), max(first[1], second[1])
    return x1, y1, max(x1, min(first[2], second[2])), max(y1, min(first[3], second[3]))


class _LabelPlacer:
    """Finds room for one label after the other; remembers those placed."""

    def __init__(self, visible: Rect, text_size: float, measure: Measure) -> None:
        self.text_size = text_size
        self.padding = text_size * _PADDING
        self._visible = visible
        self._measure = measure
        self._fitted: dict[str, tuple[str, float, float]] = {}

    def place_all(self, rects: Floats, texts: list[str], line_width: float) -> list[tuple[str, Rect]]:
        """Returns each box's text, shortened where the visible image is narrower, and the text's background.

        Args:
            rects: Float64[N, 4], boxes in order of preference.
            texts: N labels.
            line_width: Outline of the boxes, view px.

        Returns:
            N (text, background); ("", zeros) where there is nothing to write or no room for it.
        """
        fitted = [self._fit(text) for text in texts]
        sizes = np.array([(width, height) for _, width, height in fitted]).reshape(-1, 2)
        v = self._visible
        seen = (rects[:, 0] < v[2]) & (v[0] < rects[:, 2]) & (rects[:, 1] < v[3]) & (v[1] < rects[:, 3])
        seen &= (sizes[:, 0] > 0) & (sizes[:, 1] <= v[3] - v[1])
        places = self._places(rects, sizes, line_width)
        taken = np.empty((4, len(texts)))
        count = 0
        placed: list[tuple[str, Rect]] = []
        for (text, _, _), place, is_seen in zip(fitted, places, seen.tolist(), strict=True):
            if not is_seen:
                placed.append(("", _EMPTY))
                continue
            chosen = place[:, _least_covered(place, taken[:, :count])]
            taken[:, count] = chosen
            count += 1
            x1, y1, x2, y2 = chosen.tolist()
            placed.append((text, (x1, y1, x2, y2)))
        return placed

    def _fit(self, text: str) -> tuple[str, float, float]:
        """Text, width and height of its background; cut with an ellipsis until it fits the visible image."""
        if text not in self._fitted:
            self._fitted[text] = self._cut(text, self._visible[2] - self._visible[0])
        return self._fitted[text]

    def _cut(self, text: str, room: float) -> tuple[str, float, float]:
        shown, kept = text, len(text)
        while shown:
            width, height = self._measure(shown, self.text_size)
            width += 2 * self.padding
            if width <= room:
                return shown, width, height
            kept -= max(1, int(kept * (1 - room / width)))
            shown = text[:kept].rstrip() + _ELLIPSIS if kept > 0 else ""
        return "", 0.0, 0.0

    def _places(self, rects: Floats, sizes: Floats, line_width: float) -> Floats:
        """Float64[N, 4, K]: K places for each label, x1 y1 x2 y2, best first, moved into the visible image."""
        half = line_width / 2
        x1, y1, x2, y2 = (rects + np.array((-half, -half, half, half))).T  # each [N]
        w, h = sizes.T
        # Above the box, below it, inside at its top and at its bottom, then a line further in and out.
        lefts = (x1, x2 - w, x1, x1, x2 - w, x1, x1, x1)
        tops = (y1 - h, y1 - h, y2, y1, y1, y2 - h, y1 + h, y1 - 2 * h)
        corners = np.stack([np.stack(lefts, axis=1), np.stack(tops, axis=1)], axis=1)  # [N, 2, K]
        first, last = np.array(self._visible[:2]), np.array(self._visible[2:])
        corners = np.maximum(np.minimum(corners, (last - sizes)[:, :, None]), first[:, None])
        return np.concatenate([corners, corners + sizes[:, :, None]], axis=1)


def _least_covered(places: Floats, taken: Floats) -> int:
    """Index of the first of ``places`` Float64[4, K] that overlaps ``taken`` Float64[4, M] least."""
    if taken.shape[1] == 0:
        return 0
    sides = np.minimum(places[2:, :, None], taken[2:, None])  # [2, K, M]
    sides -= np.maximum(places[:2, :, None], taken[:2, None])
    np.maximum(sides, 0.0, out=sides)
    return int(np.einsum("km,km->k", sides[0], sides[1]).argmin())
