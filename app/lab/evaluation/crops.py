"""Shows mistakes in their image: a crop as JPEG, the true object and the detection drawn over it as SVG.

Used on the thread that writes the report; reads the image for each crop, and keeps none.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.core.charts.svg import escaped
from app.core.charts.text import fit, text_width
from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.core.overlay import Rect, shown_score
from app.lab.evaluation.mistakes import Mistake
from app.lab.evaluation.model_run import read_as_annotated
from detector.evaluation.results import Floats, ImageOutcome, ImageTruth

WIDTH, HEIGHT = 336, 252
"""Size of a crop in the report, CSS px; its JPEG has up to 1.5 times as many pixels, for high-density screens."""

_DENSITY = 1.5
_CONTEXT = 0.6  # share of the boxes' size, added on every side
_MIN_SIDE = 72.0  # image pixels that a crop shows at least
_QUALITY = 80
_MAX_FILE = 64 << 20
_FONT = 12.0
_TAG = 17.0


@dataclass(frozen=True, slots=True)
class _Tile:
    """A part of an image, shown at ``scale`` in the middle of a crop.

    Attributes:
        x: Left edge, whole image pixels.
        y: Top edge, whole image pixels.
        width: Width, image pixels.
        height: Height, image pixels.
        scale: CSS px per image pixel.
    """

    x: int
    y: int
    width: int
    height: int
    scale: float

    @property
    def frame(self) -> Rect:
        """Its rectangle in the crop, px: crops have one shape, images do not."""
        width, height = self.width * self.scale, self.height * self.scale
        return (WIDTH - width) / 2, (HEIGHT - height) / 2, (WIDTH + width) / 2, (HEIGHT + height) / 2

    def rect(self, box: Floats) -> Rect:
        """Maps a box from image pixels to px of the crop, clipped just outside it."""
        left, top, right, bottom = self.frame
        placed = (box - (self.x, self.y, self.x, self.y)) * self.scale + (left, top, left, top)
        x1, y1, x2, y2 = placed.tolist()
        return max(x1, left + 1.5), max(y1, top + 1.5), min(x2, right - 1.5), min(y2, bottom - 1.5)


def open_image(truth: ImageTruth) -> ImageBGR:
    """Opens the image of an outcome.

    Raises:
        AppError: It is missing, too large, damaged, or of another size than annotated.
    """
    if truth.path is None:
        raise AppError(f"The image {truth.image_id} is not here.")
    image = read_as_annotated(_of_sane_size(truth.path), truth.width, truth.height)
    height, width = image.shape[:2]
    if truth.width and truth.height and (width, height) != (truth.width, truth.height):
        stated = f"{truth.width}x{truth.height}"
        raise AppError(f"{truth.path.name} is {width}x{height} pixels, and its annotation says {stated}.")
    return image


def _of_sane_size(path: Path) -> Path:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise AppError(f"{path.name} cannot be read: {error.strerror}.") from error
    if size > _MAX_FILE:
        raise AppError(f"{path.name} is larger than {_MAX_FILE >> 20} MB.")
    return path


def crop_of(mistake: Mistake, outcome: ImageOutcome, labels: Sequence[str], image: ImageBGR) -> str:
    """Returns an ``<svg>`` element of the boxes concerned and their surroundings.

    Args:
        mistake: The mistake to show.
        outcome: Outcome of its image.
        labels: Class names.
        image: UInt8[H, W, 3], BGR.
    """
    tile = _tile(_concerned(mistake, outcome), image.shape[1], image.shape[0])
    shapes = [_outline(tile.rect(box), "other") for box in _others(mistake, outcome)]
    tags: list[Rect] = []
    spoken: list[str] = []
    if mistake.truth >= 0:
        rect = tile.rect(outcome.truth.boxes_xyxy[mistake.truth])
        name = labels[outcome.truth.class_ids[mistake.truth]]
        spoken.append(f"true object: {name}")
        shapes += [_outline(rect, "truth"), _tag(rect, name, "truth", tags, below=True)]
    if mistake.found >= 0:
        rect = tile.rect(outcome.found.boxes_xyxy[mistake.found])
        name = labels[outcome.found.class_ids[mistake.found]]
        words = f"{name} {shown_score(mistake.score)}"
        spoken.append(f"detection: {words}")
        shapes += [_outline(rect, "found"), _tag(rect, words, "found", tags, below=False)]
    left, top, right, bottom = tile.frame
    place = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
    return (
        f'<svg class="crop" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escaped("; ".join(spoken))}">'
        f'<image {place} preserveAspectRatio="none" href="{_jpeg(image, tile)}"/>{"".join(shapes)}</svg>'
    )


def _concerned(mistake: Mistake, outcome: ImageOutcome) -> Floats:
    boxes = []
    if mistake.truth >= 0:
        boxes.append(outcome.truth.boxes_xyxy[mistake.truth])
    if mistake.found >= 0:
        boxes.append(outcome.found.boxes_xyxy[mistake.found])
    return np.array(boxes, np.float64)


def _others(mistake: Mistake, outcome: ImageOutcome) -> list[Floats]:
    """Returns the other true objects, to show what was annotated."""
    return [box for index, box in enumerate(outcome.truth.boxes_xyxy) if index != mistake.truth]


def _tile(boxes: Floats, width: int, height: int) -> _Tile:
    """Returns the part of a ``width`` x ``height`` image around ``boxes``, in the shape of a crop if possible."""
    low = np.clip(boxes[:, :2].min(axis=0), 0, (width - 1, height - 1))
    high = np.clip(boxes[:, 2:].max(axis=0), low + 1, (width, height))
    size = np.maximum((high - low) * (1 + 2 * _CONTEXT), _MIN_SIDE)
    across = max(size[0], size[1] * WIDTH / HEIGHT)
    wanted = np.minimum(np.ceil((across, across * HEIGHT / WIDTH)), (width, height))
    corner = np.clip(np.floor((low + high - wanted) / 2), 0, (width, height) - wanted)
    x, y, w, h = (int(value) for value in (*corner, *wanted))
    return _Tile(x, y, w, h, min(WIDTH / w, HEIGHT / h))


def _jpeg(image: ImageBGR, tile: _Tile) -> str:
    """Returns the tile as a data URI, no larger than a screen needs, and never enlarged."""
    part = image[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    scale = min(tile.scale * _DENSITY, 1.0)
    size = max(1, round(tile.width * scale)), max(1, round(tile.height * scale))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else part
    done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise AppError("A crop could not be encoded as JPEG.")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def _outline(rect: Rect, role: str) -> str:
    x1, y1, x2, y2 = rect
    if x2 <= x1 or y2 <= y1:
        return ""
    place = f'x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}"'
    return f'<rect class="halo of-{role}" {place}/><rect class="{role}" {place}/>'


def _tag(rect: Rect, words: str, role: str, taken: list[Rect], below: bool) -> str:
    """Places a label in the first free spot around ``rect``: detections above their box, true objects below."""
    text = fit(words, _FONT, WIDTH - 8, bold=True)
    width = text_width(text, _FONT, bold=True) + 8
    x = min(max(rect[0] - 1, 0.0), WIDTH - width)
    outside, inside = (rect[3], rect[3] - _TAG) if below else (rect[1] - _TAG, rect[1])
    other = rect[1] - _TAG if below else rect[3]
    rows = [min(max(y, 0.0), HEIGHT - _TAG) for y in (outside, inside, other, 0.0, HEIGHT)]
    places = [(x, y, x + width, y + _TAG) for y in rows]
    chosen = next((place for place in places if not any(_meet(place, other) for other in taken)), places[0])
    taken.append(chosen)
    box = f'x="{chosen[0]:.1f}" y="{chosen[1]:.1f}" width="{width:.1f}" height="{_TAG:g}"'
    at = f'x="{chosen[0] + 4:.1f}" y="{chosen[1] + 12.5:.1f}"'
    return f'<g class="tag {role}"><rect {box}/><text {at}>{escaped(text)}</text></g>'


def _meet(first: Rect, second: Rect) -> bool:
    return min(first[2], second[2]) > max(first[0], second[0]) and min(first[3], second[3]) > max(first[1], second[1])
