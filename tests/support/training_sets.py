"""Something small to train on: images of coloured blocks, and a network that learns them in seconds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from detector.config import ultraface_config
from detector.evaluation.results import DataSet, ImageTruth
from detector.spec import InputSpec, ModelSpec, PostprocessSpec

LABELS = ("red", "green", "blue")
SIZE = (96, 128)  # height, width
_COLOURS = ((40, 40, 220), (40, 200, 40), (220, 60, 40))  # BGR

SPEC = ModelSpec(
    name="blocks",
    architecture="ultraface-slim",
    labels=LABELS,
    input=InputSpec(*SIZE, "rgb", (127.0, 127.0, 127.0), (64.0, 64.0, 64.0)),
    config=ultraface_config(*SIZE),
    postprocess=PostprocessSpec(iou_threshold=0.45, top_k=100),  # sorting out what an untrained one finds is slow
)


def make_blocks(folder: Path, count: int, seed: int = 0) -> DataSet:
    """Write ``count`` images with one to three blocks each; returns their annotations."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    return DataSet(folder, "voc", "train", LABELS, tuple(_image(folder, rng, number) for number in range(count)))


def _image(folder: Path, rng: np.random.Generator, number: int) -> ImageTruth:
    height, width = 120, 160
    image = np.full((height, width, 3), rng.integers(90, 160, 3), np.uint8)
    image = np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    boxes, ids = [], []
    for slot in rng.permutation(4)[: rng.integers(1, 4)]:  # one block to a quarter, so none hides another
        w, h = (int(v) for v in rng.integers(26, 56, 2))
        x = int(slot % 2) * 80 + int(rng.integers(2, 78 - w))
        y = int(slot // 2) * 60 + int(rng.integers(2, 58 - h))
        kind = int(rng.integers(0, len(LABELS)))
        cv2.rectangle(image, (x, y), (x + w - 1, y + h - 1), _COLOURS[kind], -1)
        boxes.append([x, y, x + w, y + h])
        ids.append(kind)
    path = folder / f"block{number:03}.png"
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    xyxy = np.array(boxes, np.float64)
    areas = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    no = np.zeros(len(ids), np.bool_)
    return ImageTruth(path.stem, path, width, height, xyxy, np.array(ids, np.int32), no, no, areas, areas, path.name)
