"""The class outputs of torchvision's detectors: COCO's 91, ten of which no category ever used, or a user's own."""

from __future__ import annotations

from dataclasses import dataclass

from detector.importers.base import Overrides
from detector.importers.conventions import choose_labels
from detector.importers.notes import Note
from detector.labels import COCO80, TORCHVISION_COCO91


@dataclass(frozen=True, slots=True)
class Classes:
    """The outputs to keep.

    Attributes:
        kept: Places among the file's outputs, background first.
        labels: Names of the kept ones, background left out.
        notes: What was assumed.
    """

    kept: tuple[int, ...]
    labels: tuple[str, ...]
    notes: tuple[Note, ...]


def choose_classes(outputs: int, overrides: Overrides) -> Classes:
    """Decides which of ``outputs`` per box, background included, stand for a class.

    Of COCO's 91 the ten unused ones are dropped, unless the user names all of them.

    Raises:
        DetectorError: The user named another number of classes.
    """
    named = None if overrides.labels is None else len(overrides.labels)
    if outputs == len(TORCHVISION_COCO91) and named in (None, len(COCO80)):
        text = "91 outputs, one for each COCO id: the ten ids COCO never used are left out, 80 classes remain."
        kept = tuple(i for i, label in enumerate(TORCHVISION_COCO91) if label != "N/A")
        return Classes(kept, overrides.labels or COCO80, (Note(text),))
    labels = choose_labels(outputs - 1, overrides)
    return Classes(tuple(range(outputs)), labels.value, labels.notes)
