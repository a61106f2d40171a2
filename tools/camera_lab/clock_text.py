"""Reads what ``vivid`` writes into its frames: `` 00:00:12:304 123``, the time and the number since the stream began.

The shapes of the digits are learnt from the camera's first frames, whose numbers are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.fixtures.coded_images import ImageBGR

_TOP, _LEFT, _HEIGHT, _WIDTH = 16, 16, 16, 8
_HOUR, _NUMBER, _MOST_DIGITS = 1, 14, 6
_BRIGHT = 128
_LIKE = 20  # of the 128 pixels of a character, after encoding

Bits = NDArray[np.bool_]
"""Bool[H, W] of one character."""


class ClockText:
    """Knows the digits.

    Args:
        digits: Bool[10, 16, 8].
    """

    def __init__(self, digits: Bits) -> None:
        self._digits = digits

    @classmethod
    def learn(cls, frames: Sequence[ImageBGR]) -> ClockText:
        """Returns what reads the numbers of these frames, the first of a stream, and of those to come.

        Raises:
            ValueError: They do not count from 1 on.
        """
        learnt = cls(np.stack([_character(frames[0], _HOUR), *(_character(frame, _NUMBER) for frame in frames[:9])]))
        if [learnt.number(frame) for frame in frames] != list(range(1, len(frames) + 1)) or len(frames) < 12:
            raise ValueError("the first frames do not count from 1 on")
        return learnt

    def number(self, frame: ImageBGR) -> int:
        """Returns the number of a frame, -1 where it shows none."""
        found = ""
        for place in range(_NUMBER, _NUMBER + _MOST_DIGITS):
            bits = _character(frame, place)
            if not bits.any():
                break
            unlike = (self._digits != bits).sum(axis=(1, 2))
            if unlike.min() > _LIKE:
                return -1
            found += str(unlike.argmin())
        return int(found) if found else -1

    def save(self, path: Path) -> None:
        """Keeps the digits."""
        np.save(path, self._digits)

    @classmethod
    def load(cls, path: Path) -> ClockText:
        """Returns what was kept."""
        return cls(np.load(path, allow_pickle=False))


def _character(frame: ImageBGR, place: int) -> Bits:
    left = _LEFT + place * _WIDTH
    return np.asarray(frame[_TOP : _TOP + _HEIGHT, left : left + _WIDTH].min(axis=2) > _BRIGHT)
