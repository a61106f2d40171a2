"""Examples for the network: labelled images, augmented. Loading runs on the loading threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from detector.training.augment import Image, augment
from detector.training.data import ImageReader, LabelledImage
from detector.training.order import Pick, noise
from detector.training.policy import Policy


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """An image as the network is shown it.

    Attributes:
        image_bgr: UInt8[H, W, 3], of the network's input size.
        boxes_xyxy: Float32[G, 4], fractions of the image.
        class_ids: Int64[G].
    """

    image_bgr: Image
    boxes_xyxy: npt.NDArray[np.float32]
    class_ids: npt.NDArray[np.int64]


class Examples(Protocol):
    """Something that can be trained on."""

    def __len__(self) -> int:
        """Images in it."""

    def name(self, index: int) -> str:
        """Returns the name of an image for messages."""

    def load(self, pick: Pick) -> Example:
        """The example of ``pick``, the same every time; called from several threads."""


class ImageExamples:
    """Images as augmented examples, read from their files each time.

    Args:
        images: At least one.
        policy: Of the augmentation.
        size: Height and width of the network's input.
        fill_bgr: What surrounds an image that is zoomed out, 0..255.
        seed: Of the training.
        reader: Reads them, and keeps which it could not.
    """

    def __init__(
        self,
        images: Sequence[LabelledImage],
        policy: Policy,
        size: tuple[int, int],
        fill_bgr: tuple[float, float, float],
        seed: int,
        reader: ImageReader,
    ) -> None:
        self._images = images
        self._policy = policy
        self._size = size
        self._fill_bgr = fill_bgr
        self._seed = seed
        self._reader = reader

    def __len__(self) -> int:
        return len(self._images)

    def name(self, index: int) -> str:
        """The image's file name."""
        return self._images[index].path.name

    def load(self, pick: Pick) -> Example:
        """Read and augment; the next readable image stands in for one that is not.

        Raises:
            DetectorError: Not one image can be read.
        """
        image, boxes, ids = self._reader.read_or_next(self._images, pick.index)
        numbers = noise(self._seed, pick, self._policy.noise_size)
        return Example(
            *augment(image, boxes, ids, policy=self._policy, noise=numbers, size=self._size, fill_bgr=self._fill_bgr)
        )
