"""A frame to a network's input: warp to size, channel order, normalise; in numpy and OpenCV, for the CPU engines.

Used by the one thread that owns the detector; ``InputBuilder`` keeps a buffer from call to call. The twin for other
devices is ``preprocess_torch``, which agrees to one grey level. Neither letterboxes; both smooth before shrinking only
where the weights were trained so (``InputSpec.smooth``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from detector.spec import InputSpec

ImageBGR = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def check_frame(frame: ImageBGR) -> None:
    """Raise ``ValueError`` unless ``frame`` is UInt8[H, W, 3] with at least one pixel."""
    if not isinstance(frame, np.ndarray):
        raise ValueError(f"a frame is UInt8[H, W, 3], not {type(frame).__name__}")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.size == 0:
        raise ValueError(f"a frame is UInt8[H, W, 3], not {frame.dtype}{list(frame.shape)}")


class InputBuilder:
    """Frames to a Float32[B, 3, H, W] array on the host.

    Args:
        spec: The network's input convention.
    """

    def __init__(self, spec: InputSpec) -> None:
        self._spec = spec
        self._mean = np.asarray(spec.mean, np.float32)[:, None, None]
        self._scale = 1.0 / np.asarray(spec.std, np.float32)[:, None, None]
        self._scales = any(std != 1.0 for std in spec.std)
        self._small = np.empty((spec.height, spec.width, 3), np.uint8)
        self._split = [np.empty((spec.height, spec.width), np.uint8) for _ in range(3)]
        self._batch = np.empty((0, 3, spec.height, spec.width), np.float32)

    def __call__(self, frames: Sequence[ImageBGR]) -> Floats:
        """Float32[len(frames), 3, H, W]; overwritten by the next call."""
        if len(self._batch) < len(frames):
            self._batch = np.empty((len(frames), *self._batch.shape[1:]), np.float32)
        batch = self._batch[: len(frames)]
        for row, frame in zip(batch, frames, strict=True):
            check_frame(frame)
            planes = self._planes(frame)
            for target, plane in zip(row, planes[::-1] if self._spec.channels == "rgb" else planes, strict=True):
                np.copyto(target, plane)  # only here are bytes made floats: what follows stays in place
            row -= self._mean
            if self._scales:
                row *= self._scale
        return batch

    def _planes(self, frame: ImageBGR) -> Floats | list[ImageBGR]:
        """``frame`` at the network's size, 0..255: blue, green and red, each [H, W]; overwritten by the next call."""
        size = (self._spec.width, self._spec.height)
        if self._spec.smooth:
            return _smoothly_resized(frame, size)
        cv2.resize(frame, size, dst=self._small, interpolation=cv2.INTER_LINEAR)
        cv2.split(self._small, self._split)
        return self._split


def _smoothly_resized(frame: ImageBGR, size: tuple[int, int]) -> Floats:
    """UInt8[h, w, 3] to Float32[3, H, W], as PIL's and DALI's linear resize: rows first, then columns."""
    height, width = frame.shape[:2]
    rows = _weighted(frame.reshape(height, -1), size[1]).reshape(-1, width, 3)  # [H, w, 3]
    columns = np.ascontiguousarray(rows.transpose(1, 2, 0)).reshape(width, -1)  # [w, 3 * H]
    return _weighted(columns, size[0]).reshape(size[0], 3, -1).transpose(1, 2, 0)  # [3, H, W]


def _weighted(lines: npt.NDArray[np.generic], target: int) -> Floats:
    """[source, N] to Float32[target, N]; line by line, for each needs only the few under its triangle."""
    out = np.empty((target, lines.shape[1]), np.float32)
    for line, (start, weights) in zip(out, _triangles(len(lines), target), strict=True):
        np.matmul(weights, lines[start : start + len(weights)].astype(np.float32, copy=False), out=line)
    return out


@lru_cache(maxsize=8)
def _triangles(source: int, target: int) -> tuple[tuple[int, Floats], ...]:
    """Returns for each target line the first source line that counts, and the weights from there on, 1 in all.

    A triangle as wide as two target lines, or two source lines where the image grows; what sticks out is left out.
    """
    reach = max(source / target, 1.0)
    result = []
    for centre in (np.arange(target) + 0.5) * source / target:
        start, end = max(int(centre - reach), 0), min(int(centre + reach) + 1, source)
        weights = np.maximum(1 - np.abs(np.arange(start, end) + 0.5 - centre) / reach, 0)
        result.append((start, (weights / weights.sum()).astype(np.float32)))
    return tuple(result)
