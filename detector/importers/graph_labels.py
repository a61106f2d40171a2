"""Class names of a model: those inside its file, else those in a file beside it."""

from __future__ import annotations

import ast
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from detector.errors import DetectorError, Remedy
from detector.importers.label_file import MAX_LABEL_BYTES, text_of
from detector.importers.notes import Note
from detector.labels import COCO80, TORCHVISION_COCO91
from detector.spec_fields import MAX_LABEL_CHARS, MAX_LABELS

_NOTHING = frozenset(("???", "n/a", "background", "__background__", "unlabeled", ""))
_NAMES = ("labels.txt", "labelmap.txt", "labelmap.pbtxt", "label_map.pbtxt", "coco.names", "classes.txt")
_ITEM = re.compile(r"\{([^{}]*)\}")
_ID = re.compile(r"\bid\s*:\s*(\d{1,6})\b")
_NAME = re.compile(r"""\b(display_name|name)\s*:\s*["']([^"'\n]{1,200})["']""")


def find_labels(path: Path, classes: int, told: Sequence[str]) -> tuple[tuple[str, ...] | None, Note]:
    """Returns names for ``classes`` classes, and where they are from; None where nothing has as many.

    Args:
        path: The model's file.
        classes: Without the background.
        told: Names inside the file.
    """
    names = _fitting(told, classes)
    if names is not None:
        return names, Note("Class names: the file's own.")
    beside = labels_beside(path, classes)
    if beside is not None:
        return beside
    if classes == len(TORCHVISION_COCO91) - 1:
        text = "90 classes, assumed to be COCO's by their ids; ten of them are unused."
        return _fitting(TORCHVISION_COCO91[1:], classes), Note(text, (Remedy("labels", "FILE"),))
    if classes == len(COCO80):
        return COCO80, Note("80 classes, assumed to be COCO's; they can have other names.", (Remedy("labels", "FILE"),))
    text = "Which objects it finds is unknown" if classes == 1 else f"The names of its {classes} classes are unknown"
    text += "; numbered until you name them."
    return None, Note(text, (Remedy("labels", "FILE"),))


def labels_beside(path: Path, classes: int) -> tuple[tuple[str, ...], Note] | None:
    """Returns names for ``classes`` classes in a file beside the model's, and which file; None where there is none."""
    for place in _beside(path):
        names = _fitting(_read(place), classes)
        if names is not None:
            return names, Note(f"Class names: from {place.name[:100]} beside the file.", (Remedy("labels", "FILE"),))
    return None


def names_beside(path: Path) -> tuple[str, ...]:
    """Returns the names in the first file beside the model's that holds any, a background left out; () for none."""
    for place in _beside(path):
        names = _read(place)
        if names and len(set(names)) == len(names):
            return names[1:] if names[0].lower() in _NOTHING else names
    return ()


def names_in(facts: dict[str, str]) -> tuple[str, ...]:
    """Class names in ONNX metadata, as Ultralytics writes them: a Python dictionary by number."""
    try:
        names = ast.literal_eval(facts.get("names", "()"))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ()
    if isinstance(names, dict):
        names = [names[key] for key in sorted(names)] if all(isinstance(key, int) for key in names) else ()
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) and name.isprintable() for name in names):
        return ()
    return tuple(names)


def packed_labels(path: Path) -> tuple[str, ...]:
    """Class names from a text file in the zip archive that metadata writers append; () for none."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".txt")]
            if len(entries) != 1 or entries[0].file_size > MAX_LABEL_BYTES:
                return ()
            with archive.open(entries[0]) as file:
                text = file.read(MAX_LABEL_BYTES).decode("utf-8")
    except Exception:  # most files have none, and of damaged ones the reader's errors are many
        return ()
    names = tuple(line.strip() for line in text.splitlines() if line.strip())
    return names if all(name.isprintable() for name in names) else ()


def _fitting(names: Sequence[str], classes: int) -> tuple[str, ...] | None:
    """``names`` for that many classes, each once; a background before them is left out. None where they do not fit."""
    if len(names) == classes + 1 and names[0].strip().lower() in _NOTHING:
        names = names[1:]
    if len(names) != classes or not 1 <= classes <= MAX_LABELS:
        return None
    found = [
        f"unused {number}" if name.strip().lower() in _NOTHING else name.strip() for number, name in enumerate(names, 1)
    ]
    odd = any(len(name) > MAX_LABEL_CHARS or not name.isprintable() for name in found)
    return None if odd or len(set(found)) != len(found) else tuple(found)


def _beside(path: Path) -> Iterator[Path]:
    """Files of names that may belong to the model: those named like it first."""
    stem = path.stem
    own = [path.with_name(f"{stem}{end}") for end in (".labels.txt", "_labels.txt", ".txt", ".names", ".pbtxt")]
    try:
        others = sorted(p for p in path.parent.glob("*label*.txt") if p.name.lower() not in _NAMES)[:20]
        places = [*own, *(path.with_name(name) for name in _NAMES), *others]
        yield from (place for place in places if place.is_file() and place.stat().st_size <= MAX_LABEL_BYTES)
    except OSError:  # a name that is too long, a folder that may not be looked into
        return


def _read(place: Path) -> tuple[str, ...]:
    try:
        text = text_of(place)
    except DetectorError:  # nobody named this file
        return ()
    if place.suffix.lower() == ".pbtxt":
        return _label_map(text)
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _label_map(text: str) -> tuple[str, ...]:
    """The names of TensorFlow's ``StringIntLabelMap``, by their ids from 1 on; gaps are unused."""
    names: dict[int, str] = {}
    for item in _ITEM.finditer(text):
        number, told = _ID.search(item[1]), dict(_NAME.findall(item[1]))
        if number is not None and told:
            names[int(number[1])] = told.get("display_name") or told["name"]
    most = max(names, default=0)
    return tuple(names.get(number, "???") for number in range(1, most + 1)) if most <= MAX_LABELS else ()
