"""An image of the user's with what a model file finds in it, once for each way to understand the file. Any thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.core.frames import ImageBGR, ImageBGRA
from app.core.settings import OverlaySettings
from detector.detections import Detections

if TYPE_CHECKING:
    from detector.importers.alternatives import Alternative
    from detector.importers.base import Overrides

_SIDE = 480  # pixels of the longer side
_LOOK = OverlaySettings(line_width=3.0, label_size=20.0, show_scores=False)
"""To be read on a picture that is shown at half its size."""


@dataclass(frozen=True, slots=True, eq=False)
class WayPicture:
    """One way to understand a file.

    Attributes:
        way: Which, and how sharp its answers are.
        picture: The image with its objects, small.
    """

    way: Alternative
    picture: ImageBGRA


def way_pictures(path: Path, overrides: Overrides, image: ImageBGR) -> Iterator[WayPicture]:
    """Makes the pictures, one after the other: first as the file is understood, then every other way.

    Args:
        path: A model's file.
        overrides: What the user says of it.
        image: UInt8[H, W, 3] BGR.

    Raises:
        DetectorError: The file cannot be used.
    """
    import cv2

    from app.core.overlay_array import ArrayPainter
    from detector.importers.alternatives import SHOWN, looks

    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    painter = ArrayPainter()
    for look in looks(path, overrides, image):
        canvas = np.array(small, np.uint8)
        painter.annotate(canvas, _shown(look.found, SHOWN, scale), look.spec.labels, _LOOK)
        yield WayPicture(look.way, np.asarray(cv2.cvtColor(canvas, cv2.COLOR_BGR2BGRA), np.uint8))


def _shown(found: Detections, threshold: float, scale: float) -> Detections:
    """The objects, in pixels of the small image."""
    objects = found.above(threshold)
    return Detections(objects.boxes_xyxy * np.float32(scale), objects.scores, objects.class_ids)
