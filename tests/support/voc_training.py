"""The training of the VOC detector, made tiny: a few blocks for pictures, few steps, and a power cut."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from detector.training.policy import PAPER
from detector.training.recipe import Recipe
from tools.fixtures.data_sets import voc_xml
from tools.voc.courses import Course, Stage
from tools.voc.diary import Diary
from tools.voc.run import Options

PICTURES = {"train": 12, "val": 4}
_COLOURS = {"cat": (40, 40, 220), "dog": (40, 200, 40)}  # BGR
_RECIPE = Recipe(
    steps=1, batch=2, rate=1e-3, shape="cosine", optimiser="adamw", clip_norm=5.0, ema=0.5, batch_norm=True, seed=3
)
TINY = Course(
    width=0.0625,
    stages=(
        Stage("crops", "crops", 64, 1.0, replace(_RECIPE, batch=4), validate_every=0.5),
        Stage("small", "detect", 152, 0.6, _RECIPE, PAPER, 0.6, ("conv1",)),
        Stage("full", "detect", 300, 0.2, _RECIPE, PAPER, 100.0, ("conv1",)),
    ),
)
ON_DEVICE = Course(TINY.width, (replace(TINY.stages[2], frozen=()),), on_device=True, minutes=0.001)


def write_tars(folder: Path) -> Path:
    """Annotations and pictures of cats and dogs, that is of red and green blocks, in two tars as VOC's are named."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(4)
    texts: dict[str, bytes] = {}
    images: dict[str, bytes] = {}
    number = 0
    for split, count in PICTURES.items():
        names = [f"{number + index:06}" for index in range(count)]
        number += count
        texts[f"ImageSets/Main/{split}.txt"] = "\n".join(names).encode()
        for name in names:
            texts[f"Annotations/{name}.xml"], images[f"JPEGImages/{name}.jpg"] = _picture(rng, name)
    _write_tar(folder / "annotations.tar.gz", texts)
    _write_tar(folder / "images.tar", images)
    return folder


def _picture(rng: np.random.Generator, name: str) -> tuple[bytes, bytes]:
    image = np.full((90, 120, 3), 128, np.uint8)
    things = []
    for left, label in ((5, "cat"), (65, "dog")):
        x, y, side = left + int(rng.integers(0, 10)), int(rng.integers(5, 40)), int(rng.integers(25, 40))
        image[y : y + side, x : x + side] = _COLOURS[label]
        things.append((label, (x + 1, y + 1, x + side, y + side), False))
    return voc_xml(things, f"{name}.jpg", (120, 90)).encode(), cv2.imencode(".jpg", image)[1].tobytes()


def _write_tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz" if path.name.endswith(".gz") else "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"VOCdevkit/VOC2007/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def options(tars: Path, work: Path) -> Options:
    return Options(tars, work, work / "voc.safetensors", "cpu", threads=1, save_minutes=0.0)


class PowerCut(BaseException):
    """Nothing catches it: what is on disk then is what a dead process leaves."""


class Dying(Diary):
    """Ends the training after a step of a stage."""

    def __init__(self, path: Path, stage: str, at: int) -> None:
        super().__init__(path)
        self._at = (stage, at)

    def step(self, step: int, steps: int, loss: float, images_per_s: float, spent_s: float) -> None:
        super().step(step, steps, loss, images_per_s, spent_s)
        if (self._stage, step) == self._at:
            raise PowerCut
