"""Cuts a small set of one's own out of VOC, to try a fine-tuning on: ``python -m tools.few_images VOCDEVKIT OUT``.

Three classes under private names, so that no predictor is taken over by its name, and few images, as somebody has who
labels them by hand. ``train.txt`` of the result holds those to learn from, ``val.txt`` all that show one of the classes
in the devkit's own ``val.txt``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from detector.errors import DetectorError
from detector.evaluation.data_sets import read_data
from detector.evaluation.results import DataSet, ImageTruth

CLASSES = {"bicycle": "pushbike", "cat": "moggy", "sheep": "woolly"}
IMAGES = 60


def cut(devkit: Path, out: Path, classes: Mapping[str, str], count: int) -> dict[str, int]:
    """Write the small set.

    Args:
        devkit: A VOCdevkit with the lists ``train`` and ``val``.
        out: Folder to write; a tree as one year of a VOCdevkit.
        classes: VOC's name of each class, and its private one.
        count: Images to learn from, as many of each class as of the others.

    Returns:
        How many images are in each list.

    Raises:
        DetectorError: There is no such data, or too little of it.
    """
    train, val = read_data(devkit, "voc", "train"), read_data(devkit, "voc", "val")
    chosen = {"train": _some_of_each(train, tuple(classes), count), "val": _all_of(val, classes)}
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (out / part).mkdir(parents=True, exist_ok=True)
    for (name, images), data in zip(chosen.items(), (train, val), strict=True):
        for image in images:
            if image.path is None:
                raise DetectorError(f"The image {image.image_id} is missing.")
            shutil.copyfile(image.path, out / "JPEGImages" / f"{image.image_id}{image.path.suffix}")
            text = _annotation(image, data.labels, classes)
            (out / "Annotations" / f"{image.image_id}.xml").write_text(text, encoding="utf-8")
        stems = "".join(f"{image.image_id}\n" for image in images)
        (out / "ImageSets" / "Main" / f"{name}.txt").write_text(stems, encoding="utf-8")
    return {name: len(images) for name, images in chosen.items()}


def _some_of_each(data: DataSet, names: Sequence[str], count: int) -> list[ImageTruth]:
    """The first images of each class in turn, until there are ``count``."""
    waiting = [iter(_all_of(data, [name])) for name in names]
    found: dict[str, ImageTruth] = {}
    turn = 0
    while len(found) < count:
        image = next((one for one in waiting[turn % len(waiting)] if one.image_id not in found), None)
        if image is None:
            raise DetectorError(f"There are fewer than {count} images of {', '.join(names)} in {data.root}.")
        found[image.image_id] = image
        turn += 1
    return sorted(found.values(), key=lambda image: image.image_id)


def _all_of(data: DataSet, names: Iterable[str]) -> list[ImageTruth]:
    """The images that show one of ``names`` plainly."""
    wanted = {number for number, label in enumerate(data.labels) if label in set(names)}
    return [image for image in data.images if wanted.intersection(image.class_ids[~image.difficult].tolist())]


def _annotation(image: ImageTruth, labels: Sequence[str], classes: Mapping[str, str]) -> str:
    """VOC's XML with the objects of ``classes`` alone, pixels counted from 1."""
    objects = "".join(
        f"<object><name>{escape(classes[labels[number]])}</name><difficult>{int(difficult)}</difficult><bndbox>"
        f"<xmin>{x1 + 1:.2f}</xmin><ymin>{y1 + 1:.2f}</ymin><xmax>{x2 + 1:.2f}</xmax><ymax>{y2 + 1:.2f}</ymax>"
        "</bndbox></object>"
        for number, difficult, (x1, y1, x2, y2) in zip(
            image.class_ids.tolist(), image.difficult.tolist(), image.boxes_xyxy.tolist(), strict=True
        )
        if labels[number] in classes
    )
    size = f"<size><width>{image.width}</width><height>{image.height}</height><depth>3</depth></size>"
    return f"<annotation><filename>{escape(image.file_name)}</filename>{size}{objects}</annotation>\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the set and say what is in it."""
    parser = argparse.ArgumentParser(prog="python -m tools.few_images", description=__doc__)
    parser.add_argument("devkit", type=Path, metavar="VOCDEVKIT")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--images", type=int, default=IMAGES, metavar="N", help="to learn from (default: 60)")
    given = parser.parse_args(arguments)
    try:
        written = cut(given.devkit, given.out, CLASSES, given.images)
    except DetectorError as error:
        print(error.message, error.hint, file=sys.stderr)
        return 1
    print(f"{written['train']} images to learn from and {written['val']} to measure on in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
