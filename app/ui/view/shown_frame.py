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
from app.core.events.masks import Masks, outside_masks
from app.core.frames import FrameResult, ObjectFacts
from app.core.records.frame_record import label_of
from app.core.settings import DetectionSettings
from app.ui.view.silence import hidden_text, masked_text
from app.ui.view.spoken import boxes_text
from detector.detections import Candidates, DetectionFilter, Detections

_COUNTED = 5  # classes with a line of their own


class ShownFrame:
    """One result under one filter; another filter or result is another object.

    Args:
        result: A frame and what was found in it; None for no frame.
        wanted: What to show of it.
        masks: Where nothing is shown.
    """

    def __init__(self, result: FrameResult | None, wanted: DetectionSettings, masks: Masks = ()) -> None:
        self.result = result
        self._wanted, self._masks = wanted, masks

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
        return candidates.pick(self.rows)

    @cached_property
    def rows(self) -> npt.NDArray[np.intp]:
        """Int[N]: the candidates that are shown, best first."""
        return self._outside(self._chosen)

    @cached_property
    def _chosen(self) -> npt.NDArray[np.intp]:
        """Int[N]: the candidates that are shown, but for masks."""
        if self.result is None or self.result.candidates is None:
            return np.empty(0, np.intp)
        return self.result.candidates.chosen(detection_filter(self._wanted, self.labels))

    @cached_property
    def numbers(self) -> tuple[int | None, ...]:
        """Returns the number of each detection's object, None while it has none; empty where nothing is followed."""
        numbers = self.result.numbers if self.result is not None else ()
        return tuple(numbers[row] for row in self.rows.tolist()) if numbers else ()

    @cached_property
    def unseen_s(self) -> tuple[float, ...]:
        """Returns for how long the network has not found each detection; empty where nothing is followed."""
        if self.result is None or not self.result.objects:
            return ()
        return tuple(self.result.unseen_s(row) for row in self.rows.tolist())

    def facts(self, row: int) -> ObjectFacts | None:
        """Returns what is known of the object of a detection; None where it is not followed."""
        if self.result is None or not self.result.objects:
            return None
        return self.result.objects[int(self.rows[row])]

    def so_far(self) -> dict[str, int]:
        """Returns how many different objects there were so far, by class, among the classes shown."""
        if self.result is None or not self.result.so_far:
            return {}
        wanted = detection_filter(self._wanted, self.labels).class_ids
        counts = enumerate(self.result.so_far)
        return {label_of(self.labels, i): n for i, n in counts if n and (wanted is None or i in wanted)}

    def counts(self) -> list[str]:
        """Returns a line for each class: how many are in the frame, and how many different ones were so far."""
        now = Counter(self.label(row) for row in range(len(self.detections)))
        so_far = self.so_far()
        names = sorted(now.keys() | so_far.keys(), key=lambda name: (-so_far.get(name, 0), -now[name], name))
        lines = [f"{name}  {now[name]}" + (f"  ·  {so_far[name]} so far" if name in so_far else "") for name in names]
        more = len(lines) - _COUNTED
        return lines if more <= 0 else [*lines[:_COUNTED], f"and {more} more classes"]

    def _outside(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Those of the candidates that lie in no mask."""
        if not self._masks or self.result is None or self.result.candidates is None:
            return rows
        return rows[outside_masks(self.result.candidates.boxes_xyxy[rows], self.size, self._masks)]

    @property
    def masked(self) -> int:
        """Returns how many detections are ignored because they lie in masks."""
        return len(self._chosen) - len(self.rows)

    def label(self, row: int) -> str:
        """Returns the class of a detection."""
        return label_of(self.labels, int(self.detections.class_ids[row]))

    @cached_property
    def hidden(self) -> int:
        """Returns how many detections the class filter hides."""
        if self.result is None or self.result.candidates is None:
            return 0
        wanted = detection_filter(self._wanted, self.labels)
        if wanted.class_ids is None:
            return 0
        found = self._class_ids(replace(wanted, class_ids=None))
        return sum(class_id not in wanted.class_ids for class_id in found)

    def _class_ids(self, wanted: DetectionFilter) -> list[int]:
        """The class of each detection that a filter lets through, outside masks."""
        if self.result is None or self.result.candidates is None:
            return []
        rows = self._outside(self.result.candidates.chosen(wanted))
        return [int(class_id) for class_id in self.result.candidates.class_ids[rows]]

    def best(self) -> tuple[str, float] | None:
        """Returns class and score of the best candidate among the classes shown, at any threshold; None for none."""
        if self.result is None or self.result.candidates is None:
            return None
        every = self.result.candidates
        seen = every.pick(self._outside(np.arange(len(every))))
        candidates = Candidates(seen.boxes_xyxy, seen.scores, seen.class_ids)
        row = candidates.best(detection_filter(self._wanted, self.labels).class_ids)
        if row is None:
            return None
        return label_of(self.labels, int(candidates.class_ids[row])), float(candidates.scores[row])

    def seen_text(self) -> str:
        """Returns what is shown, such as "2 persons, 1 dog", and what is not; "" while no model runs."""
        if self.result is None or self.result.candidates is None:
            return ""
        seen = counted([self.label(row) for row in range(len(self.detections))])
        away = [hidden_text(self.hidden, not seen)] if self.hidden else []
        away += [masked_text(self.masked, not (seen or away))] if self.masked else []
        return "  ·  ".join([seen, *away] if seen else away) or f"Nothing above {self._wanted.threshold:.2f}"

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
        return dict(Counter(self._class_ids(every)))
