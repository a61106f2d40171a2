"""The door to this package: read a data set of either format, narrow it down, score detections on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from detector.errors import DetectorError
from detector.evaluation.class_matching import known_names
from detector.evaluation.coco_json import read_coco
from detector.evaluation.coco_layout import list_splits
from detector.evaluation.coco_metric import evaluate_coco
from detector.evaluation.detection_table import DetectionTable
from detector.evaluation.results import DataSet, ImageTruth, Metric, Result
from detector.evaluation.voc_layout import find_roots
from detector.evaluation.voc_metric import evaluate_voc
from detector.evaluation.voc_tree import read_voc


def read_data(root: Path, kind: str = "", split: str = "", limit: int | None = None) -> DataSet:
    """Read a data set.

    Args:
        root: A VOCdevkit, a COCO folder, or a COCO annotation file.
        kind: "voc" or "coco"; "" looks which it is.
        split: Its name in the set; "" for the usual one.
        limit: At most this many images, the first.

    Raises:
        DetectorError: There is no such data, or nothing of it can be read.
    """
    if not root.exists():
        raise DetectorError(f"{root} does not exist.")
    kind = kind or _kind(root)
    return read_coco(root, split, limit) if kind == "coco" else read_voc(root, split, limit)


def _kind(root: Path) -> str:
    if root.is_file() or list_splits(root):
        return "coco"
    if find_roots(root):
        return "voc"
    raise DetectorError(
        f"There is no VOC and no COCO data in {root}.",
        "Looked for Annotations and ImageSets/Main (VOC), and for annotations/instances_SPLIT.json (COCO).",
    )


def usual_metric(data: DataSet) -> Metric:
    """The rule that scores on such data are published with: SSD's on VOC are those of 2007."""
    return "coco" if data.kind == "coco" else "voc07"


def score(data: DataSet, found: DetectionTable, metric: Metric) -> Result:
    """The scores of ``found`` on ``data``; any rule works on any data."""
    return evaluate_coco(data, found) if metric == "coco" else evaluate_voc(data, found, metric)


def only_classes(data: DataSet, classes: Sequence[str]) -> DataSet:
    """``data`` as if it had these classes only; none named means all.

    Raises:
        DetectorError: One is unknown.
    """
    if not classes:
        return data
    chosen = known_names(classes, data.labels, "The data")
    keep = [index for index, label in enumerate(data.labels) if label in chosen]
    numbers = np.full(len(data.labels), -1, np.int32)
    numbers[keep] = np.arange(len(keep), dtype=np.int32)
    return replace(
        data,
        labels=tuple(data.labels[index] for index in keep),
        category_ids=tuple(data.category_ids[index] for index in keep) if data.category_ids else (),
        images=tuple(_renumbered(image, numbers) for image in data.images),
    )


def _renumbered(image: ImageTruth, numbers: np.ndarray) -> ImageTruth:
    own = numbers[image.class_ids]
    kept = own >= 0
    return replace(
        image,
        boxes_xyxy=image.boxes_xyxy[kept],
        class_ids=own[kept],
        difficult=image.difficult[kept],
        crowd=image.crowd[kept],
        areas=image.areas[kept],
        box_areas=image.box_areas[kept],
    )
