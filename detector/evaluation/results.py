"""The parts of an evaluation: true objects, detections, and scores. Plain data, numpy only, immutable.

Readers of this package make ``ImageTruth`` and ``ImageFound``; the metrics turn them into a ``VocResult`` or a
``CocoResult``; reports and charts read those. Boxes are in pixels of the image counted from 0, in float64: a score
that must agree to the last digit cannot come from rounded boxes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from detector.spec import ModelSpec

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

Metric = Literal["voc07", "voc", "coco"]
METRICS: tuple[Metric, ...] = ("voc07", "voc", "coco")

COCO_NUMBERS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
"""COCO's twelve, in its own order: precision by overlap and size, then recall by count and size."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageTruth:
    """The objects that are in one image.

    Attributes:
        image_id: Its name within the data set: a VOC stem, or COCO's number in digits.
        path: The image file; None where it is not on this computer.
        width: Pixels, upright; 0 where the annotation does not say.
        height: Pixels; 0 where the annotation does not say.
        boxes_xyxy: Float64[N, 4], pixels from 0.
        class_ids: Int32[N], index into ``DataSet.labels``.
        difficult: Bool[N], VOC: neither finding nor missing it counts.
        crowd: Bool[N], COCO: stands for many objects; detections inside it do not count.
        areas: Float64[N], pixels: what COCO calls small, medium and large by. Of the object's outline where the
            annotation states it, else of the box.
        box_areas: Float64[N], pixels: width times height as annotated.
        file_name: Of the image, as the annotation states it; only shown, never opened.
    """

    image_id: str
    path: Path | None
    width: int
    height: int
    boxes_xyxy: Floats
    class_ids: Ids
    difficult: Flags
    crowd: Flags
    areas: Floats
    box_areas: Floats
    file_name: str = ""

    def __len__(self) -> int:
        return len(self.class_ids)


@dataclass(frozen=True, slots=True, eq=False)
class ImageFound:
    """The detections in one image, in the order given; ``DataSet.labels`` are indexed.

    Attributes:
        boxes_xyxy: Float64[D, 4], pixels from 0.
        scores: Float64[D].
        class_ids: Int32[D].
        areas: Float64[D], pixels: width times height as given.
    """

    boxes_xyxy: Floats
    scores: Floats
    class_ids: Ids
    areas: Floats

    def __len__(self) -> int:
        return len(self.class_ids)

    @staticmethod
    def empty() -> ImageFound:
        """Nothing."""
        return ImageFound(np.empty((0, 4)), np.empty(0), np.empty(0, np.int32), np.empty(0))


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """One split of an annotated set of images.

    Attributes:
        root: Where it was read from.
        kind: Its format.
        split: Its name, e.g. "test" or "val2017".
        labels: Class names, indexed by every ``class_ids``.
        images: In the order the set lists them.
        notes: One line for each kind of thing that was wrong but could be read around, with counts.
        category_ids: COCO's number of each label; empty for VOC.
    """

    root: Path
    kind: Literal["voc", "coco"]
    split: str
    labels: tuple[str, ...]
    images: tuple[ImageTruth, ...]
    notes: tuple[str, ...] = ()
    category_ids: tuple[int, ...] = ()


class Verdict(IntEnum):
    """The outcome of a detection, at an overlap of at least one half."""

    FALSE = 0
    MATCHED = 1
    IGNORED = 2
    """It fell on something that does not count (difficult, crowd), or came after the first hundred."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageOutcome:
    """Truth and findings of one image, put together at an overlap (IoU) of one half.

    Attributes:
        truth: What is there.
        found: What was detected.
        verdicts: UInt8[D], a ``Verdict`` for each detection.
        partners: Int32[D], the index of the true box a detection matched (or was ignored for); -1 for none. A second
            detection of an object found already is FALSE with partner -1.
        missed: Int32[M], indices of the true boxes that count and that no detection matched, whatever its score.
    """

    truth: ImageTruth
    found: ImageFound
    verdicts: npt.NDArray[np.uint8]
    partners: Ids
    missed: Ids


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Precision against recall at an overlap of one half, one point per detection that counts, best score first.

    Attributes:
        recall: Float64[K], rising.
        precision: Float64[K], as measured (not made to fall).
        scores: Float64[K], the score at or above which these hold.
    """

    recall: Floats
    precision: Floats
    scores: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ClassResult:
    """One class.

    Attributes:
        label: Its name.
        ap: Average precision by the metric's rule; NaN for a class without objects that count.
        objects: How many objects count.
        detections: How many detections there were.
        curve: At an overlap of one half.
        numbers: COCO only: its twelve for this class alone, by ``COCO_NUMBERS``; NaN where nothing counts.
    """

    label: str
    ap: float
    objects: int
    detections: int
    curve: Curve
    numbers: dict[str, float]

    @property
    def counts(self) -> bool:
        """Returns whether the class takes part in the mean."""
        return not math.isnan(self.ap)


@dataclass(frozen=True, slots=True, eq=False)
class VocResult:
    """Scores by one of PASCAL VOC's rules.

    Attributes:
        metric: "voc07", mean of the precision at eleven recalls; "voc", area under the curve (2010 and later).
        mean_ap: Mean over the classes that have objects; NaN if none has.
        per_class: In the order of the labels.
        outcomes: In the order of the images.
    """

    metric: Literal["voc07", "voc"]
    mean_ap: float
    per_class: tuple[ClassResult, ...]
    outcomes: tuple[ImageOutcome, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CocoResult:
    """COCO's scores for boxes.

    Attributes:
        metric: Always "coco".
        mean_ap: AP, the first of the twelve.
        numbers: The twelve by ``COCO_NUMBERS``; NaN where nothing counts (pycocotools says -1).
        per_class: In the order of the labels.
        outcomes: In the order of the images.
    """

    metric: Literal["coco"]
    mean_ap: float
    numbers: dict[str, float]
    per_class: tuple[ClassResult, ...]
    outcomes: tuple[ImageOutcome, ...]


Result = VocResult | CocoResult


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A finished evaluation, with all that a report says about it.

    Attributes:
        subject: The model's name, or the file or folder of the detections.
        device: Where the model ran; "" for detections that existed already.
        data: What was measured on.
        result: The scores.
        notes: What the reader of the numbers should know, one line each: unmatched classes, missing images.
        seconds: That the model ran; 0 for detections that existed already.
        model: What is known of the model; None for detections that existed already.
    """

    subject: str
    device: str
    data: DataSet
    result: Result
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    model: ModelSpec | None = None
