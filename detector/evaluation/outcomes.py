"""Image by image: what was matched, what was missed, what was a false alarm. Both metrics end here."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from detector.evaluation.detection_table import DetectionTable, Indices, Truths
from detector.evaluation.results import DataSet, Flags, ImageOutcome, Verdict

OVERLAP = 0.5
"""The overlap (IoU) at which a detection has found an object, for every rule's curve and every report."""


def put_together(
    data: DataSet,
    found: DetectionTable,
    truths: Truths,
    uncounted: Flags,
    verdicts: npt.NDArray[np.uint8],
    partners: Indices,
) -> tuple[ImageOutcome, ...]:
    """One outcome for each image.

    Args:
        data: The images.
        found: All detections.
        truths: All objects of ``data``.
        uncounted: Bool[G], objects that neither count as found nor as missed.
        verdicts: UInt8[D], a ``Verdict`` for each detection.
        partners: Intp[D], row in ``truths`` of the object each detection fell on; -1 for none.
    """
    missed = ~uncounted
    missed[partners[verdicts == Verdict.MATCHED]] = False
    order = np.argsort(found.images, kind="stable")
    ends = np.searchsorted(found.images[order], np.arange(len(data.images) + 1))
    outcomes: list[ImageOutcome] = []
    spans = zip(data.images, pairwise(ends), pairwise(truths.starts), strict=True)
    for truth, (begin, end), (first, stop) in spans:
        rows = order[begin:end]
        own = partners[rows]
        outcomes.append(
            ImageOutcome(
                truth,
                found.image(rows),
                verdicts[rows],
                np.where(own >= 0, own - first, -1).astype(np.int32),
                np.flatnonzero(missed[first:stop]).astype(np.int32),
            )
        )
    return tuple(outcomes)
