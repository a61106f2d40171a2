"""Augmentation of one image on the host: what ``policy`` decided, done with OpenCV. On the loading threads."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch

from detector.training.policy import ColourJitter, Policy, Views, draw_colours, draw_views, see

Image = npt.NDArray[np.uint8]

_LEVELS = np.arange(256, dtype=np.float32)


def augment(
    image_bgr: Image,
    boxes_xyxy: npt.NDArray[np.float32],
    class_ids: npt.NDArray[np.int64],
    *,
    policy: Policy,
    noise: npt.NDArray[np.float32],
    size: tuple[int, int],
    fill_bgr: tuple[float, float, float],
) -> tuple[Image, npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """One training example from one image.

    Args:
        image_bgr: UInt8[H, W, 3]; left as it is.
        boxes_xyxy: Float32[G, 4], fractions of the image.
        class_ids: Int64[G].
        policy: The limits.
        noise: Float32[policy.noise_size] in [0, 1), which decides everything.
        size: Height and width of the result, pixels.
        fill_bgr: What surrounds an image that is zoomed out, 0..255.

    Returns:
        UInt8[height, width, 3], and the objects seen in it as fractions of it.
    """
    numbers = torch.from_numpy(noise)[None]
    boxes, ids = torch.from_numpy(boxes_xyxy)[None], torch.from_numpy(class_ids)[None]
    views = draw_views(policy, numbers, boxes, ids)
    seen_boxes, seen_ids = see(views, boxes, ids)
    kept = seen_ids[0] >= 0
    seen = apply_view(apply_colours(image_bgr, draw_colours(policy, numbers)), views, size, fill_bgr)
    return seen, seen_boxes[0][kept].numpy(), seen_ids[0][kept].numpy()


def apply_colours(image_bgr: Image, colours: ColourJitter) -> Image:
    """Distort the colours of UInt8[H, W, 3] by the first entry of ``colours``; rounds to whole values at each step."""
    brightness, first, saturation, hue, last = (
        float(part[0])
        for part in (
            colours.brightness,
            colours.contrast_first,
            colours.saturation,
            colours.hue,
            colours.contrast_last,
        )
    )
    if brightness or first != 1:
        image_bgr = _mapped(image_bgr, _whole(_whole(_LEVELS + brightness) * first))
    if saturation != 1 or hue:
        hsv = np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2HSV), dtype=np.uint8)
        table = np.stack(((_LEVELS + hue / 2) % 180, _LEVELS * saturation, _LEVELS), axis=1)  # OpenCV's hue: 0..180
        image_bgr = np.asarray(cv2.cvtColor(_mapped(hsv, _whole(table)), cv2.COLOR_HSV2BGR), dtype=np.uint8)
    return _mapped(image_bgr, _whole(_LEVELS * last)) if last != 1 else image_bgr


def apply_view(image_bgr: Image, views: Views, size: tuple[int, int], fill_bgr: tuple[float, float, float]) -> Image:
    """Warp the first window of ``views`` of UInt8[H, W, 3] to ``size``, bilinearly and without smoothing.

    That is how the detector resizes its frames, and what the authors' code did.
    """
    height, width = size
    x1, y1, x2, y2 = views.windows[0].tolist()
    rows, columns = image_bgr.shape[:2]
    # From a pixel of the result to the image: centres of pixels lie at whole numbers and a half.
    step_x, step_y = (x2 - x1) * columns / width, (y2 - y1) * rows / height
    matrix = np.array([[step_x, 0, x1 * columns - 0.5 + step_x / 2], [0, step_y, y1 * rows - 0.5 + step_y / 2]])
    result = np.empty((height, width, 3), np.uint8)
    cv2.warpAffine(
        image_bgr,
        matrix,
        (width, height),
        dst=result,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    outside_x, outside_y = _outside(x1, x2, width), _outside(y1, y2, height)
    if outside_x.any() or outside_y.any():
        colour = np.array(fill_bgr).round().astype(np.uint8)
        result[:, outside_x] = colour
        result[outside_y] = colour
    return np.ascontiguousarray(result[:, ::-1]) if bool(views.mirrored[0]) else result


def _outside(low: float, high: float, count: int) -> npt.NDArray[np.bool_]:
    """Bool[count]: which of ``count`` pixels from ``low`` to ``high`` have their centre outside 0..1."""
    place = low + (np.arange(count) + 0.5) * ((high - low) / count)
    return (place < 0) | (place > 1)


def _mapped(image: Image, table: Image) -> Image:
    """Each value replaced by its entry of UInt8[256], or UInt8[256, 3] by channel."""
    return np.asarray(cv2.LUT(image, table.reshape(1, 256, -1)), dtype=np.uint8)


def _whole(values: npt.NDArray[np.float32]) -> Image:
    return values.round().clip(0, 255).astype(np.uint8)
