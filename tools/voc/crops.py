"""Cut-out objects, and pieces of picture without one: what the base network learns to tell apart first.

The cut-outs are made once and kept in memory. Everything on the trainer's thread, but the cutting.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from detector.errors import DetectorError
from detector.training.augment import apply_view
from detector.training.data import BadPictures, Picture, read_picture
from detector.training.matcher import pairwise_iou
from detector.training.policy import Views

_MARGIN = 1.2  # side of a cut-out, in the object's longer sides
_SPARE = 1.25  # cut-outs are larger than what the network sees, to be shifted
_SMALLEST = 0.05  # of the picture; smaller objects are a few pixels
_TRIES = 20
_EMPTY_OVERLAP = 0.15  # most that a piece without object overlaps one


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Cut-outs.

    Attributes:
        images_bgr: UInt8[N, S, S, 3].
        classes: Int64[N], 0 for no object, else class id + 1.
    """

    images_bgr: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.int64]


def cut_out(pictures: Sequence[Picture], side: int, seed: int, threads: int, bad: BadPictures) -> Crops:
    """Every object of ``pictures`` that is large enough, and a piece without object of each, if there is one.

    A cut-out is square in the picture as the detector sees it, which is stretched to a square.

    Args:
        pictures: At least one.
        side: Of what the network will see, pixels; the cut-outs are a quarter larger.
        seed: Of the places without object.
        threads: That read.
        bad: Where unreadable pictures are noted.

    Raises:
        DetectorError: Nothing can be cut out.
    """
    size = round(side * _SPARE)

    def cut(number: int) -> tuple[list[npt.NDArray[np.uint8]], list[int]]:
        try:
            image, boxes, ids = read_picture(pictures[number])
        except DetectorError as error:
            bad.add(pictures[number].path, error.message)
            return [], []
        windows, classes = _windows(boxes, ids, np.random.default_rng((seed, number)))
        straight = torch.tensor([False])
        fill = tuple(float(value) for value in image.mean(axis=(0, 1)))
        views = [Views(torch.from_numpy(window)[None], straight) for window in windows]
        return [apply_view(image, view, (size, size), (fill[0], fill[1], fill[2])) for view in views], classes

    with ThreadPoolExecutor(threads, thread_name_prefix="ssdv-train-load") as pool:
        parts = list(pool.map(cut, range(len(pictures))))
    images = [image for part, _ in parts for image in part]
    if not images:
        raise DetectorError("There is nothing to cut out.", "Are the pictures there?")
    return Crops(np.stack(images), np.array([number for _, part in parts for number in part]))


def _windows(
    boxes: npt.NDArray[np.float32], ids: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[list[npt.NDArray[np.float32]], list[int]]:
    """Squares, as fractions of the picture, around the objects, and one beside them."""
    windows, classes = [], []
    for box, number in zip(boxes, ids, strict=True):
        longer = max(box[2] - box[0], box[3] - box[1])
        if longer >= _SMALLEST:
            middle, half = (box[:2] + box[2:]) / 2, longer * _MARGIN * _SPARE / 2
            windows.append(np.concatenate((middle - half, middle + half)).astype(np.float32))
            classes.append(int(number) + 1)
    sides = rng.uniform(0.15, 0.6, _TRIES)
    corners = rng.uniform(0, 1, (_TRIES, 2)) * (1 - sides)[:, None]
    tries = np.concatenate((corners, corners + sides[:, None]), axis=1).astype(np.float32)
    overlaps = pairwise_iou(torch.from_numpy(boxes)[None], torch.from_numpy(tries))[0].numpy()  # [G, tries]
    free = (overlaps < _EMPTY_OVERLAP).all(axis=0)
    if free.any():
        windows.append(tries[free.argmax()])
        classes.append(0)
    return windows, classes


class CropBatches:
    """Batches of cut-outs, shifted, mirrored, brighter or darker: each computed from its number, as are all batches.

    Rare classes come more often than they are: by the root of their share, not by their share.

    Args:
        crops: What to show.
        side: Of what is shown, pixels.
        batch: Cut-outs of a step.
        seed: Of everything random.
    """

    def __init__(self, crops: Crops, side: int, batch: int, seed: int) -> None:
        self._crops = crops
        self.side = side
        self._batch = batch
        self._seed = seed
        counts = np.bincount(crops.classes)
        weights = 1 / np.sqrt(counts[crops.classes])
        self._cumulated = np.cumsum(weights / weights.sum())

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Float32[B, 3, side, side] in 0..255, BGR, and classes Int64[B]."""
        rng = np.random.default_rng((self._seed, step))
        places = np.searchsorted(self._cumulated, rng.random(self._batch)).clip(max=len(self._crops.classes) - 1)
        spare = self._crops.images_bgr.shape[1] - self.side
        images = _shown(self._crops.images_bgr[places], rng.integers(0, spare + 1, (self._batch, 2)), self.side)
        mirrored = torch.from_numpy(rng.random(self._batch) < 0.5)[:, None, None, None]
        images = torch.where(mirrored, images.flip(3), images)
        gain = torch.from_numpy(rng.uniform(0.7, 1.3, (self._batch, 1, 1, 1)).astype(np.float32))
        shift = torch.from_numpy(rng.uniform(-25, 25, (self._batch, 3, 1, 1)).astype(np.float32))
        return (images * gain + shift).clamp_(0, 255), torch.from_numpy(self._crops.classes[places])


def middle(crops: Crops, side: int, low: int, high: int) -> tuple[Tensor, Tensor]:
    """Cut-outs ``low`` to ``high`` as they are, to measure on: Float32[B, 3, side, side] and classes Int64[B]."""
    images = crops.images_bgr[low:high]
    spare = images.shape[1] - side
    return _shown(images, np.full((len(images), 2), spare // 2), side), torch.from_numpy(crops.classes[low:high])


def _shown(images: npt.NDArray[np.uint8], corners: npt.NDArray[np.int64], side: int) -> Tensor:
    parts = [image[y : y + side, x : x + side] for image, (x, y) in zip(images, corners, strict=True)]
    return torch.from_numpy(np.stack(parts)).permute(0, 3, 1, 2).float()
