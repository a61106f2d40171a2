"""MOTA and IDF1 straight from their definitions, slowly: Bernardin and Stiefelhagen (2008), Ristani et al. (2016)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

Box = tuple[float, float, float, float]
Frame = dict[int, Box]
"""Boxes by the number of their object or track."""


@dataclass(frozen=True)
class Score:
    """How well tracks follow the truth."""

    mota: float
    idf1: float
    switches: int


def overlap(first: Box, second: Box) -> float:
    """IoU."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (first, second)]
    return width * height / (sum(areas) - width * height)


def score(truth: list[Frame], tracks: list[Frame]) -> Score:
    """Judge ``tracks`` frame by frame at IoU 0.5."""
    misses = false = switches = 0
    before: dict[int, int] = {}  # object -> track it was last matched to
    both: Counter[tuple[int, int]] = Counter()
    for real, found in zip(truth, tracks, strict=True):
        match = _match(real, found, before)
        misses += len(real) - len(match)
        false += len(found) - len(match)
        switches += sum(before.get(thing, track) != track for thing, track in match.items())
        before.update(match)
        both.update((a, b) for a in real for b in found if overlap(real[a], found[b]) >= 0.5)
    things = sum(map(len, truth))
    kept = _most_kept(both, sorted({a for frame in truth for a in frame}), sorted({b for f in tracks for b in f}))
    return Score(
        mota=1 - (misses + false + switches) / things,
        idf1=2 * kept / (things + sum(map(len, tracks))),
        switches=switches,
    )


def _match(real: Frame, found: Frame, before: dict[int, int]) -> dict[int, int]:
    """Pairs of the frame before are kept while they overlap; of the rest as many as can be."""
    kept = {
        thing: track
        for thing, track in before.items()
        if thing in real and track in found and overlap(real[thing], found[track]) >= 0.5
    }
    free = [track for track in found if track not in kept.values()]
    owner: dict[int, int] = {}  # track -> object

    def place(thing: int, tried: set[int]) -> bool:
        for track in free:
            if track in tried or overlap(real[thing], found[track]) < 0.5:
                continue
            tried.add(track)
            if track not in owner or place(owner[track], tried):
                owner[track] = thing
                return True
        return False

    for thing in real:
        if thing not in kept:
            place(thing, set())
    return {**kept, **{thing: track for track, thing in owner.items()}}


def _most_kept(both: Counter[tuple[int, int]], things: list[int], tracks: list[int]) -> int:
    """Frames kept by the best pairing of whole tracks with whole objects; every subset of objects is tried."""

    @cache
    def best(track: int, free: int) -> int:
        if track == len(tracks):
            return 0
        options = [best(track + 1, free)]
        for bit, thing in enumerate(things):
            if free >> bit & 1 and both[thing, tracks[track]]:
                options.append(both[thing, tracks[track]] + best(track + 1, free & ~(1 << bit)))
        return max(options)

    return best(0, (1 << len(things)) - 1)
