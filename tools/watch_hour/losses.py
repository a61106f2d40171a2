"""Whether a camera is found again after each trouble, and whether its losses are told."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tools.watch_hour.evidence import Line, Looked
from tools.watch_hour.script import Trouble

_SILENT_S = 2.0
_FOUND_S = 8.0
"""So long after a trouble frames come again, at the latest."""


def unfound(looked: Sequence[Looked], troubles: Sequence[Trouble], begin_s: float, end_s: float) -> list[str]:
    """Returns a line for each time without frames that no trouble accounts for.

    Args:
        looked: Frames of a camera.
        troubles: What happened to it.
        begin_s: When all cameras were open, on the monotonic clock.
        end_s: When the program was asked to end.
    """
    moments = [begin_s, *(each.at_s for each in looked if begin_s < each.at_s < end_s), end_s]
    return [
        f"no frame was looked at for {after_s - before_s:.1f} s"
        for before_s, after_s in pairwise(moments)
        if after_s - before_s > _SILENT_S and not any(_accounts(trouble, before_s, after_s) for trouble in troubles)
    ]


def untold(lines: Sequence[Line], troubles: Sequence[Trouble], least: int) -> list[str]:
    """Returns a line for each unplugged camera of which is not told once that it is gone, and again there.

    Args:
        lines: All of the program's about "gone".
        troubles: What happened to it.
        least: How often it must be told.
    """
    wrong = []
    for trouble in (trouble for trouble in troubles if trouble.name == "unplugged"):
        within = [line for line in lines if trouble.begin_s <= line.at_s <= trouble.end_s + _FOUND_S]
        began = [line.data["id"] for line in within if line.data["type"] == "began"]
        ended = [line.data["id"] for line in within if line.data["type"] == "ended"]
        if not least <= len(began) <= 1 or began != ended:
            wrong.append(f"unplugged once, it is gone {len(began)} times and again there {len(ended)} times")
    return wrong


def _accounts(trouble: Trouble, before_s: float, after_s: float) -> bool:
    return trouble.begin_s <= before_s + _SILENT_S and after_s <= trouble.end_s + _FOUND_S
