"""Where followed objects were during the last seconds. Pure; a bounded ring of places for each."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from app.ui.view.shown_frame import ShownFrame

_KEPT_S = 3.0
_EVERY_S = 0.2  # between places: each costs a line a frame
_MOST = round(_KEPT_S / _EVERY_S) + 2  # places of an object
_GONE_S = 0.3  # without its object a trail ends: the scene may be another
_JUMP_S = 1.0  # frames further apart have a seek or a pause between them

Place = tuple[float, float]
"""x and y, 0 to 1 of the frame's width and height."""


@dataclass(frozen=True, slots=True)
class TrailPiece:
    """A part of a trail.

    Attributes:
        label: Class of the object.
        places: Where it was, the oldest first.
        age: 0 for the newest part to 1 for the oldest that is kept.
    """

    label: str
    places: tuple[Place, ...]
    age: float


class Trails:
    """Places of numbered objects, added frame by frame."""

    _PIECES = 4  # each is drawn in one go, the older the fainter

    def __init__(self) -> None:
        self._places: dict[int, deque[tuple[float, Place]]] = {}
        self._labels: dict[int, str] = {}
        self._now_s = 0.0

    def add(self, shown: ShownFrame) -> None:
        """Takes what is shown of the next frame; one that does not follow the last ends all trails."""
        if shown.result is None:
            return
        time_s = float(shown.result.frame.time_s)
        if not 0 <= time_s - self._now_s <= _JUMP_S:
            self.clear()
        self._now_s = time_s
        width, height = shown.size
        for row, number in enumerate(shown.numbers):
            if number is not None:
                x1, _, x2, y2 = shown.detections.boxes_xyxy[row].tolist()
                self._labels[number] = shown.label(row)
                self._append(number, time_s, ((x1 + x2) / 2 / width, y2 / height))
        for number in [n for n, places in self._places.items() if places[-1][0] < time_s - _GONE_S]:
            del self._places[number], self._labels[number]

    def clear(self) -> None:
        """Forgets everything."""
        self._places.clear()
        self._labels.clear()

    def pieces(self) -> list[TrailPiece]:
        """Returns what is to be drawn, the oldest pieces of each trail first; neighbours share a place."""
        found = []
        for number, kept in self._places.items():
            fresh = [(time_s, place) for time_s, place in kept if time_s > self._now_s - _KEPT_S]
            parts: dict[int, list[Place]] = {}
            for (_, start), (end_s, end) in pairwise(fresh):
                part = parts.setdefault(self._part(end_s), [start])
                part.append(end)
            label = self._labels[number]
            found += [TrailPiece(label, tuple(places), age / self._PIECES) for age, places in parts.items()]
        return found

    def _part(self, time_s: float) -> int:
        return min(self._PIECES - 1, int((self._now_s - time_s) / _KEPT_S * self._PIECES))

    def _append(self, number: int, time_s: float, place: Place) -> None:
        places = self._places.setdefault(number, deque(maxlen=_MOST))
        if len(places) > 1 and time_s - places[-2][0] < _EVERY_S:
            places.pop()  # the newest goes with the object until it is far enough from the one before
        places.append((time_s, place))
