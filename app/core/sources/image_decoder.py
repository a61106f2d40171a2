"""Image files as the detector sees them: upright, transparent parts on black, the same for every format. Any thread.

OpenCV decodes what is stored; its own turning and its own alpha, which differ from format to format, are not relied on.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import cv2
import numpy as np

from app.core.frames import ImageBGR
from app.core.sources.alpha import Plane, on_black
from app.core.sources.avif_properties import avif_properties, is_avif
from app.core.sources.exif import PNG, exif_orientation, is_webp, png_chunks
from app.core.sources.image_streams import read_avif, read_tiff_alpha
from app.core.sources.tiff_directory import EXTRA_SAMPLES, ORIENTATION, first_directory, is_tiff, with_value

_JP2 = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
_MULTIPLIED_ALPHA, _SEPARATE_ALPHA = 1, 2  # ExtraSamples of TIFF 6.0, section 18
_STORED_COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


class DecodedImage(NamedTuple):
    """An image as it is seen.

    Attributes:
        image_bgr: UInt8[H, W, 3].
        is_transparent: Parts of it were; they lie on black.
    """

    image_bgr: ImageBGR
    is_transparent: bool


class _Stored(NamedTuple):
    """An image as stored.

    Attributes:
        colour: UInt8[H, W, 3] BGR.
        alpha: UInt8[H, W]; None where everything is opaque.
        is_flat: The colours lie on black already.
    """

    colour: Plane
    alpha: Plane | None
    is_flat: bool = False


def decode_image(content: bytes, upright: bool = True) -> DecodedImage | None:
    """Decode a file.

    Args:
        content: The file.
        upright: Turn the image as the file says; False for the pixels as they are stored.

    Returns:
        None where it is damaged, of an unknown kind, or absurdly large.
    """
    avif = avif_properties(content) if is_avif(content) else None
    stored = _opencv(content)
    if stored is None and avif is not None and not avif.is_tiled:
        read = read_avif(content)
        stored = None if read is None else _Stored(*read)
    if stored is None:
        return None
    image, alpha = stored.colour, stored.alpha
    if alpha is not None and alpha.shape != image.shape[:2]:
        alpha = None
    is_transparent = alpha is not None and bool((alpha < 255).any())
    if alpha is not None and not stored.is_flat:
        image = on_black(image, alpha)
    if upright:
        orientation = exif_orientation(content) if avif is None else avif.orientation
        image = orientation.apply(image)
    return DecodedImage(image, is_transparent)


def _opencv(content: bytes) -> _Stored | None:
    try:
        if is_tiff(content):
            return _tiff(content)
        return _with_alpha(content) if _may_have_alpha(content) else _only_colour(content)
    except cv2.error:  # an image of absurd size
        return None


def _may_have_alpha(content: bytes) -> bool:
    if content.startswith(b"BM"):  # 32 bits a pixel, and a mask that says which of them are alpha
        return content[28:30] == b"\x20\0" and content[14:15] >= b"\x38" and content[66:70] not in (b"", bytes(4))
    return content.startswith((PNG, *_JP2)) or is_webp(content) or is_avif(content)


def _only_colour(content: bytes) -> _Stored | None:
    image = _imdecode(content, _STORED_COLOUR)
    return None if image is None else _Stored(image, None)


def _with_alpha(content: bytes) -> _Stored | None:
    whole = _imdecode(content, cv2.IMREAD_UNCHANGED)
    if whole is None:
        return None
    alpha: Plane | None = None
    if whole.ndim == 3 and whole.shape[2] == 4:
        alpha = _eight_bits(whole[..., 3])
        if whole.dtype == np.uint8:
            return _Stored(np.ascontiguousarray(whole[..., :3]), alpha)
    elif content.startswith(PNG) and whole.ndim == 2:
        alpha = _grey_key(content, whole)
    elif whole.dtype == np.uint8 and whole.shape[2:] == (3,):
        return _Stored(whole, None)
    image = _imdecode(content, _STORED_COLOUR)
    return None if image is None else _Stored(image, alpha)


def _grey_key(content: bytes, grey: Plane) -> Plane | None:
    """Alpha of a grey PNG in which one value stands for "transparent" (``tRNS``), which OpenCV passes over."""
    key = next((data for name, data in png_chunks(content) if name == b"tRNS"), b"")
    depth = content[24]
    if len(key) != 2 or depth not in (1, 2, 4, 8, 16):
        return None
    value = int.from_bytes(key, "big") & ((1 << depth) - 1)
    if depth < 8:
        value = value * 255 // ((1 << depth) - 1)  # as OpenCV spreads what has fewer bits
    return np.where(grey == value, np.uint8(0), np.uint8(255))


def _tiff(content: bytes) -> _Stored | None:
    """A TIFF, which OpenCV always turns as its tag says: so the tag is made to say nothing."""
    fields = first_directory(content)
    turned, extra = fields.get(ORIENTATION), fields.get(EXTRA_SAMPLES)
    if turned is not None and turned.value != 1:
        content = with_value(content, turned, 1)
    image = _imdecode(content, _STORED_COLOUR)
    if image is None:
        return None
    if extra is None or extra.value not in (_MULTIPLIED_ALPHA, _SEPARATE_ALPHA):
        return _Stored(image, None)
    whole = _imdecode(content, cv2.IMREAD_UNCHANGED)
    if whole is not None and whole.ndim == 3 and whole.shape[2] == 4 and whole.dtype in (np.uint8, np.uint16):
        return _Stored(image, _eight_bits(whole[..., 3]), is_flat=True)  # libtiff multiplies where the file did not
    return _Stored(image, read_tiff_alpha(content), is_flat=extra.value == _MULTIPLIED_ALPHA)


def _eight_bits(plane: Plane) -> Plane:
    return np.ascontiguousarray(plane // 257 if plane.dtype == np.uint16 else plane, np.uint8)


def _imdecode(content: bytes, flags: int) -> Plane | None:
    if not content:
        return None
    return cast("Plane | None", cv2.imdecode(np.frombuffer(content, np.uint8), flags))
