"""Small copies of images, for a list to choose from. Any thread; slow for large images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.core.frames import ImageBGRA
from app.core.sources.images import read_image


def read_thumbnail(path: Path, width: int, height: int) -> ImageBGRA:
    """Returns the image upright, as large as fits into ``width`` x ``height`` pixels; UInt8[h, w, 4], alpha 255.

    Raises:
        AppError: It cannot be read.
    """
    import cv2

    image = read_image(path)
    rows, columns = image.shape[:2]
    scale = min(width / columns, height / rows, 1.0)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2BGRA), np.uint8)
