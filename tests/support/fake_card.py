"""A graphics card that is none: FFmpeg's own decoder, and tensors in the processor's memory, laid out as NVDEC's."""

from __future__ import annotations

from collections.abc import Collection

import av
import torch
from av.codec.hwaccel import HWAccel
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from app.core.sources.card import Card, CardLostError
from app.core.sources.conversion import FrameConverter


class FakeCard(Card):
    """Takes frames of 4:2:0, of 8 or 10 bits.

    Args:
        refused: Numbers of frames that are not handed over, counted from 0 for each card.
        elsewhere: ... that FFmpeg decoded into the processor's memory.
        lost: ... with which the card fails.
    """

    def __init__(
        self, refused: Collection[int] = (), elsewhere: Collection[int] = (), lost: Collection[int] = ()
    ) -> None:
        super().__init__(torch.device("cpu"))
        self._refused, self._elsewhere, self._lost = refused, elsewhere, lost
        self.count = -1

    def accelerator(self) -> HWAccel | None:
        return None

    def holds(self, frame: av.VideoFrame) -> bool:
        self.count += 1
        return self.count not in self._elsewhere

    def pixels(self, frame: av.VideoFrame, converter: FrameConverter) -> Tensor:
        if self.count in self._lost:
            raise CardLostError("the card fell off")
        return super().pixels(frame, converter)

    def planes(self, frame: av.VideoFrame) -> tuple[Tensor, Tensor]:
        if self.count in self._refused:
            raise NotImplementedError("unsupported sw_format for DLPack export")
        luma, cb, cr = (from_dlpack(plane.__dlpack__()) for plane in frame.planes)
        if luma.dtype != torch.uint8:  # P010 has its ten bits at the upper end
            luma, cb, cr = ((each.view(torch.int16) << 6).view(torch.uint16) for each in (luma, cb, cr))
        return luma, torch.stack((cb, cr), dim=-1)
