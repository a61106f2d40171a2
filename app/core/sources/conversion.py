"""From a decoded frame to what a person sees: cropped, upright, on black, of one size, HDR in a screen's range.

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
from app.core.sources.alpha import on_black
from app.core.sources.crop import NO_CROP, Crop
from app.core.sources.fitting import fitted
from app.core.sources.orientation import Image, Orientation
from app.core.sources.side_data import side_data_of

_SMPTE170M = 5
_BOTTOM_FIRST = (3, 4)  # AV_FIELD_BB; AV_FIELD_TB: top coded first, bottom shown first
_INTERLACED = (2, 3, 4, 5)


class FrameConverter:
    """Converts the frames of one stream.

    Args:
        first: Its first frame, which decides for all.
        field_order: ``AVFieldOrder`` of the stream.
        crop: What is not shown of the stored frames.

    Attributes:
        size: (width, height) of all converted frames.
        crop: What is not shown of the stored frames.
        orientation: How they become upright.
        conversion: What is done to all frames.
    """

    def __init__(self, first: av.VideoFrame, field_order: int, crop: Crop = NO_CROP) -> None:
        self.crop = crop
        self.orientation = _orientation(first)
        self._tone_map = tone_map.ToneMap(first) if tone_map.can_map(first) else None
        interlaced = first.interlaced_frame or field_order in _INTERLACED
        height, width = crop.shown(first.height, first.width)
        self.size = self.orientation.size(width, height)
        self._notes: dict[str, bool] = {}  # and whether they were taken
        # Mirroring an even number of lines changes which half they belong to, and so does cropping an odd number.
        is_swapped = (self.orientation.mirror_y and height % 2 == 0) != bool(crop.top % 2)
        bottom = (field_order in _BOTTOM_FIRST) != is_swapped
        hdr = first.color_trc in tone_map.NAMES
        self.conversion = FrameConversion(
            turned=self.orientation.transposed,
            curve=tone_map.NAMES[first.color_trc] if self._tone_map is not None else "",
            hdr_left=hdr and self._tone_map is None,
            fields="" if not interlaced else "bottom" if bottom else "top",
        )

    def bgr(self, frame: av.VideoFrame) -> Image:
        """UInt8[H, W, 3], contiguous.

        Raises:
            av.FFmpegError: The frame is of a kind that cannot be converted.
        """
        if _has_alpha(frame.format.name):
            return np.ascontiguousarray(self.bgra(frame)[..., :3])
        return np.ascontiguousarray(self._shown(self._pixels(frame, "bgr24")))

    def bgra(self, frame: av.VideoFrame) -> Image:
        """UInt8[H, W, 4], alpha 255 throughout.

        Raises:
            av.FFmpegError: The frame is of a kind that cannot be converted.
        """
        image = self._pixels(frame, "bgra")
        if _has_alpha(frame.format.name) and bool((image[..., 3] < 255).any()):
            self._notes.setdefault("Transparent parts are shown on black.", False)
            image = _flat(image)
        return self._shown(image)

    def take_notes(self) -> list[str]:
        """Lines about what was done to some frames since the last call; each is given once."""
        notes = [note for note, is_taken in self._notes.items() if not is_taken]
        self._notes = dict.fromkeys(self._notes, True)
        return notes

    def _shown(self, image: Image) -> Image:
        upright = self.orientation.apply(image)
        image = fitted(upright, self.size)
        if image is not upright:
            note = f"The video changes its size; frames are scaled to {self.size[0]} x {self.size[1]}."
            self._notes.setdefault(note, False)
        return image

    def _pixels(self, frame: av.VideoFrame, layout: str) -> Image:
        image = _array(frame if self._tone_map is None else self._tone_map.apply(frame), layout)
        if self._tone_map is not None and layout == "bgra" and _has_alpha(frame.format.name):
            image[..., 3] = _array(frame, layout)[..., 3]  # the table of colours knows no alpha
        return self.crop.apply(image)


@functools.lru_cache(64)
def _has_alpha(name: str) -> bool:
    layout = av.VideoFormat(name)
    return layout.has_palette or any(part.is_alpha for part in layout.components)


def _array(frame: av.VideoFrame, layout: str) -> Image:
    try:
        return cast(Image, frame.to_ndarray(format=layout))  # 8-bit layouts only: UInt8[H, W, 3 or 4]
    except av.FFmpegError:  # a matrix that swscale does not know; the usual one is nearer than no frame
        return cast(Image, frame.to_ndarray(format=layout, src_colorspace=_SMPTE170M))


def _flat(image: Image) -> Image:
    flat = np.full_like(image, 255)
    flat[..., :3] = on_black(np.ascontiguousarray(image[..., :3]), np.ascontiguousarray(image[..., 3]))
    return flat


def _orientation(frame: av.VideoFrame) -> Orientation:
    matrix = side_data_of(frame, SideDataType.DISPLAYMATRIX)
    if len(matrix) < 36:
        return Orientation()
    return Orientation.from_display_matrix(np.frombuffer(matrix, "<i4"))
