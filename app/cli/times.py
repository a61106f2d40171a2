"""Times of videos, as they are typed and shown."""

from __future__ import annotations

import argparse
import re

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")


def seconds(text: str) -> float:
    """Reads ``10``, ``10s``, ``2m``, ``1h``, ``1:30`` or ``1:02:03.5``; for ``argparse``.

    Raises:
        ArgumentTypeError: It is none of these.
    """
    lowered = text.strip().lower()
    if ":" in lowered and (told := _TIME.fullmatch(lowered)):
        hours, minutes, rest = (float(part or 0) for part in told.groups())
        return hours * 3600 + minutes * 60 + rest
    quantity = _QUANTITY.fullmatch(lowered)
    if quantity is None or quantity[2] not in _UNITS:
        raise argparse.ArgumentTypeError(f"a time such as 10s, 2m or 1:30 is wanted, not {text!r}")
    return float(quantity[1]) * _UNITS[quantity[2]]


def clock(time_s: float) -> str:
    """Returns a time as ``1:02:03.4``, the hour only where there is one."""
    tenths = round(time_s * 10)
    hours, minutes, rest = tenths // 36000, tenths // 600 % 60, tenths % 600
    text = f"{minutes:02d}:{rest // 10:02d}.{rest % 10}" if hours else f"{minutes}:{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{text}" if hours else text
