"""The definitions of docs/watch.md taken literally: each frame looks at everything that came before it. Slow."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.alarms.rule_book import GAP_S
from app.core.alarms.rules import Rule, Sighting

Frame = tuple[float, Sequence[Sighting]]
Told = tuple[str, float, float, float]
"""("began" or "ended", when it was told, when the event began, when it ended or was seen last)."""


def counts(rule: Rule, frames: Sequence[Frame], cuts: Sequence[float], number: int, now: int) -> float | None:
    """When the stay began by which an object counts in frame ``now``; None where it does not count."""
    times = [t for t, seen in frames[: now + 1] if any(s.tracker_id == number and rule.concerns(s) for s in seen)]
    if not times or times[-1] != frames[now][0]:
        return None
    first = max(
        i
        for i in range(len(times))
        if i == 0 or was_gone(frames, times[i - 1], times[i]) or is_cut(cuts, times[i - 1], times[i])
    )
    return times[first] if times[-1] - times[first] >= rule.for_s else None


def was_gone(frames: Sequence[Frame], before: float, after: float) -> bool:
    """Whether what was seen at two moments, and not between, was gone: for so long, and in a frame at least."""
    return after - before > GAP_S and any(before < t < after for t, _ in frames)


def is_cut(cuts: Sequence[float], before: float, after: float) -> bool:
    """Whether another scene begins between, or with the later one."""
    return any(before < cut <= after for cut in cuts)


def seen_events(rule: Rule, frames: Sequence[Frame], cuts: Sequence[float] = ()) -> list[Told]:
    """Everything that is told of a rule about objects that are there; ``cuts``: times of frames that begin a scene."""
    told: list[Told] = []
    start: float | None = None
    last = began = 0.0
    for now, (time_s, seen) in enumerate(frames):
        stays = [s for one in seen if (s := counts(rule, frames, cuts, one.tracker_id, now)) is not None]
        gone = was_gone(frames, last, time_s) or (not stays and time_s - last > GAP_S)
        if start is not None and (gone or is_cut(cuts, last, time_s)):
            told.append(("ended", time_s, start, last))
            start = None
        if stays and start is None and (not told or time_s - began >= rule.every_s):
            earliest = max(min(stays), min(began + rule.every_s, time_s)) if told else min(stays)
            start, began, last = earliest, time_s, time_s
            told.append(("began", time_s, start, last))
        elif stays and start is not None:
            last = time_s
    return told


def absent_events(rule: Rule, frames: Sequence[Frame]) -> list[Told]:
    """Everything that is told of a rule about objects that are not there."""
    told: list[Told] = []
    start: float | None = None
    began = 0.0
    for now, (time_s, seen) in enumerate(frames):
        there = [t for t, each in frames[: now + 1] if any(rule.concerns(s) for s in each)]
        since = there[-1] if there else frames[0][0]
        if start is not None and any(rule.concerns(s) for s in seen):
            told.append(("ended", time_s, start, time_s))
            start = None
        may_begin = start is None and (not told or time_s - began >= rule.every_s)
        if may_begin and time_s - since >= rule.for_s and not any(rule.concerns(s) for s in seen):
            start, began = since, time_s
            told.append(("began", time_s, start, time_s))
    return told
