"""Follows corners from frame to frame, on a copy of at most 320 pixels a side. OpenCV does the pixels.

Corners by their smaller eigenvalue (Shi and Tomasi, "Good features to track", 1994), one a cell so that small objects
have some too; followed by Lucas-Kanade on a pyramid (Bouguet, 2000) there and back (Kalal et al., "Forward-backward
error", 2010). Points whose surroundings did not change since a reference image stand exactly still: without that, noise
would add up to a drift.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from app.core.motion.frame_motion import FrameMotion, camera_of, cut
from app.core.motion.likeness import is_another, small_copy
from app.core.motion.stillness import Gray, Stillness
from detector.runtime.base import AnyFrame

_CELL = 12  # pixels of the small copy: one corner for each
_WINDOW = (9, 9)
_LEVELS = 3
_UNTIL = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.02)
_TENSOR = (5, 5)
_SOBEL_SCALE = 1 / (4 * 255 * 5)
_EDGE = 0.05  # what an edge is worth against a corner
_HALF_KNOWN = 3e-5  # eigenvalue at which a shift is half known in that direction, in an image without noise ...
_HALF_KNOWN_NOISE = 2e-5  # ... and more of it for each grey level of noise squared
_ENOUGH = 3.0  # times that: least larger eigenvalue of a point
_POINT_ERROR = 0.12  # standard deviation of a shift, pixels of the small copy
_MAX_RETURN = 0.7  # a point that comes back further from where it began is lost, pixels of the small copy
_CUT_TEXTURE = 1 / 3  # share of the cells that must have a point on one side of a cut
_CUT_LOST = 0.75  # share of the points that is lost at a cut, where the frames look unlike each other as well
_QUIET, _QUIET_NOISE = 2.5, 2.2  # grey levels: mean change around a point that stands still, and times the noise
_MAX_NOISE = 8.0  # grey levels of the small copy; more is texture
_LAPLACE_PAIR = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_LAPLACE_SCALE = float(np.sqrt(np.pi / 2)) / 6


class MotionEstimator:
    """Motion from each frame to the next. One a video, on one thread; it keeps the last frame only."""

    def __init__(self) -> None:
        self._last: Gray | None = None
        self._stillness: Stillness | None = None
        self._size = (0, 0)

    def update(self, image: AnyFrame) -> FrameMotion | None:
        """Takes the next frame.

        Args:
            image: UInt8[H, W, 3].

        Returns:
            The motion from the frame before; None for the first one. Frames of another size are a cut.
        """
        height, width = image.shape[:2]
        small = small_copy(image)
        last, same = self._last, self._size == (width, height)
        self._last, self._size = small, (width, height)
        if last is None or self._stillness is None or not same:
            self._stillness = Stillness(small)
            return cut() if last is not None else None
        motion = self._between(self._stillness, last, small, width / small.shape[1], height / small.shape[0])
        if motion.cut:
            self._stillness = Stillness(small)
        return motion

    def _between(self, stillness: Stillness, last: Gray, now: Gray, scale_x: float, scale_y: float) -> FrameMotion:
        noise = _noise(now)
        points, tensors = _textured(last, _half_known(noise))
        column, row = points.astype(np.intp).T
        resting = ~stillness.moving(now, _QUIET + _QUIET_NOISE * noise)[row, column]
        ends = points.copy()
        good = resting.copy()
        if len(points) and not resting.all():
            followed, found = _follow(last, now, points[~resting])
            ends[~resting], good[~resting] = followed, found
        if _too_few(good) and is_another(last, now) and _tells_scenes(last, now, noise):
            return cut()
        start = points[good].astype(np.float64)
        shift = (ends[good] - points[good]).astype(np.float64)
        scale = np.array([scale_x, scale_y])
        error = _POINT_ERROR * max(scale_x, scale_y)
        places, shifts = (start + 0.5) * scale - 0.5, shift * scale
        return FrameMotion(places, shifts, tensors[good], camera_of(places, shifts, tensors[good], error), error)


def is_lost(last: Gray, now: Gray) -> bool:
    """Tells whether so few points of a frame are found in the next that it may be of another scene."""
    noise = _noise(now)
    points, _ = _textured(last, _half_known(noise))
    return len(points) > 0 and _too_few(_follow(last, now, points)[1]) and _tells_scenes(last, now, noise)


def _tells_scenes(last: Gray, now: Gray, noise: float) -> bool:
    """Returns whether one of two frames has texture enough: a few plain shapes that jump are no other scene."""
    cells = (now.shape[0] // _CELL) * (now.shape[1] // _CELL)
    return any(len(_textured(gray, _half_known(noise))[0]) >= _CUT_TEXTURE * cells for gray in (last, now))


def _too_few(good: npt.NDArray[np.bool_]) -> bool:
    return bool(len(good) and good.mean() < 1 - _CUT_LOST)


def _half_known(noise: float) -> float:
    return _HALF_KNOWN + _HALF_KNOWN_NOISE * noise**2


def _noise(gray: Gray) -> float:
    """Standard deviation of the noise in grey levels, from where an image is flattest (after Immerkaer, 1996)."""
    rough = cv2.blur(np.abs(cv2.filter2D(gray, cv2.CV_16S, _LAPLACE_PAIR)).astype(np.float32), (9, 9))[::6, ::6]
    return min(float(np.percentile(rough, 20)) * _LAPLACE_SCALE, _MAX_NOISE)


def _textured(gray: Gray, half_known: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """The best point of each cell that has texture, Float32[N, 2] xy, and its tensor, Float64[N, 2, 2]."""
    xx, xy, yy = _structure(gray)
    middle, spread = (xx + yy) / 2, np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    larger, smaller = middle + spread, middle - spread
    rows, columns = gray.shape[0] // _CELL, gray.shape[1] // _CELL
    cells = (smaller + _EDGE * larger)[: rows * _CELL, : columns * _CELL].reshape(rows, _CELL, columns, _CELL)
    best = cells.transpose(0, 2, 1, 3).reshape(rows * columns, _CELL * _CELL).argmax(axis=1)
    cell = np.arange(rows * columns)
    y, x = cell // columns * _CELL + best // _CELL, cell % columns * _CELL + best % _CELL
    there = larger[y, x] > _ENOUGH * half_known
    y, x = y[there], x[there]
    structure = np.stack((xx[y, x], xy[y, x], xy[y, x], yy[y, x]), axis=1).astype(np.float64).reshape(-1, 2, 2)
    # An eigenvalue v becomes v / (v + half_known), the directions stay.
    known = structure @ np.linalg.inv(structure + half_known * np.eye(2))
    return np.stack((x, y), axis=1).astype(np.float32), known


def _structure(gray: Gray) -> tuple[npt.NDArray[np.float32], ...]:
    """The structure tensor around each pixel, scaled as in OpenCV: xx, xy and yy, Float32[h, w] each."""
    across, down = (cv2.Sobel(gray, cv2.CV_32F, *way, ksize=3, scale=_SOBEL_SCALE) for way in ((1, 0), (0, 1)))
    products = (across * across, across * down, down * down)
    return tuple(np.asarray(cv2.boxFilter(each, -1, _TENSOR, normalize=False), np.float32) for each in products)


def _follow(
    last: Gray, now: Gray, points: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Float32[N, 2] and Bool[N]: where the points went, and whether they come back to where they began."""
    guess = points.copy()
    ends, there, _ = cv2.calcOpticalFlowPyrLK(
        last, now, points, guess, winSize=_WINDOW, maxLevel=_LEVELS, criteria=_UNTIL
    )
    back, again, _ = cv2.calcOpticalFlowPyrLK(  # begins where it should end: the coarse levels are for finding it
        now,
        last,
        ends,
        points.copy(),
        winSize=_WINDOW,
        maxLevel=1,
        criteria=_UNTIL,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    missed = np.abs(back - points).max(axis=1)
    height, width = now.shape
    inside = (ends >= 0).all(axis=1) & (ends[:, 0] < width) & (ends[:, 1] < height)
    sound = (there[:, 0] > 0) & (again[:, 0] > 0) & (missed < _MAX_RETURN) & inside
    return np.asarray(ends, np.float32), np.asarray(sound, np.bool_)
