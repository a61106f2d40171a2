"""Takes the bytes of frames to the device. On the engine's thread.

``PinnedUploads`` (NVIDIA) goes through page-locked memory and a stream of its own: while the device works on one batch
the next is on its way. Two buffers take turns. A frame goes in pieces, each sent while the next is being copied.
``PlainUploads`` (anything else) copies, and that is all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from detector.preprocess import check_frame
from detector.preprocess_torch import ResizePlan, gathered
from detector.runtime.base import AnyFrame, DeviceFrame, ImageBGR, on_host
from detector.runtime.cuda_support import new_stream
from detector.runtime.host_copies import HostCopies, pieces

_PIECE = 1 << 18  # bytes copied to page-locked memory before their upload starts
_PIECES = 8  # of an upload at most: each costs the host some microseconds


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

    def close(self) -> None:
        """End what it runs; not to be used afterwards."""
        ...


def taken_from(frame: AnyFrame, device: torch.device) -> AnyFrame:
    """Returns a frame that lies on ``device`` or on the host, where one on another device is brought to first.

    Raises:
        ValueError: It is no frame.
    """
    if isinstance(frame, DeviceFrame) and frame.pixels.device == device:
        return frame
    image = on_host(frame)
    check_frame(image)
    return image


def use_frames(
    frames: Sequence[AnyFrame], plan: ResizePlan, work: Callable[[Tensor], Tensor], uploads: Uploads
) -> Tensor:
    """Does what ``Uploads.use`` does, for frames that all lie on the device or all on the host."""
    there = [frame.pixels for frame in frames if isinstance(frame, DeviceFrame)]
    if there:
        return work(gathered(there, plan))
    return uploads.use([on_host(frame) for frame in frames], plan, work)


class PlainUploads:
    """See ``Uploads``."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def use(self, frames: Sequence[ImageBGR], plan: ResizePlan, work: Callable[[Tensor], Tensor]) -> Tensor:
        """See ``Uploads``."""
        batch = torch.empty((len(frames), plan.uploaded_rows, plan.width, 3), dtype=torch.uint8)
        for target, frame in zip(batch.numpy(), frames, strict=True):
            for piece in pieces(frame, plan, target, target.size):
                piece()
        return work(batch.to(self._device))

    def close(self) -> None:
        """See ``Uploads``: nothing runs."""


class PinnedUploads:
    """See ``Uploads``.

    Args:
        device: An NVIDIA GPU.
        stream: Where the work runs.

    Attributes:
        most_pieces: Of an upload.
    """

    def __init__(self, device: torch.device, stream: torch.cuda.Stream) -> None:
        self.most_pieces = _PIECES
        self._stream = stream
        self._copies = new_stream(device)
        self._host = HostCopies()
        self._slots = [_Slot(device), _Slot(device)]
        self._turn = 0

    def use(self, frames: Sequence[ImageBGR], plan: ResizePlan, work: Callable[[Tensor], Tensor]) -> Tensor:
        """See ``Uploads``; returns as soon as everything is queued."""
        slot = self._slots[self._turn]
        self._turn = 1 - self._turn
        slot.wait_uploaded()
        host, there = slot.views((len(frames), plan.uploaded_rows, plan.width, 3), self._copies, self._stream)
        self._copies.wait_event(slot.read)
        size = max(_PIECE, host.numel() // self.most_pieces)
        steps = [
            piece
            for target, frame in zip(host.numpy(), frames, strict=True)
            for piece in pieces(frame, plan, target, size)
        ]
        flat_host, flat_there, begun = host.view(-1), there.view(-1), 0
        with torch.cuda.stream(self._copies):
            for count in self._host.done(steps):
                end = begun + count
                flat_there[begun:end].copy_(flat_host[begun:end], non_blocking=True)
                begun = end
        slot.uploaded.record(self._copies)
        self._stream.wait_event(slot.uploaded)
        result = work(there)
        slot.read.record(self._stream)
        return result

    def close(self) -> None:
        """See ``Uploads``."""
        self._host.close()


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
        """Waits for the upload before last, which is over as a rule: asking costs less than waiting."""
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
