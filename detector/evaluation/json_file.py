"""JSON from anywhere: bounded in size, and every way it can be wrong is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.evaluation.bounded_file import read_bounded
from detector.evaluation.issues import printable, shortened

MAX_BYTES = 512 * 2**20  # COCO's train2017 is 448 MiB


def read_json(path: Path) -> Any:
    """The content of ``path``.

    Raises:
        DetectorError: It cannot be read, is too large or no JSON.
    """
    content, name = read_bounded(path, MAX_BYTES), shortened(path.name)
    try:
        return json.loads(content)
    except RecursionError as error:
        raise DetectorError(f"{name} is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise DetectorError(f"{name} is no whole JSON file (line {error.lineno}: {error.msg}).") from error
    except ValueError as error:  # not text, or a number of thousands of digits
        raise DetectorError(f"{name} is no JSON file that can be read.") from error


MAX_EDGE = 1e6
"""Pixels; a box beyond is nonsense, and its area could overflow."""

_MAX_NUMBER = 1e300
_REAL = (int, float)  # exactly: true and false are integers to Python, but no numbers


def number(value: Any) -> float | None:
    """``value`` as a finite float; None for anything else."""
    return float(value) if type(value) in _REAL and -_MAX_NUMBER < value < _MAX_NUMBER else None  # refuses NaN, too


def four_numbers(value: Any) -> tuple[float, float, float, float] | None:
    """A box's four numbers, none larger than any image; None for anything else."""
    if type(value) is not list or len(value) != 4:
        return None
    for part in value:
        if type(part) not in _REAL or not -MAX_EDGE <= part <= MAX_EDGE:
            return None
    a, b, c, d = value
    return float(a), float(b), float(c), float(d)


def whole_number(value: Any) -> int | None:
    """``value`` as an integer, 3.0 included: tables of numbers are often written as floats; None for anything else."""
    if type(value) is float and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value if type(value) is int and abs(value) < 10**18 else None


def identifier(value: Any) -> str | None:
    """A number or name of an image as text; None for what cannot be one."""
    whole = whole_number(value)
    if whole is not None:
        return str(whole)
    return printable(value) if isinstance(value, str) and 0 < len(value) <= 500 else None
