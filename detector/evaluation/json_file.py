"""JSON from anywhere: bounded in size, and every way it can be wrong is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.evaluation.bounded import read_bounded
from detector.evaluation.remarks import printable, shortened

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


def number(value: Any) -> float | None:
    """``value`` as a finite float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if -1e300 < result < 1e300 else None  # refuses NaN, too


def four_numbers(value: Any) -> tuple[float, float, float, float] | None:
    """A box's four numbers, none larger than any image; None for anything else."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    a, b, c, d = (number(part) for part in value)
    if a is None or b is None or c is None or d is None or max(abs(a), abs(b), abs(c), abs(d)) > LARGEST_EDGE:
        return None
    return a, b, c, d


LARGEST_EDGE = 1e6
"""Pixels; a box beyond is nonsense, and its area could overflow."""


def identifier(value: Any) -> str | None:
    """A number or name of an image as text; None for what cannot be one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else None
    return printable(value) if isinstance(value, str) and 0 < len(value) <= 500 else None
