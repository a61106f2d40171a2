"""PASCAL VOC data as found in the wild: a VOCdevkit, one of its years, or a folder of ``.xml`` files and images.

Coordinates in VOC files count pixels from 1; here from 0, so 1 is subtracted from all four edges, as the SSD programs
with published VOC scores do. What can be read around is counted and named in ``DataSet.notes``; images need not be
there at all, as long as only their names are needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path, PurePath, PureWindowsPath

import numpy as np

from detector.class_names import key
from detector.errors import DetectorError
from detector.evaluation.issues import Issues
from detector.evaluation.results import DataSet, ImageTruth
from detector.evaluation.voc_layout import VocRoot, choose_split, find_roots, is_plain, list_annotations, list_images
from detector.evaluation.voc_xml import VocAnnotation, VocObject, read_annotation
from detector.labels import VOC20

_MAX_EDGE = 1e6  # pixels; a box beyond is nonsense, and its area could overflow


def read_voc(root: Path, split: str = "", limit: int | None = None) -> DataSet:
    """Read one split of all years within ``root``.

    Args:
        root: See ``find_roots``.
        split: Name of a list in ``ImageSets/Main``; "" for the first there is of ``DEFAULT_SPLITS``.
        limit: At most this many images, the first.

    Raises:
        DetectorError: There is no VOC data, no such split, or nothing of it can be read.
    """
    roots = find_roots(root)
    if not roots:
        raise DetectorError(
            f"There is no VOC data in {root}.", "Looked for folders Annotations and ImageSets/Main, or .xml files."
        )
    issues = Issues()
    chosen, name = choose_split(roots, split)
    reader = _Reader(issues)
    for place, stems in chosen:
        reader.read(place, stems[: None if limit is None else max(0, limit - len(reader.images))])
    if not reader.images:
        first = issues.lines()[0] if issues.lines() else "The list is empty."
        raise DetectorError(f"Nothing of the split {name} in {root} can be read.", first)
    return reader.data_set(root, name)


class _Reader:
    """Collects images year by year; names become numbers only when all are known."""

    def __init__(self, issues: Issues) -> None:
        self.images: list[tuple[str, Path | None, VocAnnotation]] = []
        self._issues = issues
        self._seen: set[str] = set()
        self._no_number = ""
        self._unusable = ""

    def read(self, root: VocRoot, stems: Sequence[str]) -> None:
        """Add the images ``stems`` of ``root``."""
        files, annotations = list_images(root.images), list_annotations(root.annotations)
        for stem in stems:
            if stem in self._seen:
                self._issues.add("image is in two years, counted once", "images are in two years, counted once", stem)
                continue
            self._seen.add(stem)
            annotation = self._annotation(annotations.get(stem), stem)
            if annotation is not None:
                self.images.append((stem, self._find(files, stem, annotation.filename), annotation))

    def _annotation(self, path: Path | None, stem: str) -> VocAnnotation | None:
        if path is None:
            self._issues.add(
                "image of the list has no annotation and is left out",
                "images of the list have no annotation and are left out",
                f"{stem}.xml",
            )
            return None
        try:
            return read_annotation(path)
        except DetectorError as error:
            self._issues.add(
                "annotation cannot be used, its image is left out",
                "annotations cannot be used, their images are left out",
                error.message.rstrip("."),
            )
            return None

    def _find(self, files: dict[str, Path], stem: str, filename: str) -> Path | None:
        """The image of that stem, else the one of the name, or stem, that ends what the annotation calls it."""
        if filename and not is_plain(filename):
            self._issues.add(
                "annotation names a path instead of a file, which is not followed",
                "annotations name paths instead of files, which are not followed",
                filename,
            )
        name = PureWindowsPath(filename).name.casefold()
        found = files.get(stem.casefold()) or files.get(name) or files.get(PurePath(name).stem)
        if found is None:
            self._issues.add("image is missing", "images are missing", filename if is_plain(filename) else stem)
        return found

    def data_set(self, root: Path, split: str) -> DataSet:
        """Everything read, with class names numbered.

        Raises:
            DetectorError: There are objects, but none can be used.
        """
        spelling: dict[str, str] = {key(name): name for name in VOC20}
        seen: set[str] = set()
        for stem, _, annotation in self.images:
            annotation.objects[:] = [thing for thing in annotation.objects if self._is_sound(stem, thing)]
            for thing in annotation.objects:
                known = spelling.setdefault(key(thing.name), thing.name)
                if known != thing.name:
                    self._issues.add(
                        "object's class is spelled in another way than usual",
                        "objects' classes are spelled in another way than usual",
                        f"{thing.name} for {known}",
                    )
                seen.add(known)
        if self._unusable and not seen:
            raise self._no_object(root, split)
        labels = (*(name for name in VOC20 if name in seen), *sorted(seen.difference(VOC20)))
        numbers = {key(name): index for index, name in enumerate(labels)}
        images = tuple(_truth(stem, path, annotation, numbers) for stem, path, annotation in self.images)
        return DataSet(root, "voc", split, labels, images, self._issues.lines())

    def _no_object(self, root: Path, split: str) -> DetectorError:
        if self._no_number:
            return DetectorError(
                f"The boxes of the split {split} in {root} are not numbers: {self._no_number}.",
                "Write the edges of boxes as pixels, with a decimal point where they have a fraction.",
            )
        return DetectorError(f"No object of the split {split} in {root} can be used: {self._unusable}.")

    def _is_sound(self, stem: str, thing: VocObject) -> bool:
        left, top, right, bottom = thing.box
        where = f"{thing.name or 'no name'} in {stem}.xml"
        if not key(thing.name):
            self._issues.add("object without a class name, left out", "objects without a class name, left out", where)
        elif not all(math.isfinite(edge) and abs(edge) <= _MAX_EDGE for edge in thing.box):
            where += f": {thing.no_number}" if thing.no_number else ""
            self._no_number = self._no_number or where
            self._issues.add(
                "object whose box is no box of numbers, left out",
                "objects whose box is no box of numbers, left out",
                where,
            )
        elif right < left or bottom < top:
            self._issues.add(
                "object whose box is inverted, left out", "objects whose boxes are inverted, left out", where
            )
        else:
            if min(thing.box) < 0:
                self._issues.add(
                    "object reaches beyond the image, taken as it is",
                    "objects reach beyond the image, taken as they are",
                    where,
                )
            return True
        self._unusable = self._unusable or where
        return False


def _truth(stem: str, path: Path | None, annotation: VocAnnotation, numbers: dict[str, int]) -> ImageTruth:
    things = annotation.objects
    boxes = np.array([thing.box for thing in things], np.float64).reshape(-1, 4) - 1.0
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return ImageTruth(
        stem,
        path,
        annotation.width,
        annotation.height,
        boxes,
        np.array([numbers[key(thing.name)] for thing in things], np.int32),
        np.array([thing.difficult for thing in things], np.bool_),
        np.zeros(len(things), np.bool_),
        areas,
        areas,
        path.name if path is not None else annotation.filename,
    )
