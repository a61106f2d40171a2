"""Pictures with marked objects, from annotated sets to examples for the network. Loading runs on the loading threads.

A picture that cannot be read is counted and named once, and another takes its place: a long training does not die of
one bad file.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from detector.errors import DetectorError
from detector.evaluation.class_names import match_names
from detector.evaluation.results import DataSet, ImageTruth
from detector.training.augment import Image, augment
from detector.training.order import Pick, noise
from detector.training.policy import Policy


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """One picture and what is in it.

    Attributes:
        path: The file.
        width: Pixels the boxes refer to; 0 for those of the file.
        height: Pixels the boxes refer to; 0 for those of the file.
        boxes_xyxy: Float32[G, 4], pixels from 0.
        class_ids: Int64[G], index into the labels trained.
    """

    path: Path
    width: int
    height: int
    boxes_xyxy: npt.NDArray[np.float32]
    class_ids: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """What the network is shown.

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
        """Pictures in it."""

    def name(self, index: int) -> str:
        """What to call a picture in a message."""

    def load(self, pick: Pick) -> Example:
        """The example of ``pick``, the same every time; called from several threads."""


class UnreadableImages:
    """The pictures that could not be read, and why. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reasons: dict[Path, str] = {}

    def add(self, path: Path, reason: str) -> None:
        """Note a picture; again and again is once."""
        with self._lock:
            self._reasons.setdefault(path, reason)

    def reasons(self) -> dict[Path, str]:
        """All so far."""
        with self._lock:
            return dict(self._reasons)


def training_images(
    sets: Sequence[DataSet], labels: Sequence[str], *, use_difficult: bool = True
) -> tuple[LabelledImage, ...]:
    """The pictures of several annotated sets, for a network that knows ``labels``.

    Classes are found by name as ``match_names`` does. Objects of others are left out, and so are COCO's crowds. Objects
    marked difficult are trained on as the authors did, unless ``use_difficult`` is false.

    Raises:
        DetectorError: No class is to be learnt, or no object of these classes is there.
    """
    if not labels:
        raise DetectorError("There is no class to learn.", "Name at least one.")
    pictures: list[LabelledImage] = []
    for data in sets:
        translation = _translation(data, labels)
        pictures += [_picture(data, image, translation, use_difficult) for image in data.images]
    if not any(len(picture.class_ids) for picture in pictures):
        raise DetectorError(
            f"None of the {len(pictures)} pictures shows any of the classes {', '.join(labels[:20])}.",
            "Check the names of the classes and of the split.",
        )
    return tuple(pictures)


def _translation(data: DataSet, labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """For each class of ``data`` its index in ``labels``, or -1."""
    try:
        return match_names(data.labels, labels, {}).ids.astype(np.int64)
    except DetectorError as error:
        raise DetectorError(
            f"{data.root} has none of the classes {', '.join(labels[:20])}.", f"It has {', '.join(data.labels[:20])}."
        ) from error


def _picture(
    data: DataSet, image: ImageTruth, translation: npt.NDArray[np.int64], use_difficult: bool
) -> LabelledImage:
    ids = translation[image.class_ids]
    kept = (ids >= 0) & ~image.crowd
    if not use_difficult:
        kept &= ~image.difficult
    path = image.path or data.root / (image.file_name or image.image_id)
    return LabelledImage(path, image.width, image.height, image.boxes_xyxy[kept].astype(np.float32), ids[kept])


def read_labelled(picture: LabelledImage) -> tuple[Image, npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """The pixels UInt8[H, W, 3] as stored (BGR, no rotation), boxes as fractions Float32[G, 4], class ids Int64[G].

    Boxes are cut off at the edges; those without an area are left out.

    Raises:
        DetectorError: The file is missing or no picture.
    """
    try:
        content = np.frombuffer(picture.path.read_bytes(), np.uint8)
    except OSError as error:
        raise DetectorError(f"{picture.path} cannot be read: {error.strerror or error}.") from error
    try:
        # Rotation by a tag is not applied: annotations are made on the pixels as they are stored.
        image = cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if len(content) else None
    except cv2.error as error:  # dimensions beyond OpenCV's limit
        raise DetectorError(f"{picture.path} cannot be decoded.") from error
    if image is None:
        raise DetectorError(f"{picture.path} is no picture, or is damaged.")
    width, height = picture.width or image.shape[1], picture.height or image.shape[0]
    boxes = (picture.boxes_xyxy / np.array([width, height] * 2, np.float32)).clip(0, 1)
    kept = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return np.asarray(image, dtype=np.uint8), boxes[kept], picture.class_ids[kept]


class ImageExamples:
    """Pictures as augmented examples, read from their files each time.

    Args:
        pictures: At least one.
        policy: Of the augmentation.
        size: Height and width of the network's input.
        fill_bgr: What surrounds a picture that is zoomed out, 0..255.
        seed: Of the training.
        bad: Where unreadable pictures are noted.
    """

    def __init__(
        self,
        pictures: Sequence[LabelledImage],
        policy: Policy,
        size: tuple[int, int],
        fill_bgr: tuple[float, float, float],
        seed: int,
        bad: UnreadableImages,
    ) -> None:
        self._pictures = pictures
        self._policy = policy
        self._size = size
        self._fill_bgr = fill_bgr
        self._seed = seed
        self._bad = bad

    def __len__(self) -> int:
        return len(self._pictures)

    def name(self, index: int) -> str:
        """The picture's file name."""
        return self._pictures[index].path.name

    def load(self, pick: Pick) -> Example:
        """Read and augment; the next readable picture stands in for one that is not.

        Raises:
            DetectorError: Not one picture can be read.
        """
        image, boxes, ids = read_or_next(self._pictures, pick.index, self._bad)
        numbers = noise(self._seed, pick, self._policy.noise_size)
        return Example(
            *augment(image, boxes, ids, policy=self._policy, noise=numbers, size=self._size, fill_bgr=self._fill_bgr)
        )


def read_or_next(
    pictures: Sequence[LabelledImage], index: int, bad: UnreadableImages
) -> tuple[Image, npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """``read_labelled`` of number ``index``, or of the first after it that can be read; ``bad`` learns of the others.

    Raises:
        DetectorError: Not one picture can be read.
    """
    for offset in range(len(pictures)):
        picture = pictures[(index + offset) % len(pictures)]
        try:
            return read_labelled(picture)
        except DetectorError as error:
            bad.add(picture.path, error.message)
            last = error
    raise DetectorError("Not one of the pictures can be read.", last.message)
