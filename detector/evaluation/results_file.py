"""Detections as a COCO results file, so that they can be scored again, here or elsewhere, without the model."""

from __future__ import annotations

import json
from typing import Any

from detector.evaluation.detection_table import DetectionTable
from detector.evaluation.results import DataSet


def results_json(data: DataSet, found: DetectionTable) -> bytes:
    """A list of ``{image_id, category_id, bbox: [x, y, width, height], score}``, in the order of ``found``.

    VOC has no category numbers: its classes are numbered from 1, and named by a ``label`` in every entry.
    """
    sides = found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]
    image_ids = [_image_id(image.image_id, data.kind) for image in data.images]
    columns = zip(
        found.images.tolist(),
        found.class_ids.tolist(),
        found.boxes_xyxy[:, :2].tolist(),
        sides.tolist(),
        found.scores.tolist(),
        strict=True,
    )
    entries: list[dict[str, Any]] = []
    for image, class_id, corner, size, score in columns:
        entry = {"image_id": image_ids[image], "category_id": class_id + 1, "bbox": [*corner, *size], "score": score}
        if data.category_ids:
            entry["category_id"] = data.category_ids[class_id]
        else:
            entry["label"] = data.labels[class_id]
        entries.append(entry)
    return json.dumps(entries, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _image_id(image_id: str, kind: str) -> int | str:
    """COCO's as the number it was, unless it never was one; VOC's stay names: 000001 is not 1."""
    digits = image_id.removeprefix("-")
    is_number = digits.isascii() and digits.isdecimal() and str(int(image_id)) == image_id
    return int(image_id) if kind == "coco" and is_number else image_id
