"""Small pictures of a part of a frame. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.core.frames import ImageBGR, ImageBGRA

Box = tuple[float, float, float, float]

_MARGIN = 0.15  # around the box, of its larger side
_LEAST = 48.0  # pixels of the frame that a picture shows at least


def picture_of(image: ImageBGR | ImageBGRA, box: Box | None, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Returns a picture no larger than ``size``, of as many channels as the frame.

    Args:
        image: UInt8[H, W, 3 or 4], the frame.
        box: x1, y1, x2, y2 in pixels, in the middle of the picture with a little around it; None for the whole.
        size: (width, height) of the picture, pixels.
    """
    import cv2

    if box is not None:
        x1, y1, x2, y2 = window_around(box, (image.shape[1], image.shape[0]), size[0] / size[1])
        image = image[y1:y2, x1:x2]
    rows, columns = image.shape[:2]
    scale = min(size[0] / columns, size[1] / rows)
    wanted = max(1, round(columns * scale)), max(1, round(rows * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(image), wanted, interpolation=way), np.uint8)


def window_around(box: Box, frame: tuple[int, int], aspect: float) -> tuple[int, int, int, int]:
    """Returns the part of the frame to show for a box: x1, y1, x2, y2, whole pixels, within the frame, never empty.

    Args:
        box: x1, y1, x2, y2, pixels.
        frame: (width, height) of the frame, pixels.
        aspect: Width over height that is wanted; kept unless the frame is too small for it.
    """
    middle: npt.NDArray[np.float64] = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    sides = np.array([box[2] - box[0], box[3] - box[1]])
    width, height = np.maximum(sides + 2 * _MARGIN * sides.max(), _LEAST)
    wanted = np.array([max(width, height * aspect), max(height, width / aspect)])
    limits = np.array(frame, np.float64)
    wanted = np.minimum(wanted, limits)
    start = np.clip(middle - wanted / 2, 0, limits - wanted)
    x1, y1 = np.floor(start).astype(int).tolist()
    x2, y2 = np.maximum(np.ceil(start + wanted).astype(int), [x1 + 1, y1 + 1]).tolist()
    return x1, y1, min(x2, frame[0]), min(y2, frame[1])
