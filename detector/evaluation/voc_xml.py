"""One PASCAL VOC annotation file, as people write them. Files come from anywhere, so the parser trusts nothing.

Document types and entities are refused (they are what XML bombs and stolen files are made of), sizes are bounded, and
what an annotation says about paths is only ever text.
"""

from __future__ import annotations

import math
import xml.parsers.expat
from dataclasses import dataclass, field
from pathlib import Path

from detector.errors import DetectorError
from detector.evaluation.bounded import read_bounded
from detector.evaluation.class_names import cleaned
from detector.evaluation.issues import printable, shortened

MAX_BYTES = 8 * 2**20
MAX_OBJECTS = 20_000
_MAX_DEPTH = 64
_MAX_TEXT = 1000

Box = tuple[float, float, float, float]


@dataclass(slots=True)
class VocObject:
    """One ``<object>``, as written.

    Attributes:
        name: Class name, ``cleaned``.
        box: (xmin, ymin, xmax, ymax), pixels counted from 1; NaN where there is no number.
        difficult: To be left out of the count.
    """

    name: str = ""
    box: Box = (math.nan, math.nan, math.nan, math.nan)
    difficult: bool = False


@dataclass(slots=True)
class VocAnnotation:
    """One file, as written.

    Attributes:
        filename: Of the image; "" where not stated. Never opened as it stands.
        width: Pixels; 0 where not stated.
        height: Pixels; 0 where not stated.
        objects: In order.
    """

    filename: str = ""
    width: int = 0
    height: int = 0
    objects: list[VocObject] = field(default_factory=list)


def read_annotation(path: Path) -> VocAnnotation:
    """Read one file.

    Raises:
        DetectorError: It cannot be read, is no VOC annotation, or unsafe.
    """
    content, name = read_bounded(path, MAX_BYTES), shortened(path.name)
    builder = _Builder(name)
    parser = xml.parsers.expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.EntityDeclHandler = builder.refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    try:
        parser.Parse(content, True)
    except xml.parsers.expat.ExpatError as error:
        raise DetectorError(f"{name} is not a whole XML file (line {error.lineno}).") from error
    except (ValueError, LookupError) as error:  # an encoding that Python or expat does not know
        raise DetectorError(f"{name} is written in an encoding that cannot be read.") from error
    return builder.annotation


_FIELDS = {
    ("annotation", "filename"),
    ("annotation", "size", "width"),
    ("annotation", "size", "height"),
    ("annotation", "object", "name"),
    ("annotation", "object", "difficult"),
    *(("annotation", "object", "bndbox", edge) for edge in ("xmin", "ymin", "xmax", "ymax")),
}
"""Looked at where they stand: a ``<part>`` of a person has a name and a box, too."""


class _Builder:
    """Receives the parser's events. Of a field that is stated twice, the first counts."""

    def __init__(self, name: str) -> None:
        self.annotation = VocAnnotation()
        self._name = name
        self._path: tuple[str, ...] = ()
        self._text: list[str] | None = None
        self._fields: dict[tuple[str, ...], str] = {}

    def refuse(self, *_declaration: object) -> None:
        raise DetectorError(f"{self._name} declares a document type or entities, which no annotation needs.")

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        if not self._path and tag != "annotation":
            raise DetectorError(f"{self._name} is an XML file, but not a VOC annotation.")
        if len(self._path) >= _MAX_DEPTH:
            raise DetectorError(f"{self._name} is nested too deeply for an annotation.")
        self._path = (*self._path, tag)
        self._text = [] if self._path in _FIELDS else None

    def text(self, characters: str) -> None:
        if self._text is not None:
            self._text.append(characters)

    def end(self, _tag: str) -> None:
        path = self._path
        if self._text is not None:
            text = "".join(self._text)
            self._fields.setdefault(path, " ".join(text[:_MAX_TEXT].split()))
            self._text = None
        elif path == ("annotation", "object"):
            self._add_object()
        elif path == ("annotation",):
            self.annotation.filename = printable(self._fields.get(("annotation", "filename"), ""))
            self.annotation.width = self._size("width")
            self.annotation.height = self._size("height")
        self._path = path[:-1]

    def _add_object(self) -> None:
        if len(self.annotation.objects) >= MAX_OBJECTS:
            raise DetectorError(f"{self._name} lists more than {MAX_OBJECTS} objects.")
        take = self._fields.pop
        here = ("annotation", "object")
        box = [_number(take((*here, "bndbox", edge), "")) for edge in ("xmin", "ymin", "xmax", "ymax")]
        difficult = take((*here, "difficult"), "").casefold() in ("1", "true", "yes")
        name = cleaned(take((*here, "name"), ""))
        self.annotation.objects.append(VocObject(name, (box[0], box[1], box[2], box[3]), difficult))

    def _size(self, side: str) -> int:
        value = _number(self._fields.get(("annotation", "size", side), ""))
        return int(value) if 0 < value < 1e6 else 0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
