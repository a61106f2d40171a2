"""Work for kernels and their plain forms alike: small and odd to compare answers, as large as frames to time them.

Needs Triton. On the engine's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from detector.kernels.network_input import mix_by_kernel
from detector.kernels.normalise import l2norm_by_kernel
from detector.kernels.postprocess import postprocess_by_kernels
from detector.kernels.rectify import rectify_by_kernel
from detector.kernels.suppress import suppress_by_kernels
from detector.models.conv_fusion import Pooling, rectify
from detector.models.ssd import l2norm
from detector.postprocess_fixed import CAPACITY, postprocess_fixed, suppress_by_rounds
from detector.preprocess_torch import DeviceInput, mix
from detector.spec import InputSpec, PostprocessSpec

Form = Callable[..., Any]
"""A kernel, or what does the same."""

Work = Callable[[], Any]
"""Queues work, as often as it is called."""

_POOLINGS = (None, Pooling(2, 2, 0, ceil=True), Pooling(3, 1, 1, ceil=False))
_PLAIN, _STRICT = PostprocessSpec(), PostprocessSpec(top_k=9, clip=True, max_log_size=4.1)


@dataclass(frozen=True, slots=True)
class Trial:
    """A kernel beside its plain form.

    Attributes:
        part: The field of ``Kernels``.
        ours: The kernel.
        plain: Does the same.
        small: (form) -> its answers on odd sizes and broken numbers, one by one.
        large: (form, frames) -> queues what that many frames of SSD300 need.
        off: How far the answers may be apart, relative and absolute.
    """

    part: str
    ours: Form
    plain: Form
    small: Callable[[Form], Iterator[Tensor]]
    large: Callable[[Form, int], Work]
    off: float


def trials(device: torch.device, dtype: torch.dtype) -> tuple[Trial, ...]:
    """Returns the trials of all kernels, for a network of ``dtype`` on ``device``."""
    made = _Cases(device, dtype)
    near = max(2 * torch.finfo(dtype).eps, 1e-5)
    return (
        Trial("mix", mix_by_kernel, mix, made.odd_frames, made.frames, max(near, 1e-3)),
        Trial("rectify", rectify_by_kernel, rectify, made.odd_maps, made.maps, near),
        Trial("normalise", l2norm_by_kernel, l2norm, made.odd_vectors, made.vectors, near),
        Trial("suppress", suppress_by_kernels, suppress_by_rounds, made.odd_boxes, made.boxes, 0.0),
        Trial("postprocess", postprocess_by_kernels, postprocess_fixed, made.odd_predictions, made.predictions, 1e-4),
    )


class _Cases:
    """Draws the same numbers each time, on the host.

    Args:
        device: Where they go.
        dtype: The network's.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self._device, self._dtype = device, dtype

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(self._device, self._dtype)

    def _maps(self, *shape: int) -> Tensor:
        """[B, H, W, C] drawn, as Float[B, C, H, W]; channels last in memory."""
        return self._normal(*shape).permute(0, 3, 1, 2)

    # -- frames -----------------------------------------------------------------------------------------------------

    def odd_frames(self, form: Form) -> Iterator[Tensor]:
        for size, target, channels in (((33, 50), (5, 13), 8), ((4, 7), (7, 9), 3), ((1, 1), (3, 2), 8)):
            yield self._resize(form, 2, size, target, channels)()

    def frames(self, form: Form, count: int) -> Work:
        return self._resize(form, count, (720, 1280), (300, 300), 8)

    def _resize(self, form: Form, count: int, size: tuple[int, int], target: tuple[int, int], channels: int) -> Work:
        taken = DeviceInput(InputSpec(*target, std=(1.0, 2.0, 0.5)), self._device, self._dtype, channels, form)
        plan = taken.plan(*size)
        shape, seed = (count, plan.uploaded_rows, size[1], 3), torch.Generator().manual_seed(0)
        frames = torch.randint(0, 256, shape, generator=seed, dtype=torch.uint8).to(self._device)
        return lambda: taken(frames, plan)

    # -- feature maps -----------------------------------------------------------------------------------------------

    def odd_maps(self, form: Form) -> Iterator[Tensor]:
        for shape in ((2, 7, 5, 3), (1, 1, 1, 70), (2, 4, 7, 64)):
            for pooling in _POOLINGS:
                maps = self._maps(*shape)
                maps[0, 0, 0, 0] = torch.nan
                yield form(maps, self._normal(shape[-1]), pooling)

    def maps(self, form: Form, count: int) -> Work:
        """The second block of VGG-16: a map rectified, another pooled as well."""
        maps, bias = self._maps(count, 150, 150, 128), self._normal(128)
        return lambda: (form(maps, bias, None), form(maps, bias, _POOLINGS[1]))

    def odd_vectors(self, form: Form) -> Iterator[Tensor]:
        for shape in ((2, 3, 1, 512), (1, 7, 2, 20)):
            maps = self._maps(*shape) * 30  # squares beyond float16
            maps[0, :, 0, 0] = 0
            maps[0, 0, 1, 0] = torch.nan
            yield form(maps, self._normal(shape[-1]))

    def vectors(self, form: Form, count: int) -> Work:
        maps, scale = self._maps(count, 38, 38, 512), self._normal(512)
        return lambda: form(maps, scale)

    # -- boxes ------------------------------------------------------------------------------------------------------

    def odd_boxes(self, form: Form) -> Iterator[Tensor]:
        for found in self._boxes(form, 2, 130)():
            yield found.float()

    def boxes(self, form: Form, count: int) -> Work:
        return self._boxes(form, count, CAPACITY)

    def _boxes(self, form: Form, count: int, most: int) -> Work:
        seed = torch.Generator().manual_seed(0)
        corners, sizes = (torch.randint(0, high, (count, most, 2), generator=seed) for high in (200, 60))
        boxes = torch.cat((corners, corners + sizes), dim=-1).float().to(self._device)
        classes = torch.randint(0, 3, (count, most), generator=seed).to(self._device)
        used = torch.tensor([[max(most // 5, 100 * (image % 2))] for image in range(count)])
        valid = (torch.arange(most) < used).to(self._device)
        limit = torch.tensor(0.45, device=self._device)
        return lambda: form(boxes, classes, valid, limit, 30)

    def odd_predictions(self, form: Form) -> Iterator[Tensor]:
        for boxes, classes, rule, background in ((30, 5, _PLAIN, 1.0), (33, 2, _STRICT, 0.0), (20, 7, _PLAIN, 90.0)):
            rows = self._predictions(form, 2, boxes, classes, rule, background)()
            yield rows[:, 0]
            # What pads the list, and what is cut off or overflowed, is nobody's business.
            yield rows[:, 1:] * (rows[:, 1:, 4:5] > 0)

    def predictions(self, form: Form, count: int) -> Work:
        return self._predictions(form, count, 8732, 81, _PLAIN, 13.0)

    def _predictions(
        self, form: Form, count: int, boxes: int, classes: int, rule: PostprocessSpec, background: float
    ) -> Work:
        joint = 2 * self._normal(count, boxes, 4 + classes + 3)  # as JointHeads lays them out
        joint[..., 4] += background
        joint[0, 0, 2] = joint[0, 1, 6] = torch.inf
        seed = torch.Generator().manual_seed(1)
        places = [torch.rand((boxes, 2), generator=seed) * share + 0.1 for share in (0.8, 0.3)]
        defaults = torch.cat(places, dim=-1).to(self._device)
        extent = torch.tensor([640.0, 360.0, 640.0, 360.0], device=self._device)
        limit, floor = (torch.tensor(each, device=self._device) for each in (0.45, 0.02))
        locs, logits = joint[..., :4], joint[..., 4 : 4 + classes]
        return lambda: form(locs, logits, defaults, rule, extent, limit, floor=floor)
