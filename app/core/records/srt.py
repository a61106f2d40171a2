"""Subtitles that count the objects: a cue for each run of frames that show the same. Owned by the writing thread."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path

from app.core.records.frame_record import FrameRecord, label_of
from app.core.records.text_file import TextFile

_ONLY_FRAME_S = Fraction(1, 25)


class SrtFile(TextFile):
    """SubRip: number, ``00:00:01,000 --> 00:00:02,000``, "2 car, 1 person", an empty line.

    Args:
        target: Final name.
        lead_s: When players show the first frame, counted from where they begin.
    """

    def __init__(self, target: Path, lead_s: Fraction = Fraction(0)) -> None:
        super().__init__(target)
        self._lead_s = lead_s
        self._shown = ""
        self._start_s = Fraction(0)
        self._last_s: Fraction | None = None
        self._step_s = _ONLY_FRAME_S
        self._number = 0

    def write(self, record: FrameRecord) -> None:
        """Go on with the cue, or end it; see ``RecordWriter``."""
        now_s = self._lead_s + record.pts_s
        if self._last_s is not None and now_s > self._last_s:
            self._step_s = now_s - self._last_s
        self._last_s = now_s
        text = frame_text(record)
        if text != self._shown:
            self._end_cue(now_s)
            self._shown, self._start_s = text, now_s

    def complete(self) -> None:
        """The last cue lasts as long as the last frame; see ``RecordWriter``."""
        if self._last_s is not None:
            self._end_cue(self._last_s + self._step_s)
            self._shown = ""
        super().complete()

    def finish(self) -> None:
        """See ``RecordWriter``."""
        self.complete()
        super().finish()

    def _end_cue(self, end_s: Fraction) -> None:
        if not self._shown:
            return
        self._number += 1
        start = round(self._start_s * 1000)
        end = max(round(end_s * 1000), start + 1)
        self.append(f"{self._number}\n{_stamp(start)} --> {_stamp(end)}\n{self._shown}\n\n")


def frame_text(record: FrameRecord) -> str:
    """ "2 car, 1 person": the most frequent class first; "" for an empty frame."""
    counts = Counter(label_of(record.labels, class_id) for class_id in record.detections.class_ids.tolist())
    order = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(f"{count} {' '.join(label.split())}" for label, count in order)


def _stamp(milliseconds: int) -> str:
    seconds, rest = divmod(max(milliseconds, 0), 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{rest:03d}"
