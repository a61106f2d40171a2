"""Quantities in words: durations, rates. Pure."""

from __future__ import annotations

import re

TIMES = "\u00d7"
"""The multiplication sign, between width and height."""
_CLOCK = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,7}(?:\.\d{0,6})?)")


def rate_text(value: float) -> str:
    """Returns text such as "29.9", "0.4", "120"."""
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}"


def duration_text(seconds: float) -> str:
    """Returns text such as "0:07", "12:05", "1:02:03"."""
    minutes, s = divmod(round(max(0.0, seconds)), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"


def clock(seconds: float, tenths: bool = True) -> str:
    """Returns text such as "1:02:03.4", "0:07.5"."""
    whole = max(0.0, seconds)
    if tenths:
        total = round(whole * 10)
        rest, fraction = divmod(total, 10)
    else:
        rest, fraction = round(whole), 0
    minutes, s = divmod(rest, 60)
    hours, m = divmod(minutes, 60)
    shown = f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"
    return f"{shown}.{fraction}" if tenths else shown


def seconds_of(text: str) -> float | None:
    """Returns the time that ``clock`` would show as ``text``, also without tenths or minutes; None for no time."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def wait_text(seconds: float) -> str:
    """Returns a wait in words: "a few seconds", "40 s", "3 min", "2 h 10 min"."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def shorten(words: str, limit: int) -> str:
    """Returns ``words`` cut in the middle, so that the start and the ending of a file name stay."""
    if len(words) <= limit:
        return words
    head = (limit - 1) // 2
    return f"{words[:head]}…{words[-(limit - 1 - head) :]}"
