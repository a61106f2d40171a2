"""Reads the fields of a spec's JSON, each checked for kind and range: the first fault is one ``DetectorError`` line."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, cast

from detector.errors import DetectorError
from detector.quantisation.ranges import LARGEST

MAX_LABELS = 2000
MAX_LABEL_CHARS = 200
MAX_RANGES = 2000
_MIN_RANGE = 1e-9

_T = TypeVar("_T")


def fault(where: str, what: str) -> NoReturn:
    """Refuse the field at ``where``.

    Raises:
        DetectorError: Always; says ``what`` is wrong.
    """
    raise DetectorError(f"The model's description is broken: {where} {what}.")


def integer(value: Any, where: str, low: int, high: int) -> int:
    """Returns ``value`` if it is a whole number within these limits; else it is a ``fault``."""
    if type(value) is not int or not low <= value <= high:
        fault(where, f"must be a whole number from {low} to {high}, not {shown(value)}")
    return value


def number(value: Any, where: str, low: float, high: float) -> float:
    """Returns ``value`` if it is a finite number within these limits; else it is a ``fault``."""
    if type(value) not in (int, float) or not low <= value <= high or not math.isfinite(value):
        fault(where, f"must be a number from {low:g} to {high:g}, not {shown(value)}")
    return float(value)


def text(value: Any, where: str, longest: int, *, empty: bool = True) -> str:
    """Returns ``value`` if it is text without control characters and no longer than that; else it is a ``fault``."""
    if not isinstance(value, str):
        fault(where, f"must be text, not {shown(value)}")
    if len(value) > longest or not (value.strip() or empty):
        fault(where, f"must be {'0' if empty else '1'} to {longest} characters long, not {len(value)}")
    if any(ord(c) < 32 for c in value) or any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        fault(where, "contains control characters")
    return value


def _range(value: Any, where: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        fault(where, "must be two numbers")
    low, high = number(value[0], where, -LARGEST, 0.0), number(value[1], where, 0.0, LARGEST)
    if high - low < _MIN_RANGE:
        fault(where, f"must reach from a lower to a higher number, not {shown(value)}")
    return low, high


def entries(value: Any, where: str, longest: int) -> list[Any]:
    """Returns ``value`` if it is a list that is no longer than that; else it is a ``fault``."""
    if not isinstance(value, list) or len(value) > longest:
        fault(where, f"must be a list of at most {longest}")
    return value


def shown(value: Any) -> str:
    """Returns a value for a message, cut off where it is long."""
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _shape(value: Any, where: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        fault(where, "must hold pairs of numbers")
    width, height = (number(side, where, 0.01, 1e5) for side in value)
    return width, height


class Fields:
    """One JSON object being read; remembers which keys were used so that stray ones are faults."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            fault(where or "it", "must be an object")
        self._values: dict[str, Any] = value
        self._where = where
        self._used: set[str] = set()

    def _at(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def _take(self, key: str) -> tuple[Any, str]:
        if key not in self._values:
            fault(self._at(key), "is missing")
        self._used.add(key)
        return self._values[key], self._at(key)

    def done(self) -> None:
        for key in self._values:
            if key not in self._used:
                fault(self._at(key[:40]), "is unknown")

    def object(self, key: str) -> Fields:
        return Fields(*self._take(key))

    def optional(self, key: str, read: Callable[[Fields], _T]) -> _T | None:
        value, where = self._take(key)
        return None if value is None else read(Fields(value, where))

    def number_or_none(self, key: str, low: float, high: float) -> float | None:
        value, where = self._take(key)
        return None if value is None else number(value, where, low, high)

    def text(self, key: str, longest: int, *, empty: bool = True) -> str:
        return text(*self._take(key), longest, empty=empty)

    def integer(self, key: str, low: int, high: int) -> int:
        return integer(*self._take(key), low, high)

    def number(self, key: str, low: float, high: float) -> float:
        return number(*self._take(key), low, high)

    def flag(self, key: str) -> bool:
        value, where = self._take(key)
        if not isinstance(value, bool):
            fault(where, f"must be true or false, not {shown(value)}")
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        value, where = self._take(key)
        if value not in allowed:
            fault(where, f"must be one of {', '.join(allowed)}, not {shown(value)}")
        return cast(str, value)

    def numbers(self, key: str, low: float, high: float, *, exactly: int) -> tuple[float, ...]:
        value, where = self._take(key)
        if not isinstance(value, list) or len(value) != exactly:
            fault(where, f"must be a list of {exactly} numbers")
        return tuple(number(v, where, low, high) for v in value)

    def sequence(self, key: str, longest: int, check: Callable[[Any, str], _T]) -> tuple[_T, ...]:
        value, where = self._take(key)
        return tuple(check(v, where) for v in entries(value, where, longest))

    def labels(self, key: str) -> tuple[str, ...]:
        value, where = self._take(key)
        names = tuple(
            text(v, f"{where}[{i}]", MAX_LABEL_CHARS, empty=False)
            for i, v in enumerate(entries(value, where, MAX_LABELS))
        )
        if not names or len(set(names)) != len(names):
            fault(where, "must be at least one name, each used once")
        return names

    def numbers_by_name(self, key: str) -> dict[str, float]:
        value, where = self._take(key)
        if not isinstance(value, dict) or len(value) > 1000:
            fault(where, "must be an object of at most 1000 numbers")
        return {text(k, where, 200): number(v, where, -1e12, 1e12) for k, v in value.items()}

    def ranges_by_name(self, key: str) -> dict[str, tuple[float, float]]:
        """Two ends by name, the one below the other, zero between them or one of them."""
        value, where = self._take(key)
        if not isinstance(value, dict) or not 0 < len(value) <= MAX_RANGES:
            fault(where, f"must be an object of 1 to {MAX_RANGES} ranges")
        return {
            text(name, where, 200, empty=False): _range(ends, f"{where}.{name[:40]}") for name, ends in value.items()
        }

    def pairs(
        self, key: str, check: Callable[[Any, str], _T], *, single: bool = False, count: int | None = None
    ) -> tuple[tuple[_T, _T], ...]:
        """A pair (``single``) or a list of pairs; ``count`` of them where given."""
        value, where = self._take(key)
        rows = [value] if single else entries(value, where, 16)
        if not rows or len(rows) != (count or len(rows)):
            fault(where, "must have one entry for every level")
        for row in rows:
            if not isinstance(row, list) or len(row) != 2:
                fault(where, "must hold pairs of numbers")
        return tuple((check(a, where), check(b, where)) for a, b in rows)

    def shapes(self, key: str, levels: int) -> tuple[tuple[tuple[float, float], ...], ...]:
        """Empty, or for every level a list of (width, height)."""
        value, where = self._take(key)
        rows = entries(value, where, 16)
        if len(rows) not in (0, levels):
            fault(where, "must have one entry for every level, or none")
        if not all(rows):
            fault(where, "must have at least one box on every level")
        return tuple(tuple(_shape(shape, where) for shape in entries(row, where, 64)) for row in rows)

    def levels(self, key: str, count: int) -> tuple[tuple[float, ...], ...]:
        value, where = self._take(key)
        rows = entries(value, where, 16)
        if len(rows) != count:
            fault(where, "must have one entry for every level")
        return tuple(tuple(number(v, where, 0.01, 1e4) for v in entries(row, where, 16)) for row in rows)
