"""The ``infer_cfg.yml`` that PaddleDetection writes beside an exported model: how images are prepared, class names.

Of YAML only what that program writes is understood: keys with a value, and lists of values below a key, or beside it
in brackets.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from detector.errors import DetectorError
from detector.graph_spec import Fit
from detector.importers.label_file import MAX_LABEL_BYTES, text_of
from detector.spec_json import MAX_INPUT_SIDE

NAME = "infer_cfg.yml"

_KEY = re.compile(r"\s*(?:- )?\s*(\w{1,40}):(?:\s+(.*?))?\s*")
_ITEM = re.compile(r"\s*-\s+(.*?)\s*")
_LEAST_SIDE = 8
_Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class PaddleConfig:
    """What the file says; each part may be absent.

    Attributes:
        size: (height, width) of the input, pixels.
        scale: Mean and deviation of red, green and blue, 0..255.
        fit: How an image becomes the input.
        labels: Class names; () for none.
    """

    size: tuple[int, int] | None = None
    scale: tuple[_Triple, _Triple] | None = None
    fit: Fit | None = None
    labels: tuple[str, ...] = ()


def read_config(program: Path) -> PaddleConfig | None:
    """Returns what stands beside a program; None where there is no such file, or it cannot be understood."""
    place = program.with_name(NAME)
    try:
        if not place.is_file() or place.stat().st_size > MAX_LABEL_BYTES:
            return None
        values, lists = _parsed(text_of(place))
    except (DetectorError, OSError):  # nobody named this file
        return None
    labels = tuple(lists.get("label_list", ()))
    whole = all(name and name.isprintable() for name in labels)
    return PaddleConfig(_size(lists), _scale(values, lists), _fit(values), labels if whole else ())


def _parsed(text: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The values and the lists, by their keys."""
    values: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    current = ""
    for line in text.splitlines():
        key, item = _KEY.fullmatch(line), _ITEM.fullmatch(line)
        if key is not None:
            current, value = key[1], key[2] or ""
            if value.startswith("[") and value.endswith("]"):
                lists[current] = [_plain(part) for part in value[1:-1].split(",")]
            elif value:
                values[current] = _plain(value)
            else:
                lists[current] = []
        elif item is not None and current in lists:
            lists[current].append(_plain(item[1]))
    return values, lists


def _plain(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _size(lists: dict[str, list[str]]) -> tuple[int, int] | None:
    sides = [int(side) for side in lists.get("target_size", []) if side.isdecimal() and len(side) < 6]
    if len(sides) != 2 or not all(_LEAST_SIDE <= side <= MAX_INPUT_SIDE for side in sides):
        return None
    return sides[0], sides[1]


def _scale(values: dict[str, str], lists: dict[str, list[str]]) -> tuple[_Triple, _Triple] | None:
    """Reads the scale as ``NormalizeImage`` computes it: pixels become fractions first, unless they are said not to."""
    if values.get("norm_type") == "none":
        mean, std = (0.0,) * 3, (1.0,) * 3
    else:
        triples = _triple(lists.get("mean")), _triple(lists.get("std"))
        if triples[0] is None or triples[1] is None or not all(triples[1]):
            return None
        mean, std = triples[0], triples[1]
    whole = 1.0 if values.get("is_scale", "true").lower() == "false" else 255.0
    return _times(mean, whole), _times(std, whole)


def _times(triple: _Triple, factor: float) -> _Triple:
    red, green, blue = (round(value * factor, 6) for value in triple)
    return red, green, blue


def _triple(texts: list[str] | None) -> _Triple | None:
    try:
        numbers = [float(text) for text in texts or ()]
    except ValueError:
        return None
    if len(numbers) != 3 or not all(math.isfinite(number) and abs(number) < 1e4 for number in numbers):
        return None
    return numbers[0], numbers[1], numbers[2]


def _fit(values: dict[str, str]) -> Fit | None:
    keeps = values.get("keep_ratio", "").lower()
    return "corner" if keeps == "true" else "warp" if keeps == "false" else None
