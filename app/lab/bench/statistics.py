"""What many times come to. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

Rounds = Sequence[Sequence[float]]
"""Times by round, milliseconds; every contestant has at least one in each round."""


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of ``values`` do not exceed, between two of them in proportion.

    Raises:
        ValueError: There are none, or ``share`` lies outside [0, 1].
    """
    if not values or not 0.0 <= share <= 1.0:
        raise ValueError(f"percentile {share} of {len(values)} values")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def flat(rounds: Rounds) -> list[float]:
    """All times of all rounds."""
    return [time for each in rounds for time in each]


def times_faster(baseline: Rounds, other: Rounds) -> float:
    """How many times the speed of ``baseline`` is that of ``other``: 2.0 means half the time.

    Taken round by round, for what slows the computer down for a while slows both: the median of the rounds' ratios of
    medians.

    Raises:
        ValueError: They do not have the same rounds.
    """
    ratios = [statistics.median(b) / statistics.median(o) for b, o in zip(baseline, other, strict=True)]
    return statistics.median(ratios)
