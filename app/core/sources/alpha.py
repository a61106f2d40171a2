"""Transparent images and frames on black, so that colours nobody sees do not reach the detector. Pure."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]


def on_black(colour: Plane, alpha: Plane) -> Plane:
    """The colours as they look in front of black.

    Args:
        colour: UInt8[H, W, 3], not yet multiplied by alpha.
        alpha: UInt8[H, W], 255 where nothing shines through.

    Returns:
        UInt8[H, W, 3]; ``colour`` itself where all is opaque.
    """
    import cv2

    if bool((alpha == 255).all()):
        return colour
    return cast(Plane, cv2.multiply(colour, cv2.merge([alpha, alpha, alpha]), scale=1 / 255))
