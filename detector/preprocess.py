"""A frame to a network's input: warp to size, channel order, normalise. Two ways that agree to one grey level.

``InputBuilder`` (numpy, OpenCV) serves the CPU engines; ``TorchInputBuilder`` uploads the frame's bytes once and does
the rest on the device. Both are used by the one thread that owns the detector and keep a buffer from call to call.
Neither letterboxes; both smooth before shrinking only where the weights were trained so (``InputSpec.smooth``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from detector.spec import InputSpec

if TYPE_CHECKING:
    import torch

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
    """For each target line the first source line that counts, and the weights from there on, 1 in all.

    A triangle as wide as two target lines, or two source lines where the picture grows; what sticks out is left out.
    """
    reach = max(source / target, 1.0)
    result = []
    for centre in (np.arange(target) + 0.5) * source / target:
        start, end = max(int(centre - reach), 0), min(int(centre + reach) + 1, source)
        weights = np.maximum(1 - np.abs(np.arange(start, end) + 0.5 - centre) / reach, 0)
        result.append((start, (weights / weights.sum()).astype(np.float32)))
    return tuple(result)


class TorchInputBuilder:
    """Frames to a tensor on ``device``, channels last.

    The bytes go through a pinned buffer, made anew when the frames' size changes, so the upload overlaps with the
    host's next steps. It is free again once the caller has synchronised, which copying the results back does.

    Args:
        spec: The network's input convention.
        device: Where the network runs.
        dtype: What the network computes in.
    """

    def __init__(self, spec: InputSpec, device: torch.device, dtype: torch.dtype) -> None:
        import torch

        self._spec, self._device, self._dtype = spec, device, dtype
        self._mean = torch.tensor(spec.mean, device=device)[None, :, None, None]
        self._scale = 1.0 / torch.tensor(spec.std, device=device)[None, :, None, None]
        self._staging: torch.Tensor | None = None

    def __call__(self, frames: Sequence[ImageBGR]) -> torch.Tensor:
        """Float[len(frames), 3, H, W] on the device."""
        import torch

        for frame in frames:
            check_frame(frame)
        if all(frame.shape == frames[0].shape for frame in frames):
            resized = self._resize(self._upload(frames))
        else:  # a folder of images: the staging buffer must not be refilled while it still uploads
            resized = torch.cat([self._resize(self._upload([frame], shared=False)) for frame in frames])
        if self._spec.channels == "rgb":
            resized = resized.flip(1)
        normalised = (resized - self._mean) * self._scale
        return normalised.to(dtype=self._dtype, memory_format=torch.channels_last)

    def _upload(self, frames: Sequence[ImageBGR], *, shared: bool = True) -> torch.Tensor:
        """UInt8[B, H, W, 3] on the device."""
        import torch

        shape = (len(frames), *frames[0].shape)
        staging = self._staging
        if staging is None or not shared or tuple(staging.shape) != shape:
            staging = torch.empty(shape, dtype=torch.uint8, pin_memory=self._device.type == "cuda")
            if shared:
                self._staging = staging
        for row, frame in zip(staging.numpy(), frames, strict=True):
            np.copyto(row, frame)
        return staging.to(self._device, non_blocking=self._device.type == "cuda")

    def _resize(self, images: torch.Tensor) -> torch.Tensor:
        """UInt8[B, h, w, 3] -> Float32[B, 3, H, W], 0..255."""
        from torch.nn import functional

        size = (self._spec.height, self._spec.width)
        planes = images.permute(0, 3, 1, 2).float()  # [B, 3, h, w], channels last in memory
        smooth = self._spec.smooth
        return functional.interpolate(planes, size=size, mode="bilinear", align_corners=False, antialias=smooth)
