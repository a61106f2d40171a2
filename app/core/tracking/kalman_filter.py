"""Where boxes are expected next: a Kalman filter of constant velocity for each side of each box. Pure numpy.

Kalman (1960); the noise grows with the box's size as in Wojke et al., "Deep SORT" (2017), whose shares per frame at 30
frames a second are turned into shares per second here, so that a variable frame rate needs no special case.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_MEASURED = 1 / 20  # standard deviation of a detected coordinate, of the box's size
_WANDER = 30 * (1 / 20) ** 2  # variance a position gains a second, of the size squared
_DRIFT = 30 * (30 / 160) ** 2  # variance a velocity gains a second, of the size squared
_START = (10 * 30 / 160) ** 2  # variance of an unknown velocity, of the size squared per second squared
_MIN_SIDE = 1.0  # pixel: no box is smaller


class Motion:
    """Position and velocity of some boxes, as centre, width and height; each of the four on its own."""

    def __init__(self) -> None:
        self._place = np.empty((0, 4))  # Float64[T, 4] cx cy w h, pixels
        self._speed = np.empty((0, 4))  # pixels a second
        self._cov = np.empty((0, 3, 4))  # variances: of place, of place with speed, of speed

    def __len__(self) -> int:
        return len(self._place)

    def boxes_xyxy(self) -> Floats:
        """Float64[T, 4]: where the boxes are believed to be."""
        centre, half = self._place[:, :2], np.maximum(self._place[:, 2:], _MIN_SIDE) / 2
        return np.concatenate((centre - half, centre + half), axis=1)

    def predict(self, seconds: float, resting: npt.NDArray[np.bool_]) -> None:
        """Move every box on in time.

        Args:
            seconds: Since the last time, 0 or more.
            resting: Bool[T]: boxes that nothing was seen of; they keep their size, which would else shrink or swell.
        """
        self._speed[resting, 2:] = 0.0
        scale = self._scale()
        self._place += self._speed * seconds
        place, both, speed = self._cov[:, 0], self._cov[:, 1], self._cov[:, 2]
        place += 2 * seconds * both + seconds**2 * speed + scale * (_WANDER * seconds + _DRIFT * seconds**3 / 3)
        both += seconds * speed + scale * _DRIFT * seconds**2 / 2
        speed += scale * _DRIFT * seconds

    def correct(self, index: npt.NDArray[np.intp], boxes_xyxy: Floats) -> None:
        """Boxes ``index`` were seen at ``boxes_xyxy``, Float64[K, 4]."""
        place, both, speed = (self._cov[index, part] for part in range(3))
        gain = place / (place + _MEASURED**2 * self._scale()[index])
        speed_gain = gain * both / place
        missed = _cxcywh(boxes_xyxy) - self._place[index]
        self._place[index] += gain * missed
        self._speed[index] += speed_gain * missed
        self._cov[index] = np.stack(((1 - gain) * place, (1 - gain) * both, speed - speed_gain * both), axis=1)

    def add(self, boxes_xyxy: Floats) -> None:
        """Boxes seen for the first time; they come after those there are."""
        place = _cxcywh(boxes_xyxy)
        self._place = np.concatenate((self._place, place))
        self._speed = np.concatenate((self._speed, np.zeros_like(place)))
        scale = self._scale()[len(self._cov) :]
        fresh = np.stack((4 * _MEASURED**2 * scale, np.zeros_like(scale), _START * scale), axis=1)
        self._cov = np.concatenate((self._cov, fresh))

    def keep(self, kept: npt.NDArray[np.bool_]) -> None:
        """Forget all boxes but those of ``kept``, Bool[T]."""
        self._place, self._speed, self._cov = self._place[kept], self._speed[kept], self._cov[kept]

    def hold(self, index: npt.NDArray[np.intp], boxes_xyxy: Floats) -> None:
        """Leaves boxes ``index`` where they were seen, Float64[K, 4], until they are seen again."""
        self._place[index] = _cxcywh(boxes_xyxy)
        self._speed[index] = 0.0

    def _scale(self) -> Floats:
        """Float64[T, 4]: each box's size squared, in pixels; its area stands for it."""
        sides = np.maximum(self._place[:, 2:], _MIN_SIDE)
        return np.repeat(sides.prod(axis=1)[:, None], 4, axis=1)


def _cxcywh(boxes_xyxy: Floats) -> Floats:
    low, high = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    return np.concatenate(((low + high) / 2, np.maximum(high - low, _MIN_SIDE)), axis=1)
