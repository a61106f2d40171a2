"""What is said of pictures before they are learnt from: which set it is, and what is odd about its boxes. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detector.errors import DetectorError, Remedy
from detector.evaluation.issues import Issues
from detector.training.data import LabelledImage

_SLACK = 1.0  # pixels: tools count from 0 or from 1
_EMPTY = (
    "box has no area inside its picture and is left out",
    "boxes have no area inside their pictures and are left out",
)
_OUTSIDE = (
    "box reaches beyond its picture and is cut off at the edge",
    "boxes reach beyond their pictures and are cut off at the edge",
)


def fingerprint(pictures: Sequence[LabelledImage]) -> str:
    """Count and hash of what is learnt: names of files, sizes, boxes and classes; not where the files lie.

    Equal for equal sets in the same order, whatever folder they were moved to.
    """
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(f"{picture.path.name}\0{picture.width}\0{picture.height}\0{len(picture.class_ids)}\0".encode())
        digest.update(picture.boxes_xyxy.astype("<f4").tobytes())
        digest.update(picture.class_ids.astype("<i8").tobytes())
    return f"{len(pictures)} {digest.hexdigest()}"


def check_same_pictures(path: Path, before: str, now: str) -> None:
    """Compare two fingerprints; "" is not known and agrees with all.

    Args:
        path: The checkpoint that ``before`` is from.
        before: What was learnt.
        now: What is to be learnt.

    Raises:
        DetectorError: They differ.
    """
    if not before or not now or before == now:
        return
    old, new = before.partition(" ")[0], now.partition(" ")[0]
    what = f"{old} pictures instead of {new}" if old != new else f"{new} pictures with other names, boxes or classes"
    raise DetectorError(
        f"{path} was made with other data: {what}.",
        "Train on the same images and labels, or choose another folder; a finished model can be the start there.",
        Remedy("start"),
    )


def box_notes(pictures: Sequence[LabelledImage]) -> tuple[str, ...]:
    """One line for each kind of box that is not learnt as it was marked; of pictures whose size is stated."""
    issues = Issues()
    for picture in pictures:
        if not picture.width or not picture.height or not len(picture.boxes_xyxy):
            continue
        edges = np.array([picture.width, picture.height] * 2, np.float32)
        inside = picture.boxes_xyxy.clip(0, edges)
        empty = (inside[:, 2] <= inside[:, 0]) | (inside[:, 3] <= inside[:, 1])
        outside = (np.abs(picture.boxes_xyxy - inside) > _SLACK).any(axis=1) & ~empty
        for number in np.flatnonzero(empty | outside):
            kind = _EMPTY if empty[number] else _OUTSIDE
            issues.add(*kind, f"box {number + 1} in {picture.path.name}")
    return issues.lines()
