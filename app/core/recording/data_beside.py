"""Writes the detections beside a recording: ``NAME.jsonl``, a line for each frame looked at. Owned by the recorder.

Detections come some time after their frame, perhaps when the next file has begun; by its time each finds its own.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from app.core.recording.folder import DATA_SUFFIX
from app.core.records.frame_record import FrameRecord
from app.core.records.jsonl import JsonLines

_S = 1_000_000_000


class DataBeside:
    """The data of one recording after the other."""

    def __init__(self) -> None:
        self._video: tuple[int, Path] | None = None
        self._file: JsonLines | None = None
        self._file_ns = 0
        self._count = 0
        self._flushed_ns = 0

    def begin(self, began_ns: int, video: Path) -> None:
        """Another file has begun, with a frame that arrived then."""
        self._video = began_ns, video

    def write(self, captured_ns: int, record: FrameRecord) -> None:
        """Appends what was found in a frame; of one that no file has, nothing is kept.

        Raises:
            AppError: It cannot be written.
        """
        if self._video is not None and captured_ns >= self._video[0]:
            began_ns, video = self._video
            self._video = None
            self.finish()
            self._file, self._file_ns, self._count = JsonLines(video.with_suffix(DATA_SUFFIX)), began_ns, 0
        if self._file is None or captured_ns < self._file_ns:
            return
        time_s = Fraction(captured_ns - self._file_ns, _S)
        self._file.write(replace(record, index=self._count, pts_s=time_s))
        self._count += 1
        if captured_ns - self._flushed_ns >= _S:
            self._flushed_ns = captured_ns
            self._file.flush()

    def finish(self) -> None:
        """Gives the present file its name.

        Raises:
            AppError: It cannot be completed.
        """
        file, self._file = self._file, None
        if file is not None:
            file.finish()

    def end(self) -> None:
        """No video grows any more.

        Raises:
            AppError: As ``finish``.
        """
        self._video = None
        self.finish()
