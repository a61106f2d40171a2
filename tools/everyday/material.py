"""The data that ``everyday`` learns from and is measured on. Needs torch for the table of labelled classes only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from detector.errors import DetectorError
from detector.evaluation.class_matching import match_names
from detector.evaluation.data_sets import read_data
from detector.evaluation.results import DataSet
from detector.labels import COCO80
from detector.training.data import LabelledImage, training_images
from tools.everyday.criterion import labelled_classes
from tools.everyday.unpack import missing_images, unpack


@dataclass(frozen=True, slots=True)
class Sources:
    """The folders of images.

    Attributes:
        tars: Folder of VOC's tars, long side 300; unpacked into the work folder.
        sharper: VOC trees of the same images, larger; only their ``train`` is used.
        coco: Annotation file of fully labelled images to learn from; None for none.
        holdout: The same to choose by; None for none.
        brake: The same to choose nothing by, but an average that forgets too much there is not shipped; None for none.
    """

    tars: Path
    sharper: tuple[Path, ...] = ()
    coco: Path | None = None
    holdout: Path | None = None
    brake: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EverydayMaterial:
    """Everything that is read before the first step.

    Attributes:
        images: To learn from.
        labelled: Bool[N, 80], the classes of which all objects in an image are labelled.
        voc_val: 500 images of VOC2007 trainval to choose by.
        coco_holdout: Fully labelled images to choose by; None where there are none.
        coco_brake: Fully labelled images that only forbid; None where there are none.
        said: What was read, for the provenance.
    """

    images: tuple[LabelledImage, ...]
    labelled: Tensor
    voc_val: DataSet
    coco_holdout: DataSet | None
    coco_brake: DataSet | None
    said: str


def gather(sources: Sources, work: Path, replay: int) -> EverydayMaterial:
    """Unpack and read all images.

    Args:
        sources: Where they are.
        work: Folder for what is unpacked.
        replay: How often each fully labelled image is in the set.

    Raises:
        DetectorError: Images are missing, or nothing can be read.
    """
    tree = work / "data"
    unpack(sources.tars, tree)
    sets = [
        read_data(tree / "VOCdevkit", "voc", "train"),
        *(read_data(root, "voc", "train") for root in sources.sharper),
    ]
    parts = [("VOC images of 300 pixels", 1, sets[0]), *(("larger VOC images", 1, data) for data in sets[1:])]
    if sources.coco is not None:
        parts.append(("images of COCO train2017", replay, read_data(sources.coco, "coco")))
    for _, _, data in parts:
        if missing := missing_images(data):
            raise DetectorError(f"{missing} images of {data.root} are missing.", "Give them, then run again.")
    images: list[LabelledImage] = []
    counts: list[int] = []
    for _, times, data in parts:
        once = training_images([data], COCO80)
        images += once * times
        counts.append(len(once) * times)
    known = [[int(i) for i in match_names(data.labels, COCO80, {}).ids if i >= 0] for _, _, data in parts]
    said = ", ".join(
        f"{len(data.images)} {what}" + (f" {times} times over" if times > 1 else "") for what, times, data in parts
    )
    return EverydayMaterial(
        images=tuple(images),
        labelled=labelled_classes(counts, known, len(COCO80)),
        voc_val=read_data(tree / "VOCdevkit", "voc", "val"),
        coco_holdout=None if sources.holdout is None else read_data(sources.holdout, "coco"),
        coco_brake=None if sources.brake is None else read_data(sources.brake, "coco"),
        said=said,
    )


def overlapping(images: Sequence[LabelledImage], measured: DataSet) -> int:
    """Returns how many images are both learnt from and measured on, by their names."""
    learnt = {image.path.stem for image in images}
    return sum(image.image_id in learnt for image in measured.images)
