"""Images and frames of one size where a source changes it midway, so that all boxes are in the same pixels. Pure."""

from __future__ import annotations

from typing import cast

from app.core.sources.alpha import Plane


def fitted(image: Plane, size: tuple[int, int]) -> Plane:
    """The image, UInt8[H, W, C], scaled to (width, height); itself where it is so already."""
    import cv2

    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    method = cv2.INTER_AREA if size[0] < width else cv2.INTER_CUBIC
    return cast(Plane, cv2.resize(image, size, interpolation=method))
