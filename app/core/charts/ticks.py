"""Chooses and formats the values that an axis shows. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
MAX_VALUE = 1e15  # values beyond (and, on a logarithmic axis, below the inverse) have no position
_MAX_ROUNDED = MAX_VALUE * 1e3  # an upper bound after rounding
_SLACK = 1e-9  # of a step: 0.30000000000000004 still lies on an axis that ends at 0.3


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on an axis and its label; "" for a grid line without one."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to positions between 0 (low) and 1 (high).

    Attributes:
        low: Value at 0.
        high: Value at 1, above ``low``.
        log: Whether it is logarithmic; both ends are then positive.
    """

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Returns the position of ``value``; NaN if it has none."""
        return float(self.places(np.array([value]))[0])

    def places(self, values: Floats) -> Floats:
        """Returns Float64[N], the position of each of ``values``; NaN for those that have none."""
        least = 1 / _MAX_ROUNDED if self.log else -_MAX_ROUNDED
        held = np.where((values >= least) & (values <= _MAX_ROUNDED), values, np.nan)
        placed: Floats
        if self.log:
            placed = np.log(held / self.low) / math.log(self.high / self.low)
        else:
            placed = (held - self.low) / (self.high - self.low)
        return placed


def scale_for(values: Iterable[float], low: float | None, high: float | None, log: bool = False) -> Scale:
    """Returns a scale over ``values``, or from ``low`` to ``high`` if given; ends not given are rounded outwards.

    Without a usable value, it goes from 0 to 1 (logarithmic: 1 to 10).
    """
    low, high = (end if end is not None and _usable(end, log) else None for end in (low, high))
    usable = [value for value in values if _usable(value, log)]
    if log:
        return _log_scale(usable, low, high)
    least = low if low is not None else min(usable, default=0.0 if high is None else high - 1.0)
    most = high if high is not None else max(usable, default=least + 1.0)
    room = max(abs(least), abs(most)) * 0.1
    room = room if room > 1 / MAX_VALUE else 0.5
    if most - least <= room * 1e-6:  # one value, or a given end on the wrong side of all values
        least = high - room if high is not None and low is None else least if low is not None else least - room
        most = least + room if low is not None or high is not None else most + room
    step = _step(most - least, 5)
    if low is None:
        least = math.floor(least / step + _SLACK) * step
    if high is None:
        most = math.ceil(most / step - _SLACK) * step
    return Scale(least, most)


def _usable(value: float, log: bool) -> bool:
    return 1 / MAX_VALUE <= value <= MAX_VALUE if log else abs(value) <= MAX_VALUE


def _log_scale(values: list[float], low: float | None, high: float | None) -> Scale:
    least = low if low is not None else min(values, default=1.0 if high is None else high / 10.0)
    most = high if high is not None else max(values, default=least * 10.0)
    if most <= least * (1 + 1e-6):
        least, most = (least, least * 10.0) if low is not None or high is None else (most / 10.0, most)
    return Scale(least, most, log=True)


def ticks(scale: Scale, at_most: int) -> tuple[Tick, ...]:
    """Returns evenly spaced round values within ``scale``, ascending, no more than ``at_most`` (at least 1)."""
    if scale.log:
        return _log_ticks(scale, at_most)
    step = _step(scale.high - scale.low, at_most)
    first = math.ceil(scale.low / step - _SLACK)
    last = math.floor(scale.high / step + _SLACK)
    # The ends are the scale's own numbers, so that rounding puts no tick outside.
    values = [min(max(number * step, scale.low), scale.high) for number in range(first, last + 1)]
    largest = max(abs(scale.low), abs(scale.high))
    return tuple(Tick(value, label(value, step, largest)) for value in values[:at_most])


def _step(span: float, at_most: int) -> float:
    """Returns the smallest round step that puts no more than ``at_most`` values into ``span``, wherever it starts."""
    rough = span / max(at_most - 1, 0.5)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(nice * power for nice in _NICE if nice * power >= rough * (1 - _SLACK))


def _log_ticks(scale: Scale, at_most: int) -> tuple[Tick, ...]:
    first = math.ceil(math.log10(scale.low) - _SLACK)
    last = math.floor(math.log10(scale.high) + _SLACK)
    powers = [10.0**number for number in range(first, last + 1)]
    every = max(1, math.ceil(len(powers) / at_most))
    values = powers[::every]
    for factors in ((1, 2, 5), (1, 5), (1, 3)):  # few powers of ten: numbers between them
        between = [f * 10.0**n for n in range(first - 1, last + 1) for f in factors]
        within = [v for v in between if scale.low * (1 - _SLACK) <= v <= scale.high * (1 + _SLACK)]
        if len(values) <= 2 and len(values) < len(within) <= at_most:
            values = within
    if len(values) < 2 <= at_most:  # not even two round numbers: the ends themselves
        values = [scale.low, scale.high]
    held = [min(max(value, scale.low), scale.high) for value in values]
    return tuple(Tick(value, label(value, value, value)) for value in held)


def label(value: float, step: float, largest: float) -> str:
    """Formats ``value`` with the decimals of ``step``, in a unit that suits ``largest``: 0.25, 40, 12k, 1e-05."""
    if abs(value) < abs(step) * 1e-6:
        return "0"
    if abs(largest) >= 1e9 or abs(step) < 1e-4:
        return f"{value:.3g}"
    unit, sign = next(((u, s) for u, s in ((1e6, "M"), (1e4, "k")) if abs(largest) >= u), (1.0, ""))
    unit = 1e3 if sign == "k" else unit
    return f"{value / unit:.{_decimals(step / unit)}f}{sign}"


def _decimals(step: float) -> int:
    """Returns the decimals that tell multiples of a round ``step`` apart: 2 for 0.25, 1 for 2.5, 0 for 20."""
    decimals = max(0, -math.floor(math.log10(abs(step)) + _SLACK))
    return decimals + (not math.isclose(round(step, decimals), step, rel_tol=1e-6))
