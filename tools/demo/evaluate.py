"""Measures a model on freshly drawn scenes: ``python -m tools.demo.evaluate [MODEL] [--scenes N]``.

Average precision as COCO defines it, computed by pycocotools; at most 100 detections of an image count.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detector.detections import Detections
from detector.model_file import open_file
from detector.runtime.base import Detector
from detector.runtime.open import open_detector
from tools.demo.samples import FRESH, scenes
from tools.demo.scenes import Scene, SceneOptions
from tools.demo.shapes import CLASSES

_BATCH = 8


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The measured accuracy.

    Attributes:
        scenes: Number of scenes.
        objects: Number of shapes in them.
        ap50: Mean over the classes of the average precision at IoU 0.5.
        ap: Likewise, averaged over IoU 0.50 to 0.95.
        per_class: ``ap50`` by class name.
    """

    scenes: int
    objects: int
    ap50: float
    ap: float
    per_class: dict[str, float]

    def __str__(self) -> str:
        classes = ", ".join(f"{name} {value:.3f}" for name, value in self.per_class.items())
        return f"AP50 {self.ap50:.4f}, AP {self.ap:.4f} on {self.scenes} scenes with {self.objects} shapes ({classes})"


def measure(detector: Detector, drawn: Iterable[Scene]) -> Accuracy:
    """Runs ``detector`` over ``drawn`` and compares with the truth. The detector's labels must be ``CLASSES``."""
    if detector.spec.labels != CLASSES:
        raise ValueError(f"{detector.spec.name} does not know the drawn shapes")
    truths: list[Scene] = []
    found: list[Detections] = []
    remaining = iter(drawn)
    while chunk := list(itertools.islice(remaining, _BATCH)):
        truths += chunk
        found += detector.detect_batch([scene.image_bgr for scene in chunk])
    return average_precision(truths, found)


def average_precision(truths: Sequence[Scene], found: Sequence[Detections]) -> Accuracy:
    """Scores ``found[i]``, the detections in ``truths[i]``."""
    annotations: list[dict[str, Any]] = []
    for image, scene in enumerate(truths):
        for box, class_id in zip(scene.boxes_xyxy, scene.class_ids, strict=True):
            entry = _entry(image, box, int(class_id))
            area = entry["bbox"][2] * entry["bbox"][3]
            annotations.append(entry | {"id": len(annotations) + 1, "area": area, "iscrowd": 0})
    results = [
        _entry(image, box, int(class_id)) | {"score": float(score)}
        for image, detections in enumerate(found)
        for box, score, class_id in zip(detections.boxes_xyxy, detections.scores, detections.class_ids, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        truth = COCO()
        truth.dataset = {
            "images": [{"id": image} for image in range(len(truths))],
            "annotations": annotations,
            "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES)],
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results) if results else COCO(), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # [IoU, recall, class], all sizes, 100 detections
    per_class = {
        name: float(precision[0, :, number].mean())
        for number, name in enumerate(CLASSES)
        if precision[0, 0, number] >= 0
    }
    known = precision[precision > -1]
    return Accuracy(
        scenes=len(truths),
        objects=len(annotations),
        ap50=float(np.mean(list(per_class.values()))) if per_class else 0.0,
        ap=float(known.mean()) if known.size else 0.0,
        per_class=per_class,
    )


def _entry(image: int, box_xyxy: Sequence[float] | np.ndarray[Any, Any], class_id: int) -> dict[str, Any]:
    x1, y1, x2, y2 = (float(value) for value in box_xyxy)
    return {"image_id": image, "category_id": class_id, "bbox": [x1, y1, x2 - x1, y2 - y1]}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo.evaluate", description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=Path("weights/demo.safetensors"), help="model file")
    parser.add_argument("--scenes", type=int, default=500, help="how many (default %(default)s)")
    parser.add_argument("--first", type=int, default=FRESH, help="number of the first scene (default %(default)s)")
    parser.add_argument(
        "--frame", type=int, nargs=2, metavar=("W", "H"), help="draw frames of this size (default: as trained)"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto")
    arguments = parser.parse_args()
    options = SceneOptions.for_frame(tuple(arguments.frame)) if arguments.frame else None
    with open_detector(open_file(arguments.model), device=arguments.device, precision=arguments.precision) as detector:
        accuracy = measure(detector, scenes(arguments.first, arguments.scenes, options))
        print(f"{arguments.model} on {detector.device}, {detector.precision}: {accuracy}")


if __name__ == "__main__":
    main()
