"""Frames' bytes on a device to a network's input: resize, channel order, normalise. The twin of ``preprocess``.

On the engine's thread; queues work and waits for nothing. What depends on the frames' size is worked out once, on the
host, as a ``ResizePlan``: which rows and columns are read, and how much of each. So the device only gathers and mixes,
every shape is known beforehand, and of a large frame only the rows that are read need to be uploaded at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from detector.spec import InputSpec

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ResizePlan:
    """How frames of one size are resized.

    Attributes:
        height: Of the frames, pixels.
        width: Of the frames, pixels.
        upload: Rows of a frame to upload, two for each row of the input, Int64[2 * H] on the host; None: all.
        picked: The same on the device, for frames that lie there already.
        rows: Of what was uploaded, two for each row of the input, Int64[2 * H] on the device; None: all, as they are.
        values: Of a row's bytes, for each column of the input the channels of its two pixels, Int64[2 * W * C].
        down: Share of the second row of each two, Float32[H, 1, 1].
        across: Share of the second column of each two, Float32[W, 1].
        extent: Width, height, width, height, Float32[4] on the device.
    """

    height: int
    width: int
    upload: Tensor | None
    picked: Tensor | None
    rows: Tensor | None
    values: Tensor
    down: Tensor
    across: Tensor
    extent: Tensor

    @property
    def uploaded_rows(self) -> int:
        """Rows of a frame that go to the device."""
        return self.height if self.upload is None else len(self.upload)


class DeviceInput:
    """Makes plans, and follows them.

    Args:
        spec: The network's input convention.
        device: Where the network runs.
        dtype: What the network computes in.
        channels: Of the input. More than three are filled with zeros, for convolutions that want a round number.
        mixed: Does what ``mix`` does; None for that.
    """

    def __init__(
        self,
        spec: InputSpec,
        device: torch.device,
        dtype: torch.dtype,
        channels: int = 3,
        mixed: Mix | None = None,
    ) -> None:
        self._spec, self._device, self._dtype = spec, device, dtype
        self._mixed = mixed or mix
        order = (2, 1, 0) if spec.channels == "rgb" else (0, 1, 2)
        self._order = np.asarray([*order, *(0,) * (channels - 3)], np.int64)
        scale = np.zeros(channels, np.float32)
        scale[:3] = 1.0 / np.asarray(spec.std, np.float32)
        self._scale = torch.from_numpy(scale).to(device)
        mean = np.zeros(channels, np.float32)
        mean[:3] = spec.mean
        self._mean = torch.from_numpy(mean).to(device)

    def plan(self, height: int, width: int) -> ResizePlan:
        """Returns the plan for frames of ``height`` x ``width`` pixels."""
        spec = self._spec
        rows, down = _neighbours(height, spec.height)
        columns, across = _neighbours(width, spec.width)
        values = (columns.reshape(-1, 2, 1) * 3 + self._order).reshape(-1)  # [2 * W * C]
        fewer = not spec.smooth and len(rows) < height
        device = self._device
        return ResizePlan(
            height,
            width,
            upload=torch.from_numpy(rows) if fewer else None,
            picked=torch.from_numpy(rows).to(device) if fewer else None,
            rows=None if fewer or spec.smooth else torch.from_numpy(rows).to(device),
            values=torch.from_numpy(values).to(device),
            down=torch.from_numpy(down).to(device)[:, None, None],
            across=torch.from_numpy(across).to(device)[:, None],
            extent=torch.tensor([width, height, width, height], dtype=torch.float32, device=device),
        )

    def __call__(self, frames: Tensor, plan: ResizePlan) -> Tensor:
        """UInt8[B, plan.uploaded_rows, w, 3] on the device -> Float[B, C, H, W], channels last in memory."""
        if not self._spec.smooth:
            return self._mixed(frames, plan, self._mean, self._scale, self._dtype)
        return _normalised(self._smoothly(frames), self._mean, self._scale, self._dtype)

    def _smoothly(self, frames: Tensor) -> Tensor:
        """Float32[B, H, W, C], 0..255: of each value all that it covers in the frame."""
        size = (self._spec.height, self._spec.width)
        planes = frames.permute(0, 3, 1, 2).float()  # [B, 3, h, w]
        planes = functional.interpolate(planes, size=size, mode="bilinear", align_corners=False, antialias=True)
        planes = planes.flip(1) if self._spec.channels == "rgb" else planes
        filled = functional.pad(planes, (0, 0, 0, 0, 0, len(self._order) - 3))
        return filled.permute(0, 2, 3, 1).contiguous()


def gathered(frames: Sequence[Tensor], plan: ResizePlan) -> Tensor:
    """UInt8[B, plan.uploaded_rows, w, 3] of frames UInt8[h, w, 3] that lie on the device: what would be uploaded."""
    if plan.picked is None:
        return torch.stack(list(frames))
    return torch.stack([frame.index_select(0, plan.picked) for frame in frames])


Mix = Callable[[Tensor, ResizePlan, Tensor, Tensor, torch.dtype], Tensor]
"""``mix`` or what does the same."""


def mix(frames: Tensor, plan: ResizePlan, mean: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Mixes for each value of the input its four neighbours in the frame by their shares, and normalises it.

    Args:
        frames: UInt8[B, plan.uploaded_rows, w, 3].
        plan: For their size.
        mean: Float32[C].
        scale: Float32[C].
        dtype: Of the result.

    Returns:
        Float[B, C, H, W], channels last in memory.
    """
    height, width = len(plan.down), len(plan.across)
    if plan.rows is not None:
        frames = frames.index_select(1, plan.rows)
    bytes_of_rows = frames.reshape(len(frames), 2 * height, -1)  # [B, 2 * H, w * 3]
    near = bytes_of_rows.index_select(2, plan.values).float().view(len(frames), height, 2, width, 2, -1)
    lines = torch.lerp(near[..., 0, :], near[..., 1, :], plan.across)  # [B, H, 2, W, C]
    return _normalised(torch.lerp(lines[:, :, 0], lines[:, :, 1], plan.down), mean, scale, dtype)


def _normalised(values: Tensor, mean: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Float32[B, H, W, C] -> Float[B, C, H, W]."""
    return ((values - mean) * scale).to(dtype).permute(0, 3, 1, 2)


def _neighbours(source: int, target: int) -> tuple[Indices, npt.NDArray[np.float32]]:
    """The two source lines that each target line lies between, [2 * target], and the share of the second, [target].

    Centres of pixels lie on halves, as in OpenCV's linear resize; beyond the border the image goes on as it ends.
    """
    place = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    first = np.minimum(place.astype(np.int64), max(source - 2, 0))
    both = np.stack([first, np.minimum(first + 1, source - 1)], axis=1)
    return both.reshape(-1), (place - first).astype(np.float32)
