"""The fine-tuning of ``everyday``, made tiny: blocks for images, a small start, few steps, and a power cut."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from detector.labels import COCO80
from detector.models.build import build_network
from detector.spec import PostprocessSpec
from detector.training.fit import TrainingProgress
from detector.training.policy import UNCHANGED
from detector.training.recipe import Recipe
from detector.weights import as_arrays
from tests.support.training_sets import SPEC
from tools.everyday.material import Sources
from tools.everyday.run import Options
from tools.everyday.run_log import RunLog
from tools.everyday.schedules import Round
from tools.everyday.start import Start
from tools.fixtures.data_sets import voc_xml

IMAGES = {"train": 6, "val": 3}
_COLOURS = {"cat": (40, 40, 220), "dog": (40, 200, 40), "cup": (220, 60, 40)}  # BGR
TINY = Round(
    "one",
    Recipe(batch=2, rate=1e-3, shape="cosine", warmup=1, optimiser="adamw", clip_norm=5.0, ema=0.5, seed=3),
    epochs=0.8,
    policy=UNCHANGED,
    frozen=("base_net.0.",),
    slow=("base_net.",),
    slowness=0.5,
)


def tiny_start() -> Start:
    """A network with COCO's classes and random weights in the place of TensorFlow's."""
    rule = PostprocessSpec(score_floor=0.012, top_k=10, max_detections=20)  # a network that knows nothing finds much
    spec = replace(SPEC, labels=COCO80, postprocess=rule, provenance="a small network with random weights")
    torch.manual_seed(1)
    return Start(spec, as_arrays(build_network(spec).state_dict()))


def write_tars(folder: Path) -> Path:
    """Annotations and images of cats and dogs, that is of red and green blocks, in two tars as VOC's are named."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(4)
    texts: dict[str, bytes] = {}
    images: dict[str, bytes] = {}
    number = 0
    for split, count in IMAGES.items():
        names = [f"{number + index:06}" for index in range(count)]
        number += count
        texts[f"ImageSets/Main/{split}.txt"] = "\n".join(names).encode()
        for name in names:
            image, things = _scene(rng, ("cat", "dog"))
            xml = [(label, (x1 + 1, y1 + 1, x2, y2), False) for label, (x1, y1, x2, y2) in things]
            texts[f"Annotations/{name}.xml"] = voc_xml(xml, f"{name}.jpg", (120, 90)).encode()
            images[f"JPEGImages/{name}.jpg"] = _jpeg(image)
    _write_tar(folder / "annotations.tar.gz", texts)
    _write_tar(folder / "images.tar", images)
    return folder


def write_coco(folder: Path, name: str, count: int) -> Path:
    """Fully labelled images of cats and cups, beside their annotation file."""
    rng = np.random.default_rng(len(name))
    (folder / "images").mkdir(parents=True, exist_ok=True)
    categories = {"cat": 17, "cup": 47}
    images, annotations = [], []
    for index in range(count):
        image, things = _scene(rng, tuple(categories))
        file = f"{name}{index:03}.jpg"
        (folder / "images" / file).write_bytes(_jpeg(image))
        images.append({"id": index + 1, "file_name": file, "width": 120, "height": 90})
        for label, (x1, y1, x2, y2) in things:
            box = [x1, y1, x2 - x1, y2 - y1]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": categories[label],
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    known = [{"id": number, "name": label} for label, number in categories.items()]
    path = folder / f"instances_{name}.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": known}))
    return path


def _scene(
    rng: np.random.Generator, labels: tuple[str, str]
) -> tuple[np.ndarray, list[tuple[str, tuple[int, int, int, int]]]]:
    """A grey image with a block of each label, and the blocks' corners."""
    image = np.full((90, 120, 3), 128, np.uint8)
    things = []
    for left, label in zip((5, 65), labels, strict=True):
        x, y, side = left + int(rng.integers(0, 10)), int(rng.integers(5, 40)), int(rng.integers(25, 40))
        image[y : y + side, x : x + side] = _COLOURS[label]
        things.append((label, (x, y, x + side, y + side)))
    return image, things


def _jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def _write_tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz" if path.name.endswith(".gz") else "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"VOCdevkit/VOC2007/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def options(sources: Sources, work: Path) -> Options:
    """Saved after every look."""
    return Options(sources, work, torch.device("cpu"), threads=1, save_minutes=0.0)


class PowerCut(BaseException):
    """Nothing catches it: what is on disk then is what a dead process leaves."""


class Dying(RunLog):
    """Ends the training as soon as it reports that a step was taken, before that is saved."""

    def __init__(self, path: Path, at: int) -> None:
        super().__init__(path)
        self._at = at

    def progress(self, progress: TrainingProgress) -> None:
        super().progress(progress)
        if progress.step >= self._at:
            raise PowerCut
