"""Videos decoded by an NVIDIA card, whose frames stay on it as torch's tensors. Used by ``ssdv-export-read``.

What PyAV 18 and the FFmpeg in its wheel do, by their sources:

* With ``is_hw_owned`` decoded frames stay where they are. FFmpeg copies each from the decoder's surface to memory of
  its own, on the default stream (``nvdec_retrieve_data``): so frames may be held, but are written some time later.
* FFmpeg's device takes the context that is current on the thread that opens the file, told by ``current_ctx``. By
  PyAV's own choice, ``primary_ctx``, it refuses where torch was first ("incompatible flags").
* ``VideoPlane.__dlpack__`` knows no stream, and refuses one, which ``torch.from_dlpack`` would hand it for a plane.
* FFmpeg goes over to the processor where it opens a decoder, also in mid-file when the format changes: then frames are
  ordinary ones. What the card cannot decode later on is an error, as damage is.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.codec.hwaccel import HWAccel

from app.core.frames import DecodedFrame, ImageBGR
from app.core.sources.conversion import FrameConverter
from app.core.sources.orientation import Image
from app.core.sources.video import VideoReader
from detector.runtime.base import DeviceFrame

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_NOT_HANDED_OVER = (NotImplementedError, TypeError, ValueError, BufferError, RuntimeError)


class CardLostError(Exception):
    """A frame on the card can neither be used there nor be fetched."""


class Card:
    """A device of torch's that decodes.

    Args:
        device: An NVIDIA card.

    Raises:
        RuntimeError: It cannot be used.
    """

    def __init__(self, device: torch.device) -> None:
        from detector.runtime.cuda_support import new_stream

        self._device = device
        self._stream = new_stream(device) if device.type == "cuda" else None

    def accelerator(self) -> HWAccel | None:
        """Returns what opens a file for this card, and makes torch's context current on the calling thread."""
        import torch

        torch.cuda.set_device(self._device)
        torch.cuda.synchronize(self._device)  # torch makes a context current only when it needs one
        context: dict[str, object] = {"primary_ctx": "0", "current_ctx": "1"}
        return HWAccel("cuda", str(self._device.index or 0), options=context, is_hw_owned=True)

    def holds(self, frame: av.VideoFrame) -> bool:
        """Returns whether a decoded frame lies on the card."""
        return frame.format.name == "cuda"

    def planes(self, frame: av.VideoFrame) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns luma and chroma of a frame on the card, as ``bgr_of`` takes them; valid while the frame is held.

        Raises:
            NotImplementedError, ValueError: They are of another kind.
        """
        from torch.utils.dlpack import from_dlpack

        luma, chroma = (from_dlpack(plane.__dlpack__()) for plane in frame.planes)
        return luma, chroma

    def pixels(self, frame: av.VideoFrame, converter: FrameConverter) -> torch.Tensor:
        """Returns what ``converter.bgr`` would, on the card, UInt8[H, W, 3]; all written, so that any stream may read.

        Raises:
            NotImplementedError, TypeError, ValueError, BufferError, RuntimeError: It cannot be done there.
        """
        from detector.runtime.device_pixels import PlaneColours, bgr_of, turned

        colours = PlaneColours(int(frame.colorspace), frame.color_range == _FULL_RANGE)
        if not colours.is_known or converter.conversion.curve or frame.width % 2 or frame.height % 2:
            raise NotImplementedError(f"{frame} in {colours}, {converter.conversion}")
        height, width = converter.crop.shown(frame.height, frame.width)
        is_whole = (height, width) == (frame.height, frame.width)
        top, left = (0, 0) if is_whole else (converter.crop.top, converter.crop.left)
        way = converter.orientation
        if way.size(width, height) != converter.size:
            raise NotImplementedError(f"{frame} among frames of {converter.size}")
        with self._on_stream():
            whole = bgr_of(*self.planes(frame), colours)
            shown = whole[top : top + height, left : left + width]
            return turned(shown, way.transposed, (way.mirror_x, way.mirror_y))

    @contextlib.contextmanager
    def _on_stream(self) -> Iterator[None]:
        """Behind what FFmpeg has queued, and until it is done: then FFmpeg may write over the planes."""
        import torch

        with torch.inference_mode():
            if self._stream is None:
                yield
                return
            with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
                self._stream.wait_stream(torch.cuda.default_stream(self._device))
                try:
                    yield
                finally:
                    self._stream.synchronize()


class CardReader(VideoReader):
    """Reads a video whose frames stay on a card; one that cannot is brought to the host, at its place.

    ``broken_packets`` counts what the card could not decode, whether the processor can or not.

    Args:
        path: A file.
        card: Decodes.
        again: (index, seconds) -> that frame, read once more; for when the card fails after it gave one.

    Raises:
        AppError: As for ``VideoReader``, or the card refuses the file.
        RuntimeError: The card fails.
    """

    def __init__(self, path: Path, card: Card, again: Callable[[int, Fraction], ImageBGR]) -> None:
        self._card, self._again, self._is_refused = card, again, False
        super().__init__(path, accelerator=card.accelerator())

    def read_frame(self) -> DecodedFrame | None:
        """Returns the next frame; None at the end.

        Raises:
            CardLostError: The card fails.
        """
        made = self._convert_next(self._made)
        if made is None:
            return None
        image, index, pts_s = made
        if isinstance(image, np.ndarray):
            return DecodedFrame(image, index, pts_s, self.conversion)
        fetch = partial(_fetched, image, partial(self._again, index, pts_s))
        return DecodedFrame(DeviceFrame(image, fetch), index, pts_s, self.conversion)

    def _made(self, frame: av.VideoFrame) -> Image | torch.Tensor:
        if not self._card.holds(frame):
            return self._converter.bgr(frame)
        try:
            return self._card.pixels(frame, self._converter)
        except _NOT_HANDED_OVER as error:
            if not self._is_refused:  # one of many, as a rule
                log.info("%s: %s", self.name, error)
            self._is_refused = True
        try:
            return self._converter.bgr(frame)
        except (av.FFmpegError, ValueError) as error:
            raise CardLostError(f"{frame}: {error}") from error


def _fetched(pixels: torch.Tensor, again: Callable[[], ImageBGR]) -> ImageBGR:
    try:
        there: ImageBGR = pixels.cpu().numpy()
    except RuntimeError as error:
        log.info("%s", error)
        return again()
    return there
