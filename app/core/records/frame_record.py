"""A frame as data files hold it, and detections as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from detector.detections import Detections


@dataclass(frozen=True, slots=True, eq=False)
class FrameRecord:
    """One frame of a video as data.

    Attributes:
        index: Running number, from 0.
        pts_s: Presentation time, seconds from the start.
        detections: Objects found, best first.
        labels: Class names.
        tracks: A track number (or None) for each detection; empty when nothing was tracked.
        size: (width, height) of the image, pixels.
        followed: Motion brought the boxes; the network did not see this frame.
        image_bgr: UInt8[H, W, 3], the clean image, valid only while the record is written; None where nobody has it.
    """

    index: int
    pts_s: Fraction
    detections: Detections
    labels: Sequence[str]
    tracks: tuple[int | None, ...] = ()
    size: tuple[int, int] = (0, 0)
    image_bgr: npt.NDArray[np.uint8] | None = None
    followed: bool = False

    @property
    def track_of_each(self) -> tuple[int | None, ...]:
        """One for each detection, also when nothing was tracked."""
        return self.tracks or (None,) * len(self.detections)


class RecordWriter(Protocol):
    """A data file being written, one frame after the other; under its name only once finished."""

    def write(self, record: FrameRecord) -> None:
        """Append a frame.

        Raises:
            AppError: The disk is full, the folder is gone.
        """
        ...

    def complete(self) -> None:
        """Write what is left and bring it safely to the disk; only its name is missing then.

        Raises:
            AppError: It cannot be completed.
        """
        ...

    def finish(self) -> None:
        """Give the file, which is complete, its name.

        Raises:
            AppError: It cannot be completed.
        """
        ...

    def discard(self) -> None:
        """Leave nothing behind, unless finished; may be called twice."""
        ...


def plain(value: np.float32 | float) -> float:
    """The shortest decimal that reads back as the same float32: 0.87, not 0.8700000047683716."""
    return float(str(np.float32(value)))


def label_of(labels: Sequence[str], class_id: int) -> str:
    """The class name; an id without one is named by its number."""
    return labels[class_id] if 0 <= class_id < len(labels) else str(class_id)


def as_dicts(detections: Detections, labels: Sequence[str]) -> list[dict[str, Any]]:
    """``[{"label", "class_id", "score", "box": [x1, y1, x2, y2]}]``, best first, boxes in pixels, unrounded."""
    return [
        {
            "label": label_of(labels, int(class_id)),
            "class_id": int(class_id),
            "score": plain(score),
            "box": [plain(edge) for edge in box],
        }
        for box, score, class_id in zip(detections.boxes_xyxy, detections.scores, detections.class_ids, strict=True)
    ]
