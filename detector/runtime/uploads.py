"""Takes the bytes of frames to the device. On the engine's thread.

``PinnedUploads`` (NVIDIA) goes through page-locked memory and a stream of its own: while the device works on one batch
the next is on its way. Two buffers take turns. ``PlainUploads`` (anything else) copies, and that is all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from detector.preprocess_torch import ResizePlan
from detector.runtime.base import ImageBGR
from detector.runtime.cuda_support import new_stream

_PIECE = 1 << 20  # bytes copied to page-locked memory before their upload starts: the two overlap


class Uploads(Protocol):
    """Frames in, a tensor on the device out."""

    def use(self, frames: Sequence[ImageBGR], plan: ResizePlan, work: Callable[[Tensor], Tensor]) -> Tensor:
        """Upload, and queue ``work`` on UInt8[B, plan.uploaded_rows, w, 3]; its result.

        Args:
            frames: Of the size that ``plan`` is for.
            plan: Says which rows.
            work: Queues what reads the tensor, which is overwritten later.
        """
        ...


class PlainUploads:
    """See ``Uploads``."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def use(self, frames: Sequence[ImageBGR], plan: ResizePlan, work: Callable[[Tensor], Tensor]) -> Tensor:
        """See ``Uploads``."""
        batch = torch.empty((len(frames), plan.uploaded_rows, plan.width, 3), dtype=torch.uint8)
        for target, frame in zip(batch, frames, strict=True):
            for piece in pieces(frame, plan, target):
                piece()
        return work(batch.to(self._device))


class PinnedUploads:
    """See ``Uploads``.

    Args:
        device: An NVIDIA GPU.
        stream: Where the work runs.
    """

    def __init__(self, device: torch.device, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._copies = new_stream(device)
        self._slots = [_Slot(device), _Slot(device)]
        self._turn = 0

    def use(self, frames: Sequence[ImageBGR], plan: ResizePlan, work: Callable[[Tensor], Tensor]) -> Tensor:
        """See ``Uploads``; returns as soon as everything is queued."""
        slot = self._slots[self._turn]
        self._turn = 1 - self._turn
        slot.wait_uploaded()
        host, there = slot.views((len(frames), plan.uploaded_rows, plan.width, 3), self._copies, self._stream)
        self._copies.wait_event(slot.read)
        flat_host, flat_there, done, begun = host.view(-1), there.view(-1), 0, 0
        for target, frame in zip(host, frames, strict=True):
            for piece in pieces(frame, plan, target):
                done += piece()
                if done - begun >= _PIECE:
                    self._send(flat_there, flat_host, begun, done)
                    begun = done
        self._send(flat_there, flat_host, begun, done)
        slot.uploaded.record(self._copies)
        self._stream.wait_event(slot.uploaded)
        result = work(there)
        slot.read.record(self._stream)
        return result

    def _send(self, there: Tensor, host: Tensor, begun: int, done: int) -> None:
        if done > begun:
            with torch.cuda.stream(self._copies):
                there[begun:done].copy_(host[begun:done], non_blocking=True)


class _Slot:
    """A page-locked buffer, its twin on the device, and how far they are.

    Attributes:
        uploaded: The host's buffer may be written again.
        read: The device's buffer may be written again.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._host: Tensor | None = None
        self._there: Tensor | None = None
        event: Any = torch.cuda.Event  # written without types
        self.uploaded, self.read = event(), event()

    def wait_uploaded(self) -> None:
        """For the upload before last, which is over as a rule: asking costs less than waiting."""
        if not self.uploaded.query():
            self.uploaded.synchronize()

    def views(
        self, shape: tuple[int, ...], copies: torch.cuda.Stream, stream: torch.cuda.Stream
    ) -> tuple[Tensor, Tensor]:
        """Both buffers in ``shape``; made anew where they are too small."""
        size = int(np.prod(shape))
        if self._host is None or self._there is None or len(self._host) < size:
            self.read.synchronize()
            self._host = self._there = None
            self._host = torch.empty(size, dtype=torch.uint8, pin_memory=True)
            self._there = torch.empty(size, dtype=torch.uint8, device=self._device)
            copies.wait_stream(stream)  # whose memory it was until now
        return self._host[:size].view(shape), self._there[:size].view(shape)


def pieces(frame: ImageBGR, plan: ResizePlan, target: Tensor) -> list[Callable[[], int]]:
    """Steps that copy what ``plan`` wants of ``frame`` to ``target``, in order; each gives the bytes it wrote.

    Args:
        frame: UInt8[h, w, 3], may be read-only.
        plan: For its size.
        target: UInt8[plan.uploaded_rows, w, 3] on the host.
    """
    if frame.shape != (plan.height, plan.width, 3):
        raise ValueError(f"a frame of {list(frame.shape)} in a plan for {plan.height}x{plan.width}")
    source = _shared(np.ascontiguousarray(frame))
    row_bytes = plan.width * 3
    step = max(1, _PIECE // row_bytes)

    def copy(low: int, high: int) -> int:
        # By torch, whose copies are done by several threads.
        if plan.upload is None:
            target[low:high].copy_(source[low:high])
        else:
            torch.index_select(source, 0, plan.upload[low:high], out=target[low:high])
        return (high - low) * row_bytes

    count = plan.uploaded_rows
    return [partial(copy, low, min(low + step, count)) for low in range(0, count, step)]


class _Writable:
    """Memory of an array, called writable: torch warns of what is not, and here only reads."""

    def __init__(self, array: ImageBGR) -> None:
        self.array = array  # keeps the memory
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


def _shared(frame: ImageBGR) -> Tensor:
    """``frame`` as a tensor of the same memory."""
    return torch.from_numpy(np.asarray(_Writable(frame)))
