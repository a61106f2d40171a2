"""Small pictures out of a video, each of a moment and perhaps of a part of the frame. Used by one thread."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from app.core.errors import AppError
from app.core.frames import ImageBGR, ImageBGRA
from app.core.sources.picture_crop import Box, picture_of
from app.core.sources.video import VideoReader


class VideoThumbnails:
    """Reads small pictures of one video.

    Args:
        path: The video.

    Raises:
        AppError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._reader = VideoReader(path)
        self._last: tuple[Fraction, ImageBGR] | None = None

    def read(self, pts_s: Fraction, box: Box | None, size: tuple[int, int]) -> ImageBGRA:
        """Returns a picture; UInt8[h, w, 4], alpha 255, no larger than asked for.

        Args:
            pts_s: The moment: the last frame not later is taken.
            box: x1, y1, x2, y2 in pixels, in the middle of the picture with a little around it; None for the whole.
            size: (width, height) of the picture, pixels.

        Raises:
            AppError: There is no frame.
        """
        import cv2

        if self._last is None or self._last[0] != pts_s:
            self._reader.seek(pts_s)
            frame = self._reader.read_frame()
            if frame is None:
                raise AppError(f"{self._reader.name} has no frame at {float(pts_s):.2f} s.")
            self._last = pts_s, frame.image_bgr
        small = picture_of(self._last[1], box, size)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2BGRA), np.uint8)

    def close(self) -> None:
        """Close the video; idempotent."""
        self._reader.close()
