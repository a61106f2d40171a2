"""Frames of a video as the images of an annotated set: which are taken, what they are called, where they lie.

Owned by the writing thread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt

from app.core.errors import AppError
from app.core.records.frame_record import FrameRecord
from detector.errors import Remedy

_JPEG_QUALITY = 95
_MAX_STEM = 60


@dataclass(frozen=True, slots=True)
class FrameSampling:
    """The choice of frames of a video that become images of a set.

    Attributes:
        name: What the frames are named after: the video.
        every_s: Seconds between the frames taken, whose images are then saved, too; 0 takes every frame. None takes
            every frame as well, but saves no image.
        lead_s: When players show the first frame; subtitles count from where players begin.
    """

    name: str
    every_s: Fraction | None = None
    lead_s: Fraction = Fraction(0)

    @property
    def saves_images(self) -> bool:
        """Returns whether the set holds the images themselves."""
        return self.every_s is not None


class FrameSampler:
    """Takes the first frame at or after each full interval.

    Args:
        plan: Which frames.
    """

    def __init__(self, plan: FrameSampling) -> None:
        self._plan = plan
        # Without spaces, which end a name in VOC's lists.
        self._stem = re.sub(r"[^\w.()+-]+", "_", plan.name).lstrip("-.")[:_MAX_STEM] or "frame"
        self._due_s = Fraction(0)

    def takes(self, record: FrameRecord) -> bool:
        """Returns whether the frame belongs to the set; to be asked once for each, in order."""
        every_s = self._plan.every_s
        if not every_s:
            return True
        if record.pts_s < self._due_s:
            return False
        self._due_s = (record.pts_s // every_s + 1) * every_s
        return True

    def stem(self, record: FrameRecord) -> str:
        """NAME_000123, numbered from 0 like everywhere in our files."""
        return f"{self._stem}_{record.index:06d}"

    def jpeg(self, record: FrameRecord) -> bytes | None:
        """The frame as JPEG; None where images are not saved.

        Raises:
            AppError: JPEG cannot hold it.
        """
        if not self._plan.saves_images:
            return None
        assert record.image_bgr is not None  # whoever asks for images hands them over
        try:
            done, data = cv2.imencode(".jpg", record.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        except cv2.error:
            done = False
        if not done:
            raise AppError(
                f"Frame {record.index} cannot be saved as JPEG.", "Leave the images out.", Remedy("frames", omit=True)
            )
        return data.tobytes()


def clipped(record: FrameRecord) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Boxes cut at the image's edges, for formats that know none beyond; those wholly outside are left out.

    Returns:
        Float64[K, 4] xyxy, pixels, and Int[K]: which of the detections they are.
    """
    edges = np.array([*record.size, *record.size], np.float64)
    boxes = record.detections.boxes_xyxy.astype(np.float64).clip(0.0, edges)
    inside = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
    return boxes[inside], inside
