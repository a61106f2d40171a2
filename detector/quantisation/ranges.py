"""Which range of a map's values 8 bits are spent on: measured on images. Pure.

The 256 values lie evenly between the two ends, zero among them, for padding is made of zeros. What lies beyond is
clipped. A wide range clips nothing and tells neighbours apart badly; the one chosen has the smallest mean square of
both kinds of error together, over values taken evenly from all images.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Range = tuple[float, float]
"""The lowest and the highest value told apart; zero lies between them or is one of them."""

METHOD = "least mean square error"
"""How ``MapValues.range`` chooses."""

LEVELS = 256
LARGEST = 1e6
_KEPT = 65_536  # values of a map, of all images together
_SHARES = np.linspace(1.0, 0.2, 41)  # of the range in which all values lie
_SEED = 20161008
_DIGITS = 7
_MIN_HIGH = 1e-6  # a map that is zero throughout has a range all the same


class MapValues:
    """The values seen of one map.

    Args:
        images: How many there will be.
    """

    def __init__(self, images: int) -> None:
        self._low, self._high = 0.0, 0.0
        self._each = -(-_KEPT // max(images, 1))
        self._draw = np.random.default_rng(_SEED)
        self._kept: list[Floats] = []

    def add(self, values: Floats) -> None:
        """The map of one image, Float32 of any shape."""
        flat = values.reshape(-1)
        self._low = float(np.minimum(self._low, flat.min()))  # unlike Python's, it hands on NaN
        self._high = float(np.maximum(self._high, flat.max()))
        # With no regard to position; a copy: the network overwrites its maps.
        self._kept.append(
            flat[self._draw.integers(0, len(flat), self._each)] if len(flat) > self._each else flat.copy()
        )

    @property
    def is_sane(self) -> bool:
        """Returns whether all values are numbers, and none larger than a description of a model may hold."""
        return self._low >= -LARGEST and self._high <= LARGEST  # False of NaN

    def range(self) -> Range:
        """The range with the least mean square error."""
        values = np.concatenate(self._kept)
        ranges = [_around_zero(self._low * share, self._high * share) for share in _SHARES]
        return min(ranges, key=lambda ends: _error(values, ends))


def _around_zero(low: float, high: float) -> Range:
    """``low`` .. ``high`` widened a little, so that zero is one of the 256 values exactly."""
    high = max(high, _MIN_HIGH)
    if low >= 0:
        return 0.0, _short(high)
    below = min(max(round(-low / (high - low) * (LEVELS - 1)), 1), LEVELS - 2)
    step = max(-low / below, high / (LEVELS - 1 - below))
    return _short(-step * below), _short(step * (LEVELS - 1 - below))


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _error(values: Floats, ends: Range) -> float:
    low, high = ends
    step = (high - low) / (LEVELS - 1)
    told = np.clip(np.rint((values - low) / step), 0, LEVELS - 1) * step + low
    return float(np.square(told - values).mean())
