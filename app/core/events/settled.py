"""Which side an object is on, once it stays there: a box that trembles on an edge neither comes nor goes. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SETTLED_S = 0.2
"""A side counts when it is kept for this long, and then from its first moment."""
_CLOSE_S = 1e-6

Indices = npt.NDArray[np.intp]
Sides = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """The sides of all events over time.

    Attributes:
        begins: Bool[E], the side on which each event begins.
        rows: Int[K], the sightings with which the side changes for longer than a moment, rising.
    """

    begins: Sides
    rows: Indices


def settled(sides: Sides, times_s: npt.NDArray[np.float64], starts: Indices) -> Settled:
    """Returns the sides without those that last for a moment only.

    A side lasts from its first sighting to the first one on the other side, at the end of an event to the last
    sighting. An event begins on the first side that lasts; where none does, on that of its first sighting.

    Args:
        sides: Bool[M], the side of each sighting.
        times_s: Float64[M].
        starts: Int[E], where each event begins; at least one sighting each.
    """
    count = len(sides)
    begins_event = np.zeros(count, np.bool_)
    begins_event[starts] = True
    run = np.flatnonzero(begins_event | np.concatenate(([True], np.diff(sides))))
    event = np.searchsorted(starts, run, "right") - 1
    following = np.append(run[1:], count)
    same = np.append(event[1:] == event[:-1], False)
    until = times_s[np.where(same, np.minimum(following, count - 1), following - 1)]
    lasts = until - times_s[run] >= SETTLED_S - _CLOSE_S
    begins = sides[starts]
    run, event = run[lasts], event[lasts]
    new_event = np.concatenate(([True], np.diff(event) != 0))[: len(run)]
    begins[event[new_event]] = sides[run[new_event]]
    changed = np.concatenate(([False], np.diff(sides[run])))[: len(run)]
    return Settled(begins, run[changed & ~new_event])
