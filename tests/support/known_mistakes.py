"""A small data set with one mistake of every kind; its objects are plain areas, each of a colour of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from detector.evaluation.detection_table import DetectionTable, make_table
from detector.evaluation.results import DataSet, Evaluation, ImageTruth
from detector.evaluation.voc_metric import evaluate_voc

Box = tuple[float, float, float, float]
RED, GREEN, BLUE, VIOLET = (40, 40, 200), (40, 160, 40), (200, 80, 30), (160, 40, 160)
"""BGR."""

DOG, CAT, COW = 0, 1, 2
LABELS = ("dog", "cat", "cow")
SIZE = (400, 300)


@dataclass(frozen=True)
class Object:
    """A true object: where, what, in which colour it is painted."""

    box: Box
    class_id: int
    colour: tuple[int, int, int]
    difficult: bool = False


@dataclass(frozen=True)
class Seen:
    """A detection."""

    box: Box
    class_id: int
    score: float


@dataclass(frozen=True)
class Scene:
    """One image: its name, what is in it, what was found."""

    name: str
    objects: tuple[Object, ...]
    seen: tuple[Seen, ...]


SCENES = (
    Scene(
        "twice",
        (Object((40, 40, 140, 140), DOG, RED),),
        (Seen((41, 40, 141, 140), DOG, 0.9), Seen((44, 46, 146, 146), DOG, 0.8)),
    ),
    Scene("taken-for", (Object((200, 100, 320, 200), CAT, GREEN),), (Seen((202, 104, 318, 204), DOG, 0.7),)),
    Scene("beside", (Object((60, 150, 160, 250), DOG, BLUE),), (Seen((110, 160, 215, 265), DOG, 0.6),)),
    Scene("nothing", (), (Seen((250, 20, 330, 90), DOG, 0.95), Seen((10, 10, 60, 60), CAT, 0.3))),
    Scene(
        "missed",
        (Object((20, 30, 250, 280), CAT, VIOLET), Object((300, 200, 380, 280), DOG, RED)),
        (Seen((301, 201, 379, 279), DOG, 0.2),),
    ),
    Scene(
        "difficult", (Object((50, 50, 150, 150), DOG, GREEN, difficult=True),), (Seen((50, 50, 150, 150), DOG, 0.85),)
    ),
    Scene("right", (Object((30, 30, 200, 200), CAT, BLUE),), (Seen((32, 30, 204, 200), CAT, 0.99),)),
)


def data_set(folder: Path | None, scenes: Sequence[Scene] = SCENES, labels: tuple[str, ...] = LABELS) -> DataSet:
    """The scenes, painted into ``folder``; None: the images are not here."""
    images = []
    for scene in scenes:
        path = None if folder is None else folder / f"{scene.name}.png"
        if path is not None:
            image = np.full((SIZE[1], SIZE[0], 3), 235, np.uint8)
            for each in scene.objects:
                x1, y1, x2, y2 = (round(edge) for edge in each.box)
                image[y1:y2, x1:x2] = each.colour
            path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        images.append(_truth(scene, path))
    return DataSet(Path("Drawn"), "voc", "test", labels, tuple(images))


def _truth(scene: Scene, path: Path | None) -> ImageTruth:
    boxes = np.array([each.box for each in scene.objects], np.float64).reshape(-1, 4)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return ImageTruth(
        scene.name,
        path,
        *SIZE,
        boxes,
        np.array([each.class_id for each in scene.objects], np.int32),
        np.array([each.difficult for each in scene.objects], np.bool_),
        np.zeros(len(boxes), np.bool_),
        areas,
        areas,
    )


def found_in(scenes: Sequence[Scene] = SCENES) -> DetectionTable:
    """All detections of the scenes."""
    rows = [(number, seen) for number, scene in enumerate(scenes) for seen in scene.seen]
    return make_table(
        [number for number, _ in rows],
        [seen.class_id for _, seen in rows],
        [seen.score for _, seen in rows],
        [seen.box for _, seen in rows],
    )


def evaluation(folder: Path | None, scenes: Sequence[Scene] = SCENES, labels: tuple[str, ...] = LABELS) -> Evaluation:
    """The scenes, scored by VOC 2007's rule."""
    data = data_set(folder, scenes, labels)
    return Evaluation("drawn-model", "cpu", data, evaluate_voc(data, found_in(scenes), "voc07"), seconds=1.75)
