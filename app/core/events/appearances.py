"""From sightings to appearances: which sightings make one event at a threshold. Pure, numpy over the whole video.

docs/events.md has the rules in words, and ``tests/support/literal_events.py`` taken literally.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.core.events.trajectories import FOLLOWED_FROM, Trajectories

GAP_S = 1.0
"""An object unseen for longer was gone."""
SEEN_S = 0.15
"""A part of a track that is shorter is a flicker of the detector."""
EVENT_S = 0.4
"""So is all that was seen of an object, if it is shorter than this."""
UNSURE_SHARE = 0.4
"""A sighting that scores this share of the threshold belongs to the event, but neither begins nor ends one."""
LOST_S = 30.0
"""An object that was lost where it stood may be found again there within this time."""
SAME_PLACE_IOU = 0.7
RENAMED_S = 0.5
"""An object that tracking lost on its way may go on as another track within this time."""
RENAMED_IOU = 0.3
_STOOD_S = 0.5
_PAIRS_AT_ONCE = 2**18
_CLOSE_S = 1e-6  # times are sums of binary fractions

Indices = npt.NDArray[np.intp]
Times = npt.NDArray[np.float64]
Pairs = tuple[Indices, Indices, npt.NDArray[np.float64]]


def least_score(threshold: float) -> float:
    """The score from which sightings belong to events of objects that reach ``threshold``."""
    return min(threshold, max(FOLLOWED_FROM, UNSURE_SHARE * threshold))


@dataclass(frozen=True, slots=True, eq=False)
class Appearances:
    """The sightings of all events, in the order of the events and then by time.

    Attributes:
        rows: Int[M], places in the trajectories.
        starts: Int[E], where in ``rows`` each event begins.
    """

    rows: Indices
    starts: Indices

    @property
    def counts(self) -> Indices:
        """Int[E]: sightings of each event."""
        return np.diff(self.starts, append=len(self.rows))

    @property
    def event_of_row(self) -> Indices:
        """Int[M]: the event of each sighting, from 0."""
        return np.repeat(np.arange(len(self.starts)), self.counts)


def appearances(seen: Trajectories, threshold: float) -> Appearances:
    """Returns which sightings make up events at ``threshold``, events in the order in which they begin."""
    first, last, rows = _pieces(seen, threshold)
    if not len(first):
        return Appearances(np.empty(0, np.intp), np.empty(0, np.intp))
    event = _joined(seen, rows[first], rows[last], _stood(seen, rows, first, last))
    begin = seen.times_s[rows[first]]
    begins, ends = np.full(len(first), np.inf), np.full(len(first), -np.inf)
    np.minimum.at(begins, event, begin)
    np.maximum.at(ends, event, seen.times_s[rows[last]])
    long_enough = ends - begins >= min(EVENT_S, seen.duration_s) - _CLOSE_S
    order = np.lexsort((begin, event, begins[event]))  # pieces by event, events by time
    order = order[long_enough[event[order]]]
    if not len(order):
        return Appearances(np.empty(0, np.intp), np.empty(0, np.intp))
    counts = last - first + 1
    taken = np.concatenate([rows[a : a + n] for a, n in zip(first[order], counts[order], strict=True)])
    lengths = counts[order]
    is_first = np.concatenate(([True], np.diff(event[order]) != 0))
    offsets = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    return Appearances(taken, offsets[is_first])


def _pieces(seen: Trajectories, threshold: float) -> tuple[Indices, Indices, Indices]:
    """Sightings of one track without a long gap, from the first sure one to the last; most of them are sure.

    Returns:
        Int[P] and Int[P], where each piece begins and ends in what comes third: Int[K], rows of ``seen``.
    """
    rows = np.flatnonzero(seen.scores >= np.float32(least_score(threshold)))
    if not len(rows):
        return rows, rows, rows
    times, tracks = seen.times_s[rows], seen.tracks[rows]
    breaks = (np.diff(tracks) != 0) | (np.diff(times) > GAP_S + _CLOSE_S)
    piece = np.concatenate(([0], np.cumsum(breaks)))
    sure = np.flatnonzero(seen.scores[rows] >= np.float32(threshold))
    numbers, first_at = np.unique(piece[sure], return_index=True)
    last_at = np.append(first_at[1:], len(sure)) - 1 if len(numbers) else first_at
    first, last = sure[first_at], sure[last_at]
    # Of a video that is over before that, everything is there for too short a time.
    kept = times[last] - times[first] >= min(SEEN_S, seen.duration_s) - _CLOSE_S
    kept &= 2 * (last_at - first_at + 1) > last - first + 1
    return first[kept], last[kept], rows


def _stood(seen: Trajectories, rows: Indices, first: Indices, last: Indices) -> npt.NDArray[np.bool_]:
    """Bool[P]: whether the object of each piece stood still when it was lost: its box was there a moment before."""
    times, boxes = seen.times_s[rows], seen.boxes_xyxy[rows]
    # Tracks one after the other on one axis of time, so that one search finds the earlier sighting in all of them.
    axis = times + seen.tracks[rows] * (times.max() + 2 * _STOOD_S)
    earlier = np.searchsorted(axis, axis[last] - _STOOD_S + _CLOSE_S, "right") - 1
    overlap = _overlaps(boxes[np.maximum(earlier, first)], boxes[last])
    stood: npt.NDArray[np.bool_] = (earlier >= first) & (overlap >= SAME_PLACE_IOU)
    return stood


def _joined(
    seen: Trajectories, first_rows: Indices, last_rows: Indices, stood: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """Int[P]: the first piece of the event of each: itself, or the one that it goes on with."""
    event = np.arange(len(first_rows))
    fits = [
        _found_again(seen, first_rows, last_rows),
        _fitting(seen, first_rows, last_rows, np.flatnonzero(stood), LOST_S, SAME_PLACE_IOU),
        _fitting(seen, first_rows, last_rows, event, RENAMED_S, RENAMED_IOU),
    ]
    later, earlier, overlap = (np.concatenate(parts) for parts in zip(*fits, strict=True))
    scene = np.searchsorted(np.array(seen.cuts, np.int64), seen.frames[first_rows], "right")
    goes_on = scene[later] == scene[earlier]
    later, earlier, overlap = later[goes_on], earlier[goes_on], overlap[goes_on]
    begins, ends = seen.times_s[first_rows[later]], seen.times_s[last_rows[earlier]]
    order = np.lexsort((earlier, ends, -overlap, later, begins))
    free, alone = np.ones(len(event), np.bool_), np.ones(len(event), np.bool_)
    for new, lost in zip(later[order].tolist(), earlier[order].tolist(), strict=True):
        if alone[new] and free[lost]:
            event[new] = event[lost]
            alone[new] = free[lost] = False
    return event


def _found_again(seen: Trajectories, first_rows: Indices, last_rows: Indices) -> Pairs:
    """Finds, like ``_fitting``, pieces of one track: tracking itself holds them for the same object."""
    tracks, begins, ends = seen.tracks[first_rows], seen.times_s[first_rows], seen.times_s[last_rows]
    found, apart = [np.empty(0, np.intp)], 1
    while len(near := _near_in_track(tracks, begins, ends, apart)):
        found.append(near)
        apart += 1
    later = np.concatenate(found)
    earlier = later - np.repeat(np.arange(len(found)), [len(each) for each in found])
    overlap = _overlaps(seen.boxes_xyxy[first_rows[later]], seen.boxes_xyxy[last_rows[earlier]])
    same = overlap >= SAME_PLACE_IOU
    return later[same], earlier[same], overlap[same]


def _near_in_track(tracks: npt.NDArray[np.int64], begins: Times, ends: Times, apart: int) -> Indices:
    """The pieces that begin within ``LOST_S`` after the one ``apart`` places before, if that is of the same track."""
    near = (tracks[apart:] == tracks[:-apart]) & (begins[apart:] - ends[:-apart] <= LOST_S + _CLOSE_S)
    return np.flatnonzero(near) + apart


def _fitting(
    seen: Trajectories, first_rows: Indices, last_rows: Indices, lost: Indices, gap_s: float, least: float
) -> Pairs:
    """Pairs of a piece and one of ``lost`` that it may go on with: lost up to ``gap_s`` before, IoU at least ``least``.

    Returns:
        Int[Q] the later pieces, Int[Q] the earlier ones, Float64[Q] the IoU of the first box and the last one.
    """
    begins, ends = seen.times_s[first_rows], seen.times_s[last_rows]
    lost = lost[np.argsort(ends[lost], kind="stable")]
    lows = np.searchsorted(ends[lost], begins - gap_s - _CLOSE_S, "left")
    counts = np.maximum(np.searchsorted(ends[lost], begins, "left") - lows, 0)
    found = []
    for part in np.split(np.arange(len(begins)), np.flatnonzero(np.diff(np.cumsum(counts) // _PAIRS_AT_ONCE)) + 1):
        count = counts[part]
        later = np.repeat(part, count)
        step = np.arange(len(later)) - np.repeat(np.cumsum(count) - count, count)
        earlier = lost[np.repeat(lows[part], count) + step]
        same = seen.class_ids[first_rows[later]] == seen.class_ids[first_rows[earlier]]
        later, earlier = later[same], earlier[same]
        overlap = _overlaps(seen.boxes_xyxy[first_rows[later]], seen.boxes_xyxy[last_rows[earlier]])
        near = overlap >= least
        found.append((later[near], earlier[near], overlap[near]))
    laters, earliers, overlaps = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return laters, earliers, overlaps


def _overlaps(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Float64[N]: IoU of the boxes, pair by pair; Float32[N, 4] each, or [4] for one box with all others."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    sides = np.maximum(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0.0)
    both = sides[..., 0] * sides[..., 1]
    union = sum((c[..., 2] - c[..., 0]) * (c[..., 3] - c[..., 1]) for c in (a, b)) - both
    overlap: npt.NDArray[np.float64] = np.divide(both, union, out=np.zeros_like(both), where=union > 0)
    return overlap
