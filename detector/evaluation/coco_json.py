"""COCO's ``instances`` files as found in the wild: boxes only, outlines and masks are not looked at.

What can be read around is counted and named in ``DataSet.notes``; images need not be there at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from detector.errors import DetectorError, Remedy
from detector.evaluation.class_matching import cleaned
from detector.evaluation.coco_layout import ImageFinder, find_annotations
from detector.evaluation.issues import Issues, printable, shortened
from detector.evaluation.json_file import four_numbers, identifier, number, read_json, whole_number
from detector.evaluation.results import DataSet, ImageTruth


def read_coco(root: Path, split: str = "", limit: int | None = None) -> DataSet:
    """Read one split.

    Args:
        root: See ``find_annotations``.
        split: See ``find_annotations``.
        limit: At most this many images, those with the lowest numbers.

    Raises:
        DetectorError: There is no COCO data, no such split, or it is no COCO data.
    """
    path, name = find_annotations(root, split)
    return data_set_of(read_json(path), path, name, limit)


def data_set_of(content: Any, path: Path, split: str, limit: int | None = None) -> DataSet:
    """The data set that the JSON ``content`` of ``path`` describes.

    Raises:
        DetectorError: It describes none.
    """
    images, annotations, categories = (_list(content, part, path) for part in ("images", "annotations", "categories"))
    reader = _Reader(path, ImageFinder(path, split))
    reader.read_categories(categories, annotations)
    reader.read_images(images, limit)
    reader.read_annotations(annotations, limited=limit is not None)
    return reader.data_set(split)


def _list(content: Any, part: str, path: Path) -> list[Any]:
    found = content.get(part) if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise DetectorError(
            f"{path.name} is no COCO annotation file: it has no list of {part}.",
            *(("It may hold detections.", Remedy("detections")) if isinstance(content, list) else ()),
        )
    return found


class _Image:
    """One image, while its objects are being read."""

    __slots__ = ("areas", "boxes", "classes", "crowd", "file_name", "height", "image_id", "sizes", "width")

    def __init__(self, image_id: str, entry: dict[str, Any]) -> None:
        self.image_id = image_id
        name = entry.get("file_name")
        self.file_name = name if isinstance(name, str) else ""
        self.width, self.height = _pixels(entry.get("width")), _pixels(entry.get("height"))
        self.boxes: list[tuple[float, float, float, float]] = []
        self.classes: list[int] = []
        self.crowd: list[bool] = []
        self.areas: list[float] = []
        self.sizes: list[float] = []


def _pixels(value: Any) -> int:
    size = number(value)
    return int(size) if size is not None and 0 < size < 1e6 else 0


class _Reader:
    """Collects categories, then images, then objects."""

    def __init__(self, path: Path, finder: ImageFinder) -> None:
        self._path = path
        self._finder = finder
        self._issues = Issues()
        self._labels: list[str] = []
        self._category_ids: list[int] = []
        self._classes: dict[int, int] = {}
        self._images: dict[str, _Image] = {}
        self._no_numbers = ""

    def read_categories(self, entries: list[Any], annotations: list[Any]) -> None:
        """Number the classes by ascending id; two of one name are told apart by their id.

        A category that others name as the one above them, and that has no object itself, is a heading: no class.
        """
        names: dict[int, str] = {}
        above: dict[int, str] = {}
        for entry in entries:
            category = whole_number(entry.get("id")) if isinstance(entry, dict) else None
            name = entry.get("name") if isinstance(entry, dict) else None
            if category is None or abs(category) > 2**31:
                raise DetectorError(f"{self._path.name} has a category without a number.")
            if not isinstance(name, str) or not name.strip():
                raise DetectorError(f"{self._path.name} has a category without a name ({category}).")
            if names.setdefault(category, cleaned(name)) != cleaned(name):
                raise DetectorError(f"{self._path.name} gives category {category} two names.")
            parent = entry.get("supercategory")
            above[category] = cleaned(parent) if isinstance(parent, str) else ""
        headings = _headings(names, above) - {
            whole_number(entry.get("category_id")) for entry in annotations if isinstance(entry, dict)
        }
        for category in sorted(names.keys() - headings or names):
            name = names[category]
            self._classes[category] = len(self._labels)
            self._category_ids.append(category)
            self._labels.append(f"{name} ({category})" if name in self._labels else name)
        if not names:
            raise DetectorError(f"{self._path.name} has no categories.")

    def read_images(self, entries: list[Any], limit: int | None) -> None:
        """Take up the images by ascending number.

        Raises:
            DetectorError: Two images have one number, or there are none.
        """
        for entry in entries:
            image_id = identifier(entry.get("id")) if isinstance(entry, dict) else None
            if image_id is None:
                self._issues.add("image without a number, left out", "images without a number, left out", repr(entry))
                continue
            image = _Image(image_id, entry)
            other = self._images.setdefault(image_id, image)
            if other is image:
                continue
            if other.file_name != image.file_name:
                raise DetectorError(
                    f"{self._path.name} gives the number {shortened(image_id)} to two images: "
                    f"{shortened(other.file_name)} and {shortened(image.file_name)}."
                )
            self._issues.add("image is listed twice", "images are listed twice", image_id)
        if not self._images:
            raise DetectorError(f"{self._path.name} lists no images.")
        chosen = sorted(self._images, key=_by_number)[:limit]
        self._images = {image_id: self._images[image_id] for image_id in chosen}

    def read_annotations(self, entries: list[Any], limited: bool) -> None:
        """Give each object to its image; of a part of the images only, the objects of the others are not missed."""
        for entry in entries:
            if not isinstance(entry, dict):
                self._issues.add("entry is no object", "entries are no objects", repr(entry))
                continue
            image = self._images.get(identifier(entry.get("image_id")) or "")
            category = whole_number(entry.get("category_id"))
            if image is None:
                if not limited:
                    self._issues.add(
                        "object of an image that is not listed, left out",
                        "objects of images that are not listed, left out",
                        repr(entry.get("image_id")),
                    )
            elif category is None or category not in self._classes:
                self._issues.add(
                    "object of a category that is not listed, left out",
                    "objects of categories that are not listed, left out",
                    repr(entry.get("category_id")),
                )
            else:
                self._add(image, self._classes[category], entry)

    def _add(self, image: _Image, class_id: int, entry: dict[str, Any]) -> None:
        box = four_numbers(entry.get("bbox"))
        where = f"{self._labels[class_id]} in image {image.image_id}"
        if box is None:
            self._no_numbers = self._no_numbers or f"{where} has {shortened(repr(entry.get('bbox')))}"
            self._issues.add(
                "object whose box is no box of numbers, left out",
                "objects whose box is no box of numbers, left out",
                where,
            )
            return
        x, y, width, height = box
        if width < 0 or height < 0:
            self._issues.add(
                "object whose box has a negative size, left out",
                "objects whose boxes have a negative size, left out",
                where,
            )
            return
        area = number(entry.get("area"))
        image.boxes.append((x, y, x + width, y + height))
        image.classes.append(class_id)
        image.crowd.append(bool(number(entry.get("iscrowd")) or entry.get("iscrowd") is True))
        image.sizes.append(width * height)
        image.areas.append(width * height if area is None or area < 0 else area)

    def data_set(self, split: str) -> DataSet:
        """Everything read.

        Raises:
            DetectorError: There are objects, but the boxes of all are no numbers.
        """
        if self._no_numbers and not any(image.classes for image in self._images.values()):
            raise DetectorError(
                f"The boxes in {self._path.name} are not numbers: {self._no_numbers}.",
                "Write a box as four numbers: left, top, width and height in pixels.",
            )
        images = tuple(self._truth(image) for image in self._images.values())
        return DataSet(
            self._path, "coco", split, tuple(self._labels), images, self._issues.lines(), tuple(self._category_ids)
        )

    def _truth(self, image: _Image) -> ImageTruth:
        return ImageTruth(
            image.image_id,
            self._find(image),
            image.width,
            image.height,
            np.array(image.boxes, np.float64).reshape(-1, 4),
            np.array(image.classes, np.int32),
            np.zeros(len(image.classes), np.bool_),
            np.array(image.crowd, np.bool_),
            np.array(image.areas, np.float64),
            np.array(image.sizes, np.float64),
            printable(image.file_name),
        )

    def _find(self, image: _Image) -> Path | None:
        try:
            path = self._finder.find(image.file_name) if image.file_name else None
        except (ValueError, OSError):  # OSError: a name too long for the system
            self._issues.add(
                "image is named outside of the data set, which is not followed",
                "images are named outside of the data set, which is not followed",
                image.file_name,
            )
            return None
        if path is None:
            self._issues.add("image is missing", "images are missing", image.file_name or f"image {image.image_id}")
        return path


def _headings(names: dict[int, str], above: dict[int, str]) -> set[int]:
    """The categories that others have above them; COCO's "person", above itself alone, is none."""
    return {
        category
        for category, name in names.items()
        if above[category] != name and any(above[other] == name for other in names if other != category)
    }


def _by_number(image_id: str) -> tuple[bool, int, str]:
    digits = image_id.removeprefix("-")
    if digits.isascii() and digits.isdecimal():
        return False, int(image_id), ""
    return True, 0, image_id
