"""Draws the scenes the demo model learns from and is measured on: shapes on a busy background, with their true boxes.

A scene is a function of its random generator and nothing else, so a seed names a scene.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt

from tools.demo import textures
from tools.demo.shapes import CLASSES, Outline, Pose, area, outlines
from tools.demo.textures import Image

Mask = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float32]
ClassIds = npt.NDArray[np.int32]

_SUBPIXEL = 4  # bits; cv2 takes fixed-point coordinates
_PLACING_ATTEMPTS = 12


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """Options of a scene.

    Attributes:
        size: (width, height), pixels.
        count: Minimum and maximum number of shapes tried; one that finds no room is skipped.
        sizes: Smallest and largest ``Pose.size``, pixels; drawn evenly on a logarithmic scale.
        stretch: Range of ``Pose.stretch``, one for the whole scene. The default covers frames from 16:9 to upright
            4:5 once warped to the network's square.
        max_hidden: No shape is hidden, behind others or outside the frame, by more than this share of its area, so
            every shape in the image is labelled and can be told.
        max_iou: No two boxes overlap by more, so that non-maximum suppression keeps both.
    """

    size: tuple[int, int] = (300, 300)
    count: tuple[int, int] = (1, 8)
    sizes: tuple[float, float] = (24.0, 200.0)
    stretch: tuple[float, float] = (0.56, 1.25)
    max_hidden: float = 0.4
    max_iou: float = 0.4

    @staticmethod
    def for_frame(size: tuple[int, int]) -> SceneOptions:
        """Scenes as a camera of ``size`` pixels sees them: nothing stretched, shapes as large in the network's eyes."""
        scale = math.sqrt(size[0] * size[1]) / 300
        low, high = SceneOptions().sizes
        return SceneOptions(size=size, sizes=(low * scale, high * scale), stretch=(1.0, 1.0))


@dataclass(frozen=True, slots=True)
class Scene:
    """An image and its ground truth.

    Attributes:
        image_bgr: UInt8[H, W, 3].
        boxes_xyxy: Float32[N, 4], pixels: the tight bounds of each shape's visible part.
        class_ids: Int32[N], index into ``CLASSES``.
        owner: UInt8[H, W]: 0 background, k the k-th shape, i.e. the truth pixel by pixel.
    """

    image_bgr: Image
    boxes_xyxy: Boxes
    class_ids: ClassIds
    owner: Mask


def draw_scene(rng: np.random.Generator, options: SceneOptions | None = None) -> Scene:
    """Draw one random scene."""
    options = options or SceneOptions()
    canvas = textures.background(rng, options.size)
    owner = np.zeros(canvas.shape[:2], np.uint8)
    areas: list[float] = []
    classes: list[int] = []
    stretch = _log_uniform(rng, options.stretch)
    for _ in range(int(rng.integers(options.count[0], options.count[1] + 1))):
        class_id = int(rng.integers(len(CLASSES)))
        found = _place(rng, options, CLASSES[class_id], stretch, owner, areas)
        if found is None:
            continue
        contours, owner = found
        paint(rng, canvas, contours)
        areas.append(area(contours))
        classes.append(class_id)
    boxes = [visible_box(owner == k) for k in range(1, len(classes) + 1)]
    return Scene(
        image_bgr=textures.camera(rng, canvas),
        boxes_xyxy=np.asarray(boxes, np.float32).reshape(-1, 4),
        class_ids=np.asarray(classes, np.int32),
        owner=owner,
    )


def _log_uniform(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(math.log(limits[0]), math.log(limits[1]))))


def _place(
    rng: np.random.Generator, options: SceneOptions, name: str, stretch: float, owner: Mask, areas: list[float]
) -> tuple[tuple[Outline, ...], Mask] | None:
    """A pose that leaves every shape recognisable, as contours and the new ``owner``; None if none was found."""
    width, height = options.size
    for _ in range(_PLACING_ATTEMPTS):
        pose = Pose(
            centre=(float(rng.uniform(0, width)), float(rng.uniform(0, height))),
            size=_log_uniform(rng, options.sizes),
            angle=float(rng.uniform(0, 2 * np.pi)),
            stretch=stretch,
        )
        contours = outlines(name, pose)
        placed = owner.copy()
        placed[coverage(contours, options.size) >= 128] = len(areas) + 1
        if _recognisable(placed, [*areas, area(contours)], options):
            return contours, placed
    return None


def _recognisable(owner: Mask, areas: list[float], options: SceneOptions) -> bool:
    """Returns whether every shape shows enough of itself and no two boxes overlap too much."""
    visible = np.bincount(owner.ravel(), minlength=len(areas) + 1)[1:]
    if np.any(visible < (1 - options.max_hidden) * np.asarray(areas)):
        return False
    boxes = [visible_box(owner == k) for k in range(1, len(areas) + 1)]  # the newest hides parts of the others
    return all(_iou(a, b) <= options.max_iou for a, b in combinations(boxes, 2))


def _iou(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def visible_box(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Tight bounds (x1, y1, x2, y2) of the True pixels: x2 and y2 lie one past the last, 0 for an empty mask."""
    x, y, wide, high = cv2.boundingRect(mask.view(np.uint8))
    return x, y, x + wide, y + high


def coverage(contours: tuple[Outline, ...], size: tuple[int, int]) -> Mask:
    """UInt8[H, W]: how much of each pixel the shape covers, 0..255."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(mask, _fixed_point(contours), 255, cv2.LINE_AA, _SUBPIXEL)
    return mask


def paint(
    rng: np.random.Generator,
    canvas: Image,
    contours: tuple[Outline, ...],
    behind: npt.NDArray[np.float64] | None = None,
) -> None:
    """Paint a shape onto ``canvas``, at times with a darker or lighter rim.

    Args:
        rng: Chooses colour, fill and rim.
        canvas: Painted on in place.
        contours: See ``outlines``.
        behind: Float64[3], the colour to stand out from; None for the mean of what is there.
    """
    height, width = canvas.shape[:2]
    low = np.clip(np.floor(contours[0].min(axis=0)).astype(int) - 2, 0, (width - 1, height - 1))
    high = np.clip(np.ceil(contours[0].max(axis=0)).astype(int) + 3, low + 1, (width, height))
    window = canvas[low[1] : high[1], low[0] : high[0]]
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    local = tuple(contour - low for contour in contours)
    alpha = coverage(local, size).astype(np.float32)[..., None] / 255
    tint = textures.fill(rng, size, window.mean(axis=(0, 1)) if behind is None else behind)
    if rng.random() < 0.3:
        _rim(rng, tint, local)
    window[:] = np.clip(window + (tint - window) * alpha, 0, 255).astype(np.uint8)


def _rim(rng: np.random.Generator, tint: textures.Plane, contours: tuple[Outline, ...]) -> None:
    """Draw the outlines into the fill; only the half inside the shape shows."""
    shade = float(rng.choice((0.45, 1.6)))
    colour = (tint.mean(axis=(0, 1)) * shade).tolist()
    cv2.polylines(tint, _fixed_point(contours), True, colour, int(rng.integers(2, 7)), cv2.LINE_8, _SUBPIXEL)


def _fixed_point(contours: tuple[Outline, ...]) -> list[npt.NDArray[np.int32]]:
    """Returns a point for cv2, where a pixel's centre, not its corner, has whole coordinates."""
    return [np.round((contour - 0.5) * (1 << _SUBPIXEL)).astype(np.int32) for contour in contours]
