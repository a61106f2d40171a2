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
from detector.evaluation.bounded_file import read_bounded
from detector.evaluation.class_matching import cleaned
from detector.evaluation.issues import printable, shortened
from detector.evaluation.text_encoding import text_encoding

MAX_BYTES = 8 * 2**20
MAX_OBJECTS = 20_000
_MAX_DEPTH = 64
_MAX_TEXT = 1000
_MAX_SHOWN = 20

Box = tuple[float, float, float, float]
_EDGES = ("xmin", "ymin", "xmax", "ymax")
_FIELDS = {
    ("annotation", "filename"),
    ("annotation", "size", "width"),
    ("annotation", "size", "height"),
    ("annotation", "object", "name"),
    ("annotation", "object", "difficult"),
    *(("annotation", "object", "bndbox", edge) for edge in _EDGES),
}
"""Looked at where they stand: a ``<part>`` of a person has a name and a box, too."""


@dataclass(slots=True)
class VocObject:
    """One ``<object>``, as written.

    Attributes:
        name: Class name, ``cleaned``.
        box: (xmin, ymin, xmax, ymax), pixels counted from 1; NaN where there is no number.
        difficult: To be left out of the count.
        no_number: The first edge that is no number, as it stands there, e.g. "xmin is 364,5"; "" where all are.
    """

    name: str = ""
    box: Box = (math.nan, math.nan, math.nan, math.nan)
    difficult: bool = False
    no_number: str = ""


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
    # A file that was converted as a whole may still declare the encoding it had before.
    utf16 = text_encoding(content)
    parser = xml.parsers.expat.ParserCreate(utf16 if utf16.startswith("utf-16") else None)
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
        texts = [take((*here, "bndbox", edge), "") for edge in _EDGES]
        left, top, right, bottom = map(_number, texts)
        no_number = next(
            (
                f"{edge} is {printable(text[:_MAX_SHOWN]) or 'empty'}"
                for edge, text in zip(_EDGES, texts, strict=True)
                if not math.isfinite(_number(text))
            ),
            "",
        )
        difficult = take((*here, "difficult"), "").casefold() in ("1", "true", "yes")
        name = cleaned(take((*here, "name"), ""))
        self.annotation.objects.append(VocObject(name, (left, top, right, bottom), difficult, no_number))

    def _size(self, side: str) -> int:
        value = _number(self._fields.get(("annotation", "size", side), ""))
        return int(value) if 0 < value < 1e6 else 0


def _number(text: str) -> float:
    try:
        return math.nan if "_" in text else float(text)  # to Python 3_64 is a number
    except ValueError:
        return math.nan
