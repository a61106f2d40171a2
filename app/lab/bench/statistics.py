"""Statistics of run times. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

Rounds = Sequence[Sequence[float]]
"""Times by round, milliseconds; every contestant has at least one in each round."""


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the quantile ``share`` of ``values``, linearly interpolated.

    Raises:
        ValueError: There are no values, or ``share`` lies outside [0, 1].
    """
    if not values or not 0.0 <= share <= 1.0:
        raise ValueError(f"percentile {share} of {len(values)} values")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def flat(rounds: Rounds) -> list[float]:
    """Returns all times of all rounds."""
    return [time for each in rounds for time in each]


def times_faster(baseline: Rounds, other: Rounds) -> float:
    """Returns the speed of ``other`` relative to ``baseline``: 2.0 means half the time.

    It is the median, over the rounds, of the ratio of the two medians: a temporary slowdown of the computer hits both
    contestants of a round.

    Raises:
        ValueError: The numbers of rounds differ.
    """
    ratios = [statistics.median(b) / statistics.median(o) for b, o in zip(baseline, other, strict=True)]
    return statistics.median(ratios)
