"""Where in an analysed video each class appears: the store is read once, any threshold then takes milliseconds.

Pure but for reading the store; any thread. A video is cut into at most some thousand pieces, single frames where it is
short, and of each piece and class the best score stays: a few megabytes, however long the video is. A box never
suppresses a better one, so whether a class is shown depends on that score alone, not on the overlap limit.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_format import StoredFrame
from app.core.events.masks import Masks, outside_masks
from detector.class_names import chosen_ids

Seconds = npt.NDArray[np.float64]

MAX_PIECES = 8192
_MAX_CELLS = 4_000_000  # of pieces and classes
_MIN_PIECES = 64
_AT_ONCE = 256  # frames gathered before they are sorted in
_DEFAULT_PERIOD_S = 0.04

JOIN_S = 0.5
"""A class that is away for no longer than this counts as there: detections flicker."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassRow:
    """The appearances of one class.

    Attributes:
        name: The class.
        starts_s: Float64[N], ascending, seconds.
        ends_s: Float64[N], where the last frame of each appearance ends, not before its start.
    """

    name: str
    starts_s: Seconds
    ends_s: Seconds

    @property
    def seconds(self) -> float:
        """Returns how long it is there in all."""
        return float((self.ends_s - self.starts_s).sum())


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """A store's best score of each class, piece by piece.

    Attributes:
        labels: Class names, one a column.
        starts_s: Float64[P], start of each piece.
        end_s: End of the last piece.
        best: Float32[P, C], best score of each class in each piece; -1 where there is none.
        best_s: Float64[P, C], time of the frame that has it.
    """

    labels: tuple[str, ...]
    starts_s: Seconds
    end_s: float
    best: npt.NDArray[np.float32]
    best_s: Seconds

    def rows(self, threshold: float, classes: tuple[str, ...] = (), join_s: float = JOIN_S) -> tuple[ClassRow, ...]:
        """Returns where each class that appears at all does so, the one that is there longest first.

        Args:
            threshold: Least score, in [0, 1].
            classes: As ``DetectionSettings.classes``: those of interest; none that the model knows means all.
            join_s: Appearances no further apart than this are one.

        An appearance begins with the frame that has the best score of its first piece, so that this frame surely shows
        the class; with pieces of one frame that is its very first.
        """
        shown = self.best >= np.float32(threshold)
        known = chosen_ids(classes, self.labels)
        if known:
            shown &= np.isin(np.arange(len(self.labels)), list(known))
        rows = [self._row(int(column), shown[:, column], join_s) for column in np.flatnonzero(shown.any(axis=0))]
        return tuple(sorted(rows, key=lambda row: (-row.seconds, row.name)))

    def _row(self, column: int, shown: npt.NDArray[np.bool_], join_s: float) -> ClassRow:
        change = np.diff(shown.astype(np.int8), prepend=0, append=0)
        first, after = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
        starts = self.best_s[first, column]
        ends = np.maximum(np.append(self.starts_s, self.end_s)[after], starts)
        apart = starts[1:] - ends[:-1] > join_s
        return ClassRow(self.labels[column], starts[np.append(True, apart)], ends[np.append(apart, True)])


class GrowingSurvey:
    """A survey of a store that is still being written, read on from where it was.

    Args:
        labels: Class names.
        expected_frames: How many there will be, as far as is known; more do no harm.
        max_pieces: Into how many pieces the video is cut at most.
        masks: Where nothing counts.

    Attributes:
        frames: How many were read so far.
    """

    def __init__(
        self, labels: tuple[str, ...], expected_frames: int, max_pieces: int = MAX_PIECES, masks: Masks = ()
    ) -> None:
        self._labels, self._masks = labels, masks
        room = max(_MIN_PIECES, _MAX_CELLS // max(1, len(labels)))
        self._each = max(1, -(-expected_frames // min(max_pieces, room)))
        pieces = max(1, -(-expected_frames // self._each))
        self._best = np.full((pieces, len(labels)), -1, np.float32)
        self._best_s = np.zeros((pieces, len(labels)))
        self._starts_s = np.zeros(pieces)
        self._last_s = 0.0
        self.frames = 0

    def extend(self, store: CandidateStore, stop: threading.Event | None = None) -> bool:
        """Reads what the store has by now; False when ``stop`` was set meanwhile.

        Raises:
            StoreError: It cannot be read.
        """
        while self.frames < store.frames:
            if stop is not None and stop.is_set():
                return False
            indices = np.arange(self.frames, min(self.frames + _AT_ONCE, store.frames))
            self._add(indices, [store.frame(index) for index in indices.tolist()])
        return True

    def _add(self, indices: npt.NDArray[np.int64], frames: list[StoredFrame]) -> None:
        times_s = np.array([float(frame.pts_s) for frame in frames])
        pieces = np.minimum(indices // self._each, len(self._starts_s) - 1)
        begins = indices == pieces * self._each
        self._starts_s[pieces[begins]] = times_s[begins]
        _sort_in(frames, times_s, pieces, self._masks, self._best, self._best_s)
        self.frames, self._last_s = int(indices[-1]) + 1, float(times_s[-1])

    def survey(self) -> Survey:
        """Returns what is known so far."""
        pieces = min(-(-self.frames // self._each), len(self._starts_s))
        length_s = self._last_s - float(self._starts_s[0]) if pieces else 0.0
        period_s = length_s / (self.frames - 1) if self.frames > 1 else _DEFAULT_PERIOD_S
        return Survey(
            self._labels,
            self._starts_s[:pieces].copy(),
            self._last_s + max(0.0, period_s),
            self._best[:pieces].copy(),
            self._best_s[:pieces].copy(),
        )


def survey(
    store: CandidateStore, stop: threading.Event | None = None, max_pieces: int = MAX_PIECES, masks: Masks = ()
) -> Survey | None:
    """Reads the whole store; None when ``stop`` was set meanwhile.

    Raises:
        StoreError: It cannot be read.
    """
    growing = GrowingSurvey(store.facts.labels, store.frames, max_pieces, masks)
    return growing.survey() if growing.extend(store, stop) else None


def _outside(frames: list[StoredFrame], masks: Masks) -> npt.NDArray[np.bool_]:
    """Bool[N]: which candidates of these frames, one after the other, lie in no mask."""
    boxes = [frame.candidates.boxes_xyxy for frame in frames]
    sizes = [(frame.width, frame.height) for frame in frames]
    if len(set(sizes)) == 1:  # all at once, which is much quicker
        boxes, sizes = [np.concatenate(boxes)], sizes[:1]
    return np.concatenate([outside_masks(each, size, masks) for each, size in zip(boxes, sizes, strict=True)])


def _sort_in(
    frames: list[StoredFrame],
    times_s: Seconds,
    pieces: npt.NDArray[np.int64],
    masks: Masks,
    best: npt.NDArray[np.float32],
    best_s: Seconds,
) -> None:
    """Enter the candidates of ``frames`` into the tables: the best of each piece and class, of equals the earliest."""
    counts = [len(frame.candidates) for frame in frames]
    scores = np.concatenate([frame.candidates.scores for frame in frames])
    ids = np.concatenate([frame.candidates.class_ids for frame in frames])
    rows, at_s = np.repeat(pieces, counts), np.repeat(times_s, counts)
    known = ids < best.shape[1]  # a file from elsewhere may name classes that it has no label for
    if masks:
        known &= _outside(frames, masks)
    scores, ids, rows, at_s = scores[known], ids[known], rows[known], at_s[known]
    order = np.lexsort((at_s, -scores, ids, rows))
    rows, ids, scores, at_s = rows[order], ids[order], scores[order], at_s[order]
    top = np.append(True, (np.diff(rows) != 0) | (np.diff(ids) != 0))[: len(rows)]
    rows, ids, scores, at_s = rows[top], ids[top], scores[top], at_s[top]
    better = scores > best[rows, ids]
    best[rows[better], ids[better]] = scores[better]
    best_s[rows[better], ids[better]] = at_s[better]
