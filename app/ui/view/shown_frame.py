"""What is shown of a frame: the detections that the settings let through, in numbers and in words. Pure.

Thresholds act here, on the candidates the network left, so a frame that stands still follows them without the network.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from app.core.counts import counted
from app.core.detection_filter import detection_filter
from app.core.frames import FrameResult
from app.core.records.frame_record import label_of
from app.core.settings import DetectionSettings
from app.ui.view.silence import hidden_text
from app.ui.view.spoken import boxes_text
from detector.detections import Detections


class ShownFrame:
    """One result under one filter; another filter or result is another object.

    Args:
        result: A frame and what was found in it; None for no frame.
        wanted: What to show of it.
    """

    def __init__(self, result: FrameResult | None, wanted: DetectionSettings) -> None:
        self.result = result
        self._wanted = wanted

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names that ids index."""
        return self.result.labels if self.result is not None else ()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frame, pixels; zeros for none."""
        return (self.result.frame.width, self.result.frame.height) if self.result is not None else (0, 0)

    @cached_property
    def detections(self) -> Detections:
        """The detections shown, best first."""
        candidates = self.result.candidates if self.result is not None else None
        if candidates is None:
            return Detections.empty()
        return candidates.pick(self._rows)

    @cached_property
    def _rows(self) -> npt.NDArray[np.intp]:
        """Int[N]: the candidates that are shown."""
        if self.result is None or self.result.candidates is None:
            return np.empty(0, np.intp)
        return self.result.candidates.chosen(detection_filter(self._wanted, self.labels))

    def label(self, row: int) -> str:
        """Returns the class of a detection."""
        return label_of(self.labels, int(self.detections.class_ids[row]))

    @cached_property
    def hidden(self) -> int:
        """How many detections the class filter hides."""
        if self.result is None or self.result.candidates is None:
            return 0
        wanted = detection_filter(self._wanted, self.labels)
        if wanted.class_ids is None:
            return 0
        found = self.result.candidates.detections(replace(wanted, class_ids=None))
        return sum(class_id not in wanted.class_ids for class_id in found.class_ids.tolist())

    def best(self) -> tuple[str, float] | None:
        """Returns class and score of the best candidate among the classes shown, at any threshold; None for none."""
        if self.result is None or self.result.candidates is None:
            return None
        candidates = self.result.candidates
        row = candidates.best(detection_filter(self._wanted, self.labels).class_ids)
        if row is None:
            return None
        return label_of(self.labels, int(candidates.class_ids[row])), float(candidates.scores[row])

    def seen_text(self) -> str:
        """Returns what is shown, such as "2 persons, 1 dog", and what is not; "" while no model runs."""
        if self.result is None or self.result.candidates is None:
            return ""
        seen = counted([self.label(row) for row in range(len(self.detections))])
        if not self.hidden:
            return seen or f"Nothing above {self._wanted.threshold:.2f}"
        return f"{seen}  ·  {self.hidden} hidden by the class filter" if seen else hidden_text(self.hidden)

    def spoken_text(self, with_places: bool) -> str:
        """Returns the frame in words, for a screen reader.

        Args:
            with_places: Say of each box where it lies too, which is of use while nothing moves.
        """
        seen = self.seen_text()
        if not with_places or not len(self.detections):
            return seen
        return f"{seen}. {boxes_text(self.detections, self.labels, self.size)}"

    def class_counts(self) -> dict[int, int]:
        """Returns how many objects above the threshold are in the frame, by class; also of classes that are hidden."""
        if self.result is None or self.result.candidates is None:
            return {}
        if not self._wanted.classes:
            return dict(Counter(self.detections.class_ids.tolist()))
        every = detection_filter(replace(self._wanted, classes=()), self.labels)
        return dict(Counter(self.result.candidates.detections(every).class_ids.tolist()))
