"""Frames with their boxes drawn, made on the thread that encodes them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from app.core.frames import FrameResult, ImageBGR
from app.core.overlay_array import ArrayPainter
from app.core.settings import OverlaySettings
from detector.detections import Detections


class DrawnFrames:
    """Paints frames as exports do.

    Args:
        look: How boxes look.
    """

    def __init__(self, look: OverlaySettings) -> None:
        self._look = look
        self._local = threading.local()  # a painter belongs to one thread

    def draw(
        self,
        result: FrameResult,
        shown: Detections,
        tracks: Sequence[int | None] = (),
        unseen_s: Sequence[float] = (),
    ) -> ImageBGR:
        """Returns UInt8[H, W, 3], a copy with the boxes.

        Args:
            result: The frame.
            shown: What is drawn on it.
            tracks: As of ``ArrayPainter.annotate``.
            unseen_s: Likewise.
        """
        if not hasattr(self._local, "painter"):
            self._local.painter = ArrayPainter()
        painter: ArrayPainter = self._local.painter
        image: ImageBGR = np.array(result.frame.image_bgr, order="C")
        painter.annotate(image, shown, result.labels, self._look, tracks, unseen_s)
        return image
