"""The detections of a whole data set as one table, in the order given (equal scores keep it), and its true objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from detector.evaluation.results import DataSet, Floats, Ids, ImageFound

Indices = npt.NDArray[np.intp]

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class DetectionTable:
    """Detections over all images.

    Attributes:
        images: Intp[D], index into ``DataSet.images``.
        class_ids: Int32[D], index into ``DataSet.labels``.
        scores: Float64[D], finite.
        boxes_xyxy: Float64[D, 4], pixels from 0, finite.
        areas: Float64[D], pixels: width times height as given.
        notes: What was left out on the way here, one line each.
    """

    images: Indices
    class_ids: Ids
    scores: Floats
    boxes_xyxy: Floats
    areas: Floats
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def image(self, rows: Indices) -> ImageFound:
        """Returns the rows of one image, given their numbers."""
        return ImageFound(self.boxes_xyxy[rows], self.scores[rows], self.class_ids[rows], self.areas[rows])


def make_table(
    images: Sequence[int] | Indices,
    class_ids: Sequence[int] | Ids,
    scores: Sequence[float] | Floats,
    boxes_xyxy: Sequence[Sequence[float]] | Floats,
    areas: Sequence[float] | Floats | None = None,
    notes: Sequence[str] = (),
) -> DetectionTable:
    """A table from columns; ``areas`` left out are those of the boxes."""
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    sizes = box_areas(boxes) if areas is None else np.asarray(areas, np.float64)
    return DetectionTable(
        np.asarray(images, np.intp), np.asarray(class_ids, np.int32), np.asarray(scores, np.float64), boxes, sizes,
        tuple(notes),
    )  # fmt: skip


def box_areas(boxes_xyxy: Floats) -> Floats:
    """Float64[N]: width times height."""
    areas: Floats = (boxes_xyxy[:, 2] - boxes_xyxy[:, 0]) * (boxes_xyxy[:, 3] - boxes_xyxy[:, 1])
    return areas


@dataclass(frozen=True, slots=True, eq=False)
class Truths:
    """The true objects of a whole data set as one table, image by image.

    Attributes:
        images: Intp[G], index into ``DataSet.images``.
        class_ids: Int32[G].
        boxes_xyxy: Float64[G, 4], pixels from 0.
        difficult: Bool[G].
        crowd: Bool[G].
        areas: Float64[G], pixels, for COCO's sizes.
        box_areas: Float64[G], pixels.
        starts: Intp[I + 1], where each image's objects begin.
    """

    images: Indices
    class_ids: Ids
    boxes_xyxy: Floats
    difficult: npt.NDArray[np.bool_]
    crowd: npt.NDArray[np.bool_]
    areas: Floats
    box_areas: Floats
    starts: Indices

    def __len__(self) -> int:
        return len(self.images)


def all_truths(data: DataSet) -> Truths:
    """The objects of every image of ``data``."""
    counts = [len(image) for image in data.images]
    return Truths(
        np.repeat(np.arange(len(counts)), counts),
        _joined([image.class_ids for image in data.images], np.int32),
        _joined([image.boxes_xyxy for image in data.images], np.float64).reshape(-1, 4),
        _joined([image.difficult for image in data.images], np.bool_),
        _joined([image.crowd for image in data.images], np.bool_),
        _joined([image.areas for image in data.images], np.float64),
        _joined([image.box_areas for image in data.images], np.float64),
        np.concatenate(([0], np.cumsum(counts, dtype=np.intp))),
    )


def _joined(parts: Sequence[npt.NDArray[_T]], dtype: type[_T]) -> npt.NDArray[_T]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)
