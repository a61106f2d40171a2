"""Compares detections of two programs: every one of either that scores enough must be among the other's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from detector.detections import Candidates
from tests.support.shared_data import shared

Found = Sequence[tuple[int, float, Sequence[float]]]
"""Class, score and box (x1, y1, x2, y2) in pixels, of each detection."""

LEAST_SCORE, LEAST_IOU, MOST_DIFFERENCE = 0.45, 0.9, 0.02
_NEAR = 0.1  # how much less a partner may score before it is not looked at


@dataclass
class Parity:
    """The comparison so far.

    Attributes:
        compared: Detections that were looked for.
        missing: Those without a partner of the class, place and score.
    """

    compared: int = 0
    missing: list[str] = field(default_factory=list)

    def add(self, where: str, ours: Found, theirs: Found, *, both: bool = True) -> None:
        """Look for each detection of theirs among ours, and with ``both`` for ours among theirs."""
        pairs = [("theirs", theirs, ours), ("ours", ours, theirs)]
        for name, wanted, there in pairs if both else pairs[:1]:
            for label, score, box in wanted:
                if score < LEAST_SCORE:
                    continue
                self.compared += 1
                if not any(
                    label == other and abs(score - near) <= MOST_DIFFERENCE and iou(box, place) >= LEAST_IOU
                    for other, near, place in there
                ):
                    self.missing.append(f"{where}: {name} {label} {score:.3f} {[round(float(v), 1) for v in box]}")

    @property
    def matched(self) -> float:
        """Part of the detections that have their partner."""
        return 1 - len(self.missing) / max(self.compared, 1)


def iou(first: Sequence[float], second: Sequence[float]) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2)."""
    width = max(0.0, min(first[2], second[2]) - max(first[0], second[0]))
    height = max(0.0, min(first[3], second[3]) - max(first[1], second[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return width * height / max(areas - width * height, 1e-9)


def of_candidates(found: Candidates) -> Found:
    """What suppression keeps, as ``Found``, down to a little below what is compared."""
    kept = found.kept
    assert kept is not None
    return [
        (int(found.class_ids[i]), float(found.scores[i]), found.boxes_xyxy[i].tolist())
        for i in range(len(found))
        if kept[i] and found.scores[i] >= LEAST_SCORE - _NEAR
    ]


def photographs() -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
    """Real photographs, with their names."""
    folder = shared("coco-val2017-32/val2017")
    for path in sorted(Path(folder).glob("*.jpg")):
        image = cv2.imread(str(path))
        assert image is not None
        yield path.stem, image.astype(np.uint8)
