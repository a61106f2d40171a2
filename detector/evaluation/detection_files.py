"""Detections that exist already: a folder of VOC's ``*det_test_CLASS.txt``, a COCO results file, or our own JSON.

Lines that make no sense are left out, counted and named; only when nothing is left is that a failure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detector.errors import DetectorError, Remedy
from detector.evaluation.bounded_file import read_bounded
from detector.evaluation.class_matching import cleaned, match_names
from detector.evaluation.detection_table import DetectionTable, make_table
from detector.evaluation.image_names import ImageNames
from detector.evaluation.issues import Issues, shortened
from detector.evaluation.json_file import MAX_EDGE, four_numbers, identifier, number, read_json, whole_number
from detector.evaluation.results import DataSet
from detector.evaluation.text_encoding import decode_text

_VOC_NAME = re.compile(r"(?:.*_)?det_[^_]+_(.+)\.txt", re.IGNORECASE | re.DOTALL)
_MAX_TEXT_BYTES = 512 * 2**20
_THEIRS = "The detections"


def read_detections(path: Path, data: DataSet, renames: Mapping[str, str] | None = None) -> DetectionTable:
    """Read whatever ``path`` is.

    Args:
        path: A folder (VOC) or a ``.json`` file.
        data: The data set the detections are of.
        renames: From class names of the detections to those of the data.

    Raises:
        DetectorError: Nothing usable is there, or nothing of it belongs to the data.
    """
    table = _Table(data, path)
    if path.is_dir():
        _read_folder(path, table, renames or {})
    else:
        _read_json(path, table, renames or {})
    return table.found()


@dataclass(slots=True)
class _Table:
    """Columns being filled."""

    data: DataSet
    path: Path
    issues: Issues = field(default_factory=Issues)
    notes: list[str] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    listed: int = 0

    def add(self, image: int, class_id: int, score: float, box: tuple[float, float, float, float], area: float) -> None:
        self.images.append(image)
        self.classes.append(class_id)
        self.scores.append(score)
        self.boxes.append(box)
        self.areas.append(area)

    def stranger(self, image: str) -> None:
        """A detection of an image that is not in the data, or was left out of it."""
        self.issues.add(
            "detection is of an image that is not among those measured, not counted",
            "detections are of images that are not among those measured, not counted",
            image,
        )

    def senseless(self, where: str) -> None:
        """A line or entry that is no detection."""
        self.issues.add("line is no detection, left out", "lines are no detections, left out", where)

    def found(self) -> DetectionTable:
        """The finished table.

        Raises:
            DetectorError: Something was listed, but nothing of it could be used.
        """
        lines = (*self.notes, *self.issues.lines())
        if self.listed and not self.images:
            raise DetectorError(f"No detection in {self.path} belongs to the data.", lines[-1] if lines else "")
        if not self.listed:
            lines = (*lines, f"{self.path.name} holds no detections at all.")
        return make_table(self.images, self.classes, self.scores, self.boxes, self.areas, lines)


def _read_folder(folder: Path, table: _Table, renames: Mapping[str, str]) -> None:
    files: dict[str, Path] = {}
    try:
        for path in sorted(folder.iterdir()):
            named = _VOC_NAME.fullmatch(path.name)
            if named is None or not path.is_file():
                continue
            other = files.setdefault(named[1], path)
            if other is not path:
                raise DetectorError(f"{folder} has two files for {shortened(named[1])}: {other.name} and {path.name}.")
    except OSError as error:
        raise DetectorError(f"The folder {folder} cannot be read: {error.strerror or error}.") from error
    if not files:
        raise DetectorError(f"There are no detections in {folder}.", "Looked for files like comp4_det_test_person.txt.")
    matched = match_names(list(files), table.data.labels, renames, _THEIRS)
    table.notes += matched.notes
    names = ImageNames(table.data)
    for path, class_id in zip(files.values(), matched.ids.tolist(), strict=True):
        if class_id >= 0:
            _read_lines(path, class_id, table, names)


def _read_lines(path: Path, class_id: int, table: _Table, names: ImageNames) -> None:
    """One class: ``IMAGE SCORE XMIN YMIN XMAX YMAX`` a line, pixels counted from 1."""
    lines = decode_text(read_bounded(path, _MAX_TEXT_BYTES)).splitlines()
    known: dict[str, int | None] = {}
    for count, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        table.listed += 1
        try:
            score, left, top, right, bottom = (float(word) for word in words[1:])
        except ValueError:
            table.senseless(f"{path.name}:{count}")
            continue
        sane = math.isfinite(score + left + top + right + bottom)
        if not sane or max(abs(left), abs(top), abs(right), abs(bottom)) > MAX_EDGE:
            table.senseless(f"{path.name}:{count}")
            continue
        name = words[0]
        if name not in known:
            known[name] = names.find(name)
        image = known[name]
        if image is None:
            table.stranger(name)
            continue
        box = (left - 1.0, top - 1.0, right - 1.0, bottom - 1.0)
        table.add(image, class_id, score, box, (right - left) * (bottom - top))


def _read_json(path: Path, table: _Table, renames: Mapping[str, str]) -> None:
    content = read_json(path)
    if isinstance(content, list):
        _read_results(content, table, renames)
    elif isinstance(content, dict) and isinstance(content.get("images"), list):
        if "annotations" in content:
            raise DetectorError(
                f"{path.name} is an annotation file, not detections.",
                "Give it as the data to measure on.",
                Remedy("data"),
            )
        _read_own(content["images"], table, renames)
    else:
        raise DetectorError(
            f"{path.name} holds no detections.",
            "A COCO results file is a list of {image_id, category_id, bbox, score}.",
        )


def _read_results(entries: list[Any], table: _Table, renames: Mapping[str, str]) -> None:
    """COCO's results: classes by category number, or by a ``label`` where the data has no numbers."""
    by_label = not table.data.category_ids
    if renames and not by_label:
        raise DetectorError(
            f"{shortened(table.path.name)} gives categories by number, so there are no names to map.",
            "Leave out what joins names.",
            Remedy("map", omit=True),
        )
    known = {number: index for index, number in enumerate(table.data.category_ids)}
    classes: dict[Any, int] = dict(known)
    if by_label:
        classes = _by_label(
            list(dict.fromkeys(label for e in entries if (label := _label(e)) is not None)), table, renames
        )
    names = ImageNames(table.data)
    images: dict[str, int | None] = {}
    for count, entry in enumerate(entries):
        table.listed += 1
        values = _result(entry)
        kind = _label(entry) if by_label else _category(entry)
        if values is None or kind is None:
            table.senseless(f"entry {count}")
            continue
        name, (x, y, width, height), score = values
        if name not in images:
            images[name] = names.find(name)
        image, class_id = images[name], classes.get(kind, -1)
        if image is None:
            table.stranger(name)
        elif class_id >= 0:
            table.add(image, class_id, score, (x, y, x + width, y + height), width * height)
        elif not by_label:
            table.issues.add(
                "detection is of a category that is not among those measured, not counted",
                "detections are of categories that are not among those measured, not counted",
                str(kind),
            )


def _by_label(labels: list[str], table: _Table, renames: Mapping[str, str]) -> dict[Any, int]:
    if not labels:
        return {}
    matched = match_names(labels, table.data.labels, renames, _THEIRS)
    table.notes += matched.notes
    return dict(zip(labels, matched.ids.tolist(), strict=True))


def _label(entry: Any) -> str | None:
    label = entry.get("label") if isinstance(entry, dict) else None
    return cleaned(label) if isinstance(label, str) and label else None


def _category(entry: Any) -> int | None:
    return whole_number(entry.get("category_id")) if isinstance(entry, dict) else None


def _result(entry: Any) -> tuple[str, tuple[float, float, float, float], float] | None:
    if not isinstance(entry, dict):
        return None
    name, box, score = identifier(entry.get("image_id")), four_numbers(entry.get("bbox")), number(entry.get("score"))
    return None if name is None or box is None or score is None else (name, box, score)


def _read_own(entries: list[Any], table: _Table, renames: Mapping[str, str]) -> None:
    """The detections in images that this program itself writes as JSON."""
    things = [(entry, thing) for entry in entries if isinstance(entry, dict) for thing in _things(entry)]
    classes = _by_label(
        list(dict.fromkeys(label for _, t in things if (label := _label(t)) is not None)), table, renames
    )
    names = ImageNames(table.data)
    for count, (entry, thing) in enumerate(things):
        table.listed += 1
        name, label = identifier(entry.get("path")), _label(thing)
        box, score = four_numbers(thing.get("box")), number(thing.get("score"))
        if name is None or label is None or box is None or score is None:
            table.senseless(f"detection {count}")
            continue
        image = names.find(name)
        if image is None:
            table.stranger(name)
        elif classes[label] >= 0:
            table.add(image, classes[label], score, box, (box[2] - box[0]) * (box[3] - box[1]))


def _things(entry: dict[str, Any]) -> list[Any]:
    things = entry.get("detections")
    return [thing for thing in things if isinstance(thing, dict)] if isinstance(things, list) else []
