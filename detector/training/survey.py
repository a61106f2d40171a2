"""A look at the images before they are learnt from: which set it is, and what is odd about its boxes. Pure."""

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
    "box has no area inside its image and is left out",
    "boxes have no area inside their images and are left out",
)
_OUTSIDE = (
    "box reaches beyond its image and is cut off at the edge",
    "boxes reach beyond their images and are cut off at the edge",
)


def fingerprint(images: Sequence[LabelledImage]) -> str:
    """Count and hash of what is learnt: names of files, sizes, boxes and classes; not where the files lie.

    Equal for equal sets in the same order, whatever folder they were moved to.
    """
    digest = hashlib.sha256()
    for image in images:
        digest.update(f"{image.path.name}\0{image.width}\0{image.height}\0{len(image.class_ids)}\0".encode())
        digest.update(image.boxes_xyxy.astype("<f4").tobytes())
        digest.update(image.class_ids.astype("<i8").tobytes())
    return f"{len(images)} {digest.hexdigest()}"


def check_same_images(path: Path, before: str, now: str) -> None:
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
    what = f"{old} images instead of {new}" if old != new else f"{new} images with other names, boxes or classes"
    raise DetectorError(
        f"{path} was made with other data: {what}.",
        "Train on the same images and labels, or choose another folder; a finished model can be the start there.",
        Remedy("start"),
    )


def box_notes(images: Sequence[LabelledImage]) -> tuple[str, ...]:
    """One line for each kind of box that is not learnt as it was marked; of images whose size is stated."""
    issues = Issues()
    for image in images:
        if not image.width or not image.height or not len(image.boxes_xyxy):
            continue
        edges = np.array([image.width, image.height] * 2, np.float32)
        inside = image.boxes_xyxy.clip(0, edges)
        empty = (inside[:, 2] <= inside[:, 0]) | (inside[:, 3] <= inside[:, 1])
        outside = (np.abs(image.boxes_xyxy - inside) > _SLACK).any(axis=1) & ~empty
        for number in np.flatnonzero(empty | outside):
            kind = _EMPTY if empty[number] else _OUTSIDE
            issues.add(*kind, f"box {number + 1} in {image.path.name}")
    return issues.lines()
