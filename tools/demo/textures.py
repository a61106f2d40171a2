"""Backgrounds, fills and camera faults of the drawn scenes. Everything random comes from the generator passed in."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""UInt8[H, W, 3], blue green red."""
Plane = npt.NDArray[np.float32]


def gradient(rng: np.random.Generator, size: tuple[int, int], cells: int, spread: float) -> Plane:
    """Float32[H, W, 3] in 0..255: ``cells`` x ``cells`` colours around one base colour, blended smoothly."""
    base = rng.uniform(20, 235, 3)
    colours = base + rng.uniform(-spread, spread, (cells, cells, 3))
    return np.asarray(cv2.resize(colours.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def background(rng: np.random.Generator, size: tuple[int, int]) -> Image:
    """A gradient with one or two textures on it, and thin lines that are no object."""
    image = gradient(rng, size, int(rng.integers(2, 6)), float(rng.uniform(5, 90)))
    if rng.random() < 0.5:
        image += _grain(rng, size, cells=int(rng.integers(8, 80)), strength=float(rng.uniform(4, 35)))[..., None]
    if rng.random() < 0.45:
        image += _waves(rng, size, strength=float(rng.uniform(4, 30)), hard=rng.random() < 0.5)[..., None]
    canvas = _to_image(image)
    for _ in range(int(rng.integers(0, 7)) if rng.random() < 0.6 else 0):
        _scratch(rng, canvas)
    return canvas


def _grain(rng: np.random.Generator, size: tuple[int, int], cells: int, strength: float) -> Plane:
    """Float32[H, W]: noise of one coarseness."""
    noise = rng.standard_normal((cells, cells), dtype=np.float32) * strength
    return np.asarray(cv2.resize(noise, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _waves(rng: np.random.Generator, size: tuple[int, int], strength: float, hard: bool) -> Plane:
    """Float32[H, W]: stripes in any direction, or a checkerboard of two; soft as a sine or with hard edges."""
    width, height = size
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(6, 60)
    along = np.sin((x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) * np.float32(2 * np.pi / pitch))
    if rng.random() < 0.4:
        across = (y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))) * np.float32(2 * np.pi / pitch)
        along = along * np.sin(across)
    pattern: Plane = np.sign(along) if hard else along
    return pattern * np.float32(strength)


def _scratch(rng: np.random.Generator, canvas: Image) -> None:
    """One thin line, bend or open arc across ``canvas``: clutter with edges, but no shape."""
    height, width = canvas.shape[:2]
    colour, thickness = rng.uniform(0, 255, 3).tolist(), int(rng.integers(1, 4))
    if rng.random() < 0.3:
        start = rng.uniform(0, 360)
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        radii = (int(rng.integers(10, width // 2)), int(rng.integers(10, height // 2)))
        span = start + rng.uniform(30, 140)
        cv2.ellipse(canvas, centre, radii, rng.uniform(0, 180), start, span, colour, thickness, cv2.LINE_AA)
        return
    points = rng.uniform((-20, -20), (width + 20, height + 20), (int(rng.integers(2, 4)), 2)).astype(np.int32)
    cv2.polylines(canvas, [points], False, colour, thickness, cv2.LINE_AA)


def fill(rng: np.random.Generator, size: tuple[int, int], behind: npt.NDArray[np.float64]) -> Plane:
    """Float32[H, W, 3]: the inside of a shape, in a colour that stands out from the mean colour ``behind`` it."""
    colour = rng.uniform(0, 255, 3)
    while np.linalg.norm(colour - behind) < 75:
        colour = rng.uniform(0, 255, 3)
    tint = np.empty((size[1], size[0], 3), np.float32)
    tint[:] = colour
    kind = rng.random()
    if kind < 0.35:
        tint += gradient(rng, size, 2, 30) * np.float32(0.25) - np.float32(32)
    elif kind < 0.55:
        tint += _waves(rng, size, strength=float(rng.uniform(6, 28)), hard=rng.random() < 0.5)[..., None]
    elif kind < 0.7:
        tint += _grain(rng, size, cells=int(rng.integers(4, 24)), strength=float(rng.uniform(4, 20)))[..., None]
    return tint


def camera(rng: np.random.Generator, image: Image) -> Image:
    """Applies the faults of a camera: blur, exposure, noise, compression."""
    if rng.random() < 0.5:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.4)), dtype=np.uint8)
    values = image.astype(np.float32)
    if rng.random() < 0.6:
        gain, offset = rng.uniform(0.6, 1.3), rng.uniform(-25, 25)
        values = values * np.float32(gain) + np.float32(offset)
    if rng.random() < 0.7:
        height, width = image.shape[:2]
        channels = 3 if rng.random() < 0.3 else 1
        values += rng.standard_normal((height, width, channels), dtype=np.float32) * np.float32(rng.uniform(1, 16))
    result = _to_image(values)
    if rng.random() < 0.3:
        _, packed = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))])
        result = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), dtype=np.uint8)
    return result


def _to_image(values: Plane) -> Image:
    return np.clip(values, 0, 255, out=values).astype(np.uint8)
