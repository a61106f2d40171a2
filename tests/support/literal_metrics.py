"""The evaluation rules written down once more, one detection and one object at a time, as their authors state them.

Slow on purpose: no array, no sorting trick, no sharing with what is tested. Boxes are (x1, y1, x2, y2) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Thing:
    """A true object of one class."""

    image: int
    box: Box
    difficult: bool = False
    crowd: bool = False
    area: float = 0.0


@dataclass(frozen=True)
class Found:
    """A detection of one class."""

    image: int
    box: Box
    score: float


def voc_iou(a: Box, b: Box) -> float:
    """Overlap of boxes that include their last pixel."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    area_a, area_b = ((c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b))
    return width * height / (area_a + area_b - width * height)


def voc_right_or_wrong(things: Sequence[Thing], found: Sequence[Found]) -> list[bool]:
    """True or False of each detection that counts, best first."""
    taken: set[int] = set()
    answer: list[bool] = []
    for detection in sorted(found, key=lambda d: -d.score):  # sorted() is stable
        most, which = 0.0, -1
        for number, thing in enumerate(things):
            if thing.image == detection.image and voc_iou(detection.box, thing.box) > most:
                most, which = voc_iou(detection.box, thing.box), number
        if most < 0.5:
            answer.append(False)
        elif not things[which].difficult:
            answer.append(which not in taken)
            taken.add(which)
    return answer


def voc_points(right: Sequence[bool], objects: int) -> list[tuple[float, float]]:
    """(recall, precision) after each detection."""
    return [(sum(right[: n + 1]) / objects, sum(right[: n + 1]) / (n + 1)) for n in range(len(right))]


def voc07_ap(points: Sequence[tuple[float, float]]) -> float:
    """Mean of eleven precisions."""
    return sum(max((p for r, p in points if r >= tenth * 0.1), default=0.0) / 11 for tenth in range(11))


def area_ap(points: Sequence[tuple[float, float]]) -> float:
    """Every rise of recall, times the best precision from there on."""
    total, before = 0.0, 0.0
    for number, (recall, _) in enumerate(points):
        total += (recall - before) * max(p for _, p in points[number:])
        before = recall
    return total


def coco_iou(found: Box, thing: Thing) -> float:
    """Plain overlap; of a crowd, the share of the detection inside it."""
    box = thing.box
    width, height = min(found[2], box[2]) - max(found[0], box[0]), min(found[3], box[3]) - max(found[1], box[1])
    if width <= 0 or height <= 0:
        return 0.0
    own, other = ((c[2] - c[0]) * (c[3] - c[1]) for c in (found, box))
    return width * height / (own if thing.crowd else own + other - width * height)


@dataclass(frozen=True)
class CocoRule:
    """One overlap, one range of sizes, one limit of detections an image."""

    overlap: float
    size: tuple[float, float] = (0.0, 1e10)
    most: int = 100

    def right_or_wrong(self, things: Sequence[Thing], found: Sequence[Found], images: int) -> tuple[list[bool], int]:
        """True or False of each detection that counts, best first, and the number of objects that count."""
        judged: list[tuple[float, bool]] = []
        for image in range(images):
            mine = sorted((d for d in found if d.image == image), key=lambda d: -d.score)[: self.most]
            judged += self._image([t for t in things if t.image == image], mine)
        judged.sort(key=lambda pair: -pair[0])
        return [right for _, right in judged], sum(self._counts(thing) for thing in things)

    def _counts(self, thing: Thing) -> bool:
        return not thing.crowd and not thing.difficult and self.size[0] <= thing.area <= self.size[1]

    def _image(self, things: Sequence[Thing], found: Sequence[Found]) -> list[tuple[float, bool]]:
        free = set(range(len(things)))
        judged: list[tuple[float, bool]] = []
        for detection in found:
            best: tuple[bool, float, int] | None = None
            for number, thing in enumerate(things):
                overlap = coco_iou(detection.box, thing)
                if number in free and overlap >= min(self.overlap, 1 - 1e-10):
                    choice = (self._counts(thing), overlap, number)
                    best = choice if best is None else max(best, choice)
            if best is None:
                area = (detection.box[2] - detection.box[0]) * (detection.box[3] - detection.box[1])
                if self.size[0] <= area <= self.size[1]:
                    judged.append((detection.score, False))
                continue
            if not things[best[2]].crowd and not things[best[2]].difficult:
                free.discard(best[2])
            if best[0]:
                judged.append((detection.score, True))
        return judged


def coco_ap(right: Sequence[bool], objects: int) -> float:
    """Mean of the best precision at a recall of at least 0, 0.01, ... 1."""
    points = voc_points(right, objects)
    # The hundredths as linspace gives them, so that a recall that is exactly one of them is decided alike.
    return sum(max((p for r, p in points if r >= n * 0.01), default=0.0) for n in range(101)) / 101
