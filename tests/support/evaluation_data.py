"""Data sets and detections for the tests of the evaluation: from short lists, drawn at random, or in COCO's dicts."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from detector.evaluation.detection_table import DetectionTable, make_table
from detector.evaluation.results import DataSet, ImageTruth
from tests.support import literal_metrics as literal

Box = literal.Box


@dataclass(frozen=True)
class Case:
    """True objects and detections, each with the number of its class."""

    classes: int
    images: int
    things: tuple[tuple[int, literal.Thing], ...]
    found: tuple[tuple[int, literal.Found], ...]

    def things_of(self, class_id: int) -> list[literal.Thing]:
        """Those of one class, in order."""
        return [thing for number, thing in self.things if number == class_id]

    def found_of(self, class_id: int) -> list[literal.Found]:
        """Those of one class, in order."""
        return [found for number, found in self.found if number == class_id]


def data_set(case: Case) -> DataSet:
    """The true objects of ``case`` as readers would give them."""
    images = []
    for image in range(case.images):
        mine = [(number, thing) for number, thing in case.things if thing.image == image]
        boxes = np.array([thing.box for _, thing in mine], np.float64).reshape(-1, 4)
        sides = boxes[:, 2:] - boxes[:, :2]
        images.append(
            ImageTruth(
                str(image + 1),
                None,
                100,
                100,
                boxes,
                np.array([number for number, _ in mine], np.int32),
                np.array([thing.difficult for _, thing in mine], np.bool_),
                np.array([thing.crowd for _, thing in mine], np.bool_),
                np.array([thing.area for _, thing in mine], np.float64),
                sides[:, 0] * sides[:, 1],
            )
        )
    labels = tuple(f"class {number}" for number in range(case.classes))
    return DataSet(Path("nowhere"), "coco", "drawn", labels, tuple(images))


def found_table(case: Case) -> DetectionTable:
    """The detections of ``case`` as readers would give them."""
    return make_table(
        [found.image for _, found in case.found],
        [number for number, _ in case.found],
        [found.score for _, found in case.found],
        [found.box for _, found in case.found],
    )


# On a coarse grid of whole pixels: equal boxes, equal overlaps and overlaps of exactly one half are common.
# COCO's sizes part at 32 and 96 pixels.
_BOX = st.tuples(
    st.integers(0, 12), st.integers(0, 12), st.integers(1, 12), st.integers(1, 12), st.sampled_from((1, 1, 4, 16))
)
_AREA = st.sampled_from((100.0, 1024.0, 5000.0, 9216.0, 20000.0))
_STEP = st.sampled_from((0.0, 0.0, 0.0, -2.0, -1.0, 0.5, 1.0, 2.0))
_SCORE = st.sampled_from((0.1, 0.3, 0.5, 0.7, 0.9))
_IMAGE, _CLASS = st.integers(0, 3), st.integers(0, 2)
_THINGS = st.lists(st.tuples(_CLASS, _IMAGE, _BOX, st.booleans(), st.integers(0, 2), _AREA), max_size=12)
# A detection is an object of that number moved by some steps, or where there is none, a box of its own.
_FOUND = st.lists(st.tuples(_CLASS, _IMAGE, st.integers(0, 14), _STEP, _STEP, _BOX, _SCORE), max_size=20)


@st.composite
def cases(draw: st.DrawFn, difficult: bool, crowd: bool) -> Case:
    """A few images and classes, with crowding and ties of every kind; most detections are near an object."""
    things: list[tuple[int, literal.Thing]] = []
    for number, image, box, hard, part, area in draw(_THINGS):
        things.append((number, literal.Thing(image, _corners(box), difficult and hard, crowd and part == 0, area)))
    found: list[tuple[int, literal.Found]] = []
    for number, image, near, left, right, box, score in draw(_FOUND):
        place = _corners(box)
        if near < len(things):
            image, (x1, y1, x2, y2) = things[near][1].image, things[near][1].box
            place = (x1 + left, y1, max(x1 + left, x2 + right), y2)
        found.append((number, literal.Found(image, place, score)))
    return Case(3, 4, tuple(things), tuple(found))


def _corners(box: tuple[int, int, int, int, int]) -> Box:
    x, y, width, height, scale = box
    return (float(x * scale), float(y * scale), float((x + width) * scale), float((y + height) * scale))


def random_case(seed: int, classes: int = 6, images: int = 40, things: int = 300, found: int = 4000) -> Case:
    """A larger one with fractional boxes; most detections near an object, every tenth object a crowd."""
    rng = np.random.default_rng(seed)
    size = np.exp(rng.uniform(np.log(6), np.log(300), (things, 2)))
    corner = rng.uniform(0, 400, (things, 2))
    truth_class, truth_image = rng.integers(0, classes, things), rng.integers(0, images, things)
    truth_boxes = np.round(np.concatenate((corner, corner + size), axis=1), 2)
    source = rng.integers(0, things, found)
    boxes = np.round(truth_boxes[source] + rng.normal(0, 8, (found, 4)), 2)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
    scores = np.round(rng.uniform(0, 1, found), 2)
    other = rng.uniform(0, 1, found) < 0.3
    image = np.where(other, rng.integers(0, images, found), truth_image[source])
    crowd = rng.uniform(0, 1, things) < 0.1
    areas = (size[:, 0] * size[:, 1]) * rng.uniform(0.5, 1.0, things)
    return Case(
        classes,
        images,
        tuple(
            (
                int(truth_class[n]),
                literal.Thing(int(truth_image[n]), _box(truth_boxes[n]), False, bool(crowd[n]), float(areas[n])),
            )
            for n in range(things)
        ),
        tuple(
            (int(truth_class[source[n]]), literal.Found(int(image[n]), _box(boxes[n]), float(scores[n])))
            for n in range(found)
        ),
    )


def _box(row: npt.NDArray[np.float64]) -> Box:
    return (float(row[0]), float(row[1]), float(row[2]), float(row[3]))


def coco_dicts(case: Case) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """``case`` as an instances file and a results file."""
    truth = {
        "images": [
            {"id": n + 1, "file_name": f"{n + 1:04}.jpg", "width": 100, "height": 100} for n in range(case.images)
        ],
        "categories": [{"id": n + 1, "name": f"class {n}"} for n in range(case.classes)],
        "annotations": [
            {
                "id": index + 1,
                "image_id": thing.image + 1,
                "category_id": number + 1,
                "bbox": _xywh(thing.box),
                "area": thing.area,
                "iscrowd": int(thing.crowd),
            }
            for index, (number, thing) in enumerate(case.things)
        ],
    }
    results = [
        {"image_id": found.image + 1, "category_id": number + 1, "bbox": _xywh(found.box), "score": found.score}
        for number, found in case.found
    ]
    return truth, results


def _xywh(box: Box) -> list[float]:
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def pycocotools_says(
    truth: dict[str, Any], results: Sequence[dict[str, Any]]
) -> tuple[list[float], npt.NDArray[np.float64]]:
    """The twelve numbers (-1 where absent), and Float64[T, 101, C, A, 3], the precision of everything.

    Needs at least one detection: pycocotools refuses an empty list.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = truth
        reference.createIndex()
        judge = COCOeval(reference, reference.loadRes([dict(result) for result in results]), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return [float(value) for value in judge.stats], judge.eval["precision"]
