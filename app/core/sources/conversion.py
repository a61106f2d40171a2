"""From a decoded frame to the picture a person sees: upright, without alpha, HDR brought down to a screen's range.

Live view and export use the same, so the detector and the painter see what the window shows. One thread owns it.
"""

from __future__ import annotations

import functools
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from app.core.frames import FrameConversion
from app.core.sources import tone_map
from app.core.sources.orientation import Image, Orientation

_SMPTE170M = 5
_BOTTOM_FIRST = (3, 4)  # AV_FIELD_BB; AV_FIELD_TB: top coded first, bottom shown first
_INTERLACED = (2, 3, 4, 5)


class FrameConverter:
    """Makes pictures of one stream's frames.

    Args:
        first: Its first frame, which decides for all.
        field_order: ``AVFieldOrder`` of the stream.
    """

    def __init__(self, first: av.VideoFrame, field_order: int) -> None:
        self._orientation = _orientation(first)
        self._tone_map = tone_map.ToneMap(first) if tone_map.can_map(first) else None
        interlaced = first.interlaced_frame or field_order in _INTERLACED
        bottom = (field_order in _BOTTOM_FIRST) != (self._orientation.mirror_y and first.height % 2 == 0)
        hdr = first.color_trc in tone_map.NAMES
        self.conversion = FrameConversion(
            turned=self._orientation.transposed,
            curve=tone_map.NAMES[first.color_trc] if self._tone_map is not None else "",
            hdr_left=hdr and self._tone_map is None,
            flattened=self._is_transparent(first),
            fields="" if not interlaced else "bottom" if bottom else "top",
        )

    def _is_transparent(self, frame: av.VideoFrame) -> bool:
        if not _has_alpha(frame.format.name):
            return False
        try:
            return bool((self._pixels(frame, "bgra")[..., 3] < 255).any())
        except (av.FFmpegError, ValueError):  # a damaged first picture; it is skipped when its turn comes
            return False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        return self._orientation.size(width, height)

    def bgr(self, frame: av.VideoFrame) -> Image:
        """UInt8[H, W, 3], contiguous.

        Raises:
            av.FFmpegError: The frame is of a kind that cannot be converted.
        """
        if _has_alpha(frame.format.name):
            return np.ascontiguousarray(self.bgra(frame)[..., :3])
        return np.ascontiguousarray(self._orientation.apply(self._pixels(frame, "bgr24")))

    def bgra(self, frame: av.VideoFrame) -> Image:
        """UInt8[H, W, 4], alpha 255 throughout.

        Raises:
            av.FFmpegError: The frame is of a kind that cannot be converted.
        """
        image = self._pixels(frame, "bgra")
        if _has_alpha(frame.format.name):
            image = _on_black(image)
        return self._orientation.apply(image)

    def _pixels(self, frame: av.VideoFrame, layout: str) -> Image:
        if self._tone_map is not None:
            frame = self._tone_map.apply(frame)
        try:
            return cast(Image, frame.to_ndarray(format=layout))  # 8-bit layouts only: UInt8[H, W, 3 or 4]
        except av.FFmpegError:  # a matrix that swscale does not know; the usual one is nearer than no picture
            return cast(Image, frame.to_ndarray(format=layout, src_colorspace=_SMPTE170M))


@functools.lru_cache(64)
def _has_alpha(name: str) -> bool:
    picture = av.VideoFormat(name)
    return picture.has_palette or any(part.is_alpha for part in picture.components)


def _on_black(image: Image) -> Image:
    import cv2

    alpha = image[..., 3]
    if bool((alpha == 255).all()):
        return image
    flat = np.empty_like(image)
    flat[..., :3] = cv2.multiply(image[..., :3], cv2.merge([alpha, alpha, alpha]), scale=1 / 255)
    flat[..., 3] = 255
    return flat


def _orientation(frame: av.VideoFrame) -> Orientation:
    matrix = frame.side_data.get(SideDataType.DISPLAYMATRIX)  # type: ignore[call-overload] # the stubs say str
    if matrix is None or len(bytes(matrix)) < 36:
        return Orientation()
    return Orientation.from_display_matrix(np.frombuffer(bytes(matrix), "<i4"))
