"""Tells whether two frames look unlike each other: the quick half of noticing a cut. OpenCV does the pixels."""

from __future__ import annotations

import logging

import cv2
import numpy as np

from app.core.motion.stillness import Gray
from detector.runtime.base import AnyFrame, DeviceFrame, on_host

log = logging.getLogger(__name__)

_LONG_SIDE = 320
_CHANGE = 0.35  # the histograms differ so much ...
_LIKENESS = 0.5  # ... or what is light and dark lies elsewhere: correlation of the frames, seen from afar
_AFAR = (16, 9)


def small_copy(image: AnyFrame) -> Gray:
    """Returns a frame in grey, at most 320 pixels a side.

    Args:
        image: UInt8[H, W, 3]; all that comes to the host of one on a card.
    """
    height, width = image.shape[:2]
    share = min(1.0, _LONG_SIDE / max(height, width))
    size = max(8, round(width * share)), max(8, round(height * share))
    way = cv2.INTER_AREA if share < 1 else cv2.INTER_LINEAR
    step = 2 if share <= 0.5 else 1  # half the memory to read, and one field of two
    if isinstance(image, DeviceFrame) and size[0] <= width and size[1] <= height // step:
        copy = _made_there(image, step, size)
        if copy is not None:
            return copy
    lines = on_host(image)[::step]
    gray: Gray = np.asarray(cv2.resize(cv2.cvtColor(lines, cv2.COLOR_BGR2GRAY), size, interpolation=way), np.uint8)
    return gray


def _made_there(frame: DeviceFrame, step: int, size: tuple[int, int]) -> Gray | None:
    """A grey copy made on the device; None where that failed."""
    from detector.runtime.device_pixels import grey_of

    try:
        copy: Gray = grey_of(frame.pixels[::step], size).cpu().numpy()
    except RuntimeError as error:
        log.info("%s", error)
        return None
    return copy


def is_another(last: Gray, now: Gray) -> bool:
    """Tells whether two frames look unlike each other, other than what moves in a scene makes them."""
    return _likeness(last, now) < _LIKENESS or _histogram_change(last, now) > _CHANGE


def _likeness(last: Gray, now: Gray) -> float:
    """Correlation of the two frames made small, -1 to 1; 1 where one of them is of one grey."""
    one, two = (cv2.resize(image, _AFAR, interpolation=cv2.INTER_AREA).astype(np.float64) for image in (last, now))
    spread = one.std() * two.std()
    return float(((one - one.mean()) * (two - two.mean())).mean() / spread) if spread else 1.0


def _histogram_change(last: Gray, now: Gray) -> float:
    """Half the sum of differences of the two histograms of grey levels, 0 to 1."""
    one, two = (cv2.calcHist([image], [0], None, [32], [0, 256]) / image.size for image in (last, now))
    return float(np.abs(one - two).sum() / 2)
