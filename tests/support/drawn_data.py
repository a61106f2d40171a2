"""Annotated images on disk, drawn on the spot: the demo model's scenes as a VOCdevkit year or a COCO folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2

from tools.demo.scenes import Scene
from tools.demo.shapes import CLASSES

Thing = tuple[str, tuple[float, float, float, float], bool]
"""Name, box (pixels counted from 1, last one included), difficult."""


def voc_xml(things: Iterable[Thing], filename: str = "", size: tuple[int, int] | None = (100, 100)) -> str:
    """One annotation, with what real ones have around it."""
    width_height = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    objects = "".join(
        f"<object><name>{name}</name><pose>Left</pose><truncated>0</truncated><difficult>{int(difficult)}</difficult>"
        f"<bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
        for name, box, difficult in things
    )
    return f"<annotation><folder>VOC</folder><filename>{filename}</filename>{width_height}{objects}</annotation>"


def write_year(
    root: Path, images: dict[str, Sequence[Thing]], split: str = "test", size: tuple[int, int] | None = (100, 100)
) -> Path:
    """A year of a VOCdevkit without pictures: annotations and a list."""
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for stem, things in images.items():
        (root / "Annotations" / f"{stem}.xml").write_text(voc_xml(things, f"{stem}.jpg", size), "utf-8")
    (root / "ImageSets" / "Main" / f"{split}.txt").write_text("".join(f"{stem}\n" for stem in images), "utf-8")
    return root


def write_scenes_voc(root: Path, scenes: Iterable[Scene]) -> Path:
    """A VOC year with pictures; a box from 0 to w is annotated as 1 to w + 1."""
    drawn = {f"{number:06}": scene for number, scene in enumerate(scenes, 1)}
    write_year(
        root,
        {
            stem: [
                (CLASSES[number], (x1 + 1, y1 + 1, x2 + 1, y2 + 1), False)
                for number, (x1, y1, x2, y2) in zip(scene.class_ids.tolist(), scene.boxes_xyxy.tolist(), strict=True)
            ]
            for stem, scene in drawn.items()
        },
        size=(300, 300),
    )
    for stem, scene in drawn.items():
        (root / "JPEGImages" / f"{stem}.png").write_bytes(cv2.imencode(".png", scene.image_bgr)[1].tobytes())
    return root


def write_scenes_coco(root: Path, scenes: Iterable[Scene]) -> Path:
    """A COCO folder with pictures and sparse category numbers, 3, 6, 9..."""
    (root / "annotations").mkdir(parents=True)
    (root / "val2017").mkdir()
    images, annotations = [], []
    for number, scene in enumerate(scenes, 1):
        name = f"{number:012}.png"
        (root / "val2017" / name).write_bytes(cv2.imencode(".png", scene.image_bgr)[1].tobytes())
        height, width = scene.image_bgr.shape[:2]
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for class_id, (x1, y1, x2, y2) in zip(scene.class_ids.tolist(), scene.boxes_xyxy.tolist(), strict=True):
            box = [x1, y1, x2 - x1, y2 - y1]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 3 * class_id + 3,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": 3 * number + 3, "name": name} for number, name in enumerate(CLASSES)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content), "utf-8")
    return root
