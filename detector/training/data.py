"""Images with marked objects, from annotated sets to pixels. Reading runs on the loading threads.

An image that cannot be read is counted and named once, and another takes its place: a long training does not die of
one bad file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import cv2
import numpy as np
import numpy.typing as npt

from detector.errors import DetectorError, ExplainedError
from detector.evaluation.class_matching import match_names
from detector.evaluation.results import DataSet, ImageTruth
from detector.training.augment import Image

DecodeImage = Callable[[Path], Image]
"""Reads a file as UInt8[H, W, 3], BGR; raises ExplainedError."""

Loaded = tuple[Image, npt.NDArray[np.float32], npt.NDArray[np.int64]]
"""Pixels UInt8[H, W, 3], BGR; boxes as fractions of the image, Float32[G, 4]; class ids Int64[G]."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """One image and what is in it.

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


def training_images(
    sets: Sequence[DataSet], labels: Sequence[str], *, use_difficult: bool = True
) -> tuple[LabelledImage, ...]:
    """The images of several annotated sets, for a network that knows ``labels``.

    Classes are found by name as ``match_names`` does. Objects of others are left out, and so are COCO's crowds. Objects
    marked difficult are trained on as the authors did, unless ``use_difficult`` is false.

    Raises:
        DetectorError: No class is to be learnt, or no object of these classes is there.
    """
    if not labels:
        raise DetectorError("There is no class to learn.", "Name at least one.")
    images: list[LabelledImage] = []
    for data in sets:
        translation = _translation(data, labels)
        images += [_labelled(data, image, translation, use_difficult) for image in data.images]
    if not any(len(image.class_ids) for image in images):
        raise DetectorError(
            f"None of the {len(images)} images shows any of the classes {', '.join(labels[:20])}.",
            "Check the names of the classes and of the split.",
        )
    return tuple(images)


def _translation(data: DataSet, labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Returns for each class of ``data`` its index in ``labels``, or -1."""
    try:
        return match_names(data.labels, labels, {}).ids.astype(np.int64)
    except DetectorError as error:
        raise DetectorError(
            f"{data.root} has none of the classes {', '.join(labels[:20])}.", f"It has {', '.join(data.labels[:20])}."
        ) from error


def _labelled(
    data: DataSet, image: ImageTruth, translation: npt.NDArray[np.int64], use_difficult: bool
) -> LabelledImage:
    ids = translation[image.class_ids]
    kept = (ids >= 0) & ~image.crowd
    if not use_difficult:
        kept &= ~image.difficult
    # A name that was not found may lead anywhere: only its last part is kept, to call the image by.
    path = image.path or data.root / PureWindowsPath(image.file_name or image.image_id).name
    return LabelledImage(path, image.width, image.height, image.boxes_xyxy[kept].astype(np.float32), ids[kept])


def decode_image(path: Path) -> Image:
    """Returns the pixels UInt8[H, W, 3] of ``path`` as OpenCV reads them: BGR, as stored.

    Rotation by a tag is not applied: annotations are made on the pixels as they are stored.

    Raises:
        DetectorError: The file is missing or no image.
    """
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise DetectorError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if len(content) else None
    except cv2.error as error:  # dimensions beyond OpenCV's limit
        raise DetectorError(f"{path} cannot be decoded.") from error
    if image is None:
        raise DetectorError(f"{path} is no image, or is damaged.")
    return np.asarray(image, dtype=np.uint8)


class ImageReader:
    """Reads labelled images, and keeps which could not be read, and why. Any thread.

    Args:
        decode: Turns a file into pixels, as they are stored; whoever reads more formats than OpenCV hands in another.
    """

    def __init__(self, decode: DecodeImage = decode_image) -> None:
        self._decode = decode
        self._lock = threading.Lock()
        self._failures: dict[Path, str] = {}

    def read(self, image: LabelledImage) -> Loaded:
        """Returns pixels, boxes and class ids; boxes are cut off at the edges, those without an area left out.

        Raises:
            DetectorError: The file is missing or no image.
        """
        try:
            pixels = self._decode(image.path)
        except ExplainedError as error:
            with self._lock:
                self._failures.setdefault(image.path, error.message)
            raise DetectorError(error.message, error.hint) from error
        width, height = image.width or pixels.shape[1], image.height or pixels.shape[0]
        boxes = (image.boxes_xyxy / np.array([width, height] * 2, np.float32)).clip(0, 1)
        kept = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        return pixels, boxes[kept], image.class_ids[kept]

    def read_or_next(self, images: Sequence[LabelledImage], index: int) -> Loaded:
        """Returns ``read`` of number ``index``, or of the first after it that can be read.

        Raises:
            DetectorError: Not one image can be read.
        """
        for offset in range(len(images)):
            try:
                return self.read(images[(index + offset) % len(images)])
            except DetectorError as error:
                last = error
        raise DetectorError("Not one of the images can be read.", last.message)

    def failures(self) -> dict[Path, str]:
        """Returns the files that could not be read so far, and why."""
        with self._lock:
            return dict(self._failures)
