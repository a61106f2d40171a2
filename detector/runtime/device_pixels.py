"""Pixels of frames on a device: decoded planes to blue, green and red, and small grey copies. Queues work only.

The twin of what FFmpeg's swscale and OpenCV do on the host: 8-bit frames come out byte for byte as swscale's on a PC,
deeper ones within a level or so, grey copies within one level. On any thread, on the stream that is current there.

Sources: ITU-T H.273, 8.3 (ranges and matrices); swscale's ``yuv2rgb``, whose fixed-point steps are repeated. Chroma is
shared by the pixels of a pair: of 8 bits by two lines as well, of more it is blended from where it lies in most films.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

_SHARES = {1: (0.2126, 0.0722), 2: (0.299, 0.114), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Of red and blue in the luma, by H.273's matrix coefficients; 2 is "unspecified", for which swscale takes BT.601."""

_ONE = 1 << 13  # of swscale's factors
_GREY = (3735, 19235, 9798)  # of blue, green and red, of OpenCV's 2 ** 15


@dataclass(frozen=True, slots=True)
class PlaneColours:
    """How the colours of decoded planes are meant.

    Attributes:
        matrix: Of H.273.
        full: Luma goes from 0 to 255, rather than from 16 to 235.
    """

    matrix: int
    full: bool

    @property
    def is_known(self) -> bool:
        """Returns whether ``bgr_of`` has this matrix."""
        return self.matrix in _SHARES

    def factors(self) -> tuple[float, float, float, float, float]:
        """Luma's, then that of red by Cr, of green by Cb and by Cr, of blue by Cb."""
        red, blue = _SHARES[self.matrix]
        green = 1 - red - blue
        luma, chroma = (1.0, 1.0) if self.full else (255 / 219, 255 / 224)
        by_red, by_blue = 2 * (1 - red) * chroma, 2 * (1 - blue) * chroma
        return luma, by_red, -by_blue * blue / green, -by_red * red / green, by_blue


def bgr_of(luma: Tensor, chroma: Tensor, colours: PlaneColours) -> Tensor:
    """Converts the two planes of NV12, or of P010 and P016.

    Args:
        luma: UInt8 or UInt16[H, W].
        chroma: Of the same kind, [H / 2, W / 2, 2], Cb and Cr.
        colours: How they are meant; its matrix must be known.

    Returns:
        UInt8[H, W, 3], contiguous.

    Raises:
        ValueError: The planes do not belong together.
    """
    if luma.dtype != chroma.dtype or (*(2 * side for side in chroma.shape[:2]), 2) != (*luma.shape, chroma.shape[2]):
        raise ValueError(f"planes of {list(luma.shape)} and {list(chroma.shape)}")
    parts = _of_bytes if luma.dtype == torch.uint8 else _of_words
    grey, blue, green, red = parts(luma, chroma, colours)
    channels = [(grey + _in_pairs(each, len(luma))).clamp_(0, 255) for each in (blue, green, red)]
    return torch.stack(channels, dim=-1).to(torch.uint8)


def _of_bytes(luma: Tensor, chroma: Tensor, colours: PlaneColours) -> tuple[Tensor, ...]:
    """Int32 parts of luma, [H, W], and of chroma in blue, green and red, [H / 2, W / 2] each."""
    grey, red, green_by_blue, green_by_red, blue = (round(each * _ONE) for each in colours.factors())
    cb, cr = (8 * (chroma[..., each].to(torch.int32) - 128) for each in (0, 1))
    light = 8 * (luma.to(torch.int32) - (0 if colours.full else 16))
    return (
        (light * grey) >> 16,
        (cb * blue) >> 16,
        ((cb * green_by_blue) >> 16) + ((cr * green_by_red) >> 16),
        (cr * red) >> 16,
    )


def _of_words(luma: Tensor, chroma: Tensor, colours: PlaneColours) -> tuple[Tensor, ...]:
    """Does for 16 bits what ``_of_bytes`` does, in Float32 whose fractions are cut off at last; chroma [H, W / 2]."""
    grey, red, green_by_blue, green_by_red, blue = colours.factors()
    light, colour = ((each.view(torch.int16).to(torch.int32) & 0xFFFF) / 256 for each in (luma, chroma))
    right = torch.cat((colour[:, 1:], colour[:, -1:]), dim=1)
    colour = torch.lerp(colour, right, 0.25) - 128  # it was taken at the left pixel of a pair
    above = torch.cat((colour[:1], colour[:-1]))
    lines = torch.stack(((above + colour) / 2, colour), dim=1).flatten(0, 1)
    cb, cr = lines[..., 0], lines[..., 1]
    light = (light - (0 if colours.full else 16)) * grey
    return light, cb * blue, cb * green_by_blue + cr * green_by_red, cr * red


def _in_pairs(part: Tensor, height: int) -> Tensor:
    """A part of chroma for every pixel, [H, W]."""
    part = part if len(part) == height else part.repeat_interleave(2, dim=0)
    return part.repeat_interleave(2, dim=1)


def grey_of(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Makes a frame grey and smaller: each pixel is the mean of all that it covers, as OpenCV's INTER_AREA has it.

    Args:
        pixels: UInt8[H, W, 3], blue green red; may be a view of every other line.
        size: (width, height), neither larger than the frame's.

    Returns:
        UInt8[height, width].
    """
    blue, green, red = (pixels[..., each].to(torch.int32) for each in range(3))
    grey = (blue * _GREY[0] + green * _GREY[1] + red * _GREY[2] + (1 << 14)) >> 15
    down, across = (_shares(grey.shape[axis], size[1 - axis], pixels.device) for axis in (0, 1))
    small = down @ grey.float() @ across.T
    return small.round_().clamp_(0, 255).to(torch.uint8)


@lru_cache(maxsize=16)
def _shares(source: int, target: int, device: torch.device) -> Tensor:
    """Float32[target, source]: how much of each line lies in each of ``target`` equal parts, 1 in all of each."""
    edges = np.arange(target + 1) * (source / target)
    low, high = edges[:-1, None], edges[1:, None]
    line = np.arange(source)
    inside = np.clip(np.minimum(high, line + 1) - np.maximum(low, line), 0, None)
    return torch.from_numpy((inside * (target / source)).astype(np.float32)).to(device)


def turned(pixels: Tensor, transposed: bool, mirrored: Sequence[bool]) -> Tensor:
    """Turns UInt8[H, W, C]: exchanges x and y first, then mirrors x and y, where asked; contiguous."""
    pixels = pixels.transpose(0, 1) if transposed else pixels
    axes = [axis for axis, is_wanted in zip((1, 0), mirrored, strict=True) if is_wanted]
    return (pixels.flip(axes) if axes else pixels).contiguous()
