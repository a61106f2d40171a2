"""Begins, ends and gives up the files of a recorder, and tells it. Owned by the recorder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from app.core.errors import AppError
from app.core.media.packets import MediaFormat
from app.core.recording.folder import DATA_SUFFIX, finish_interrupted, finish_left, keep_within, recording_stem
from app.core.recording.packet_clock import TimedPacket
from app.core.recording.recording_file import RecordingFile
from app.core.recording.reports import (
    FileBegun,
    FileFinished,
    Kind,
    RecorderPlan,
    RecorderReport,
    RecordingPaused,
    RecordingResumed,
)

log = logging.getLogger(__name__)

_S = 1_000_000_000


class ToldFiles:
    """The files of one source.

    Args:
        plan: Where they go, and how much of them stays.
        tell: Told what happens to them.
    """

    def __init__(self, plan: RecorderPlan, tell: Callable[[RecorderReport], None]) -> None:
        self._plan, self._tell = plan, tell
        self._pause_told = False
        pairs: list[tuple[Path | None, Kind]] = [(plan.folder, "recording"), (plan.clips, "clip")]
        self._folders: list[tuple[Path, Kind]] = [(folder, kind) for folder, kind in pairs if folder is not None]

    @property
    def folders(self) -> list[Path]:
        """Returns the folders that files go to."""
        return [folder for folder, _ in self._folders]

    def finish_interrupted(self) -> None:
        """Finishes what an earlier run left."""
        for folder, kind in self._folders:
            try:
                for path in finish_interrupted(folder):
                    self._tell(FileFinished(path, kind, 0, 0.0))
            except AppError as error:
                log.warning("%s", error.message)

    def begin(self, folder: Path, name: str, media: MediaFormat, from_ns: int, kind: Kind) -> RecordingFile:
        """Begins a file.

        Args:
            folder: Where.
            name: What it is called, before the time.
            media: What comes.
            from_ns: When its first packet arrived, as of ``MediaPacket.arrived_ns``.
            kind: What it is.

        Raises:
            AppError: It cannot be written.
        """
        file = self._new_file(folder, name, media, from_ns)
        self._go_on()
        self._tell(FileBegun(file.path, kind))
        return file

    def try_clip(self, media: MediaFormat, first: TimedPacket) -> None:
        """Ends the pause if a clip could be begun with this packet; it may be long before one is wanted.

        Raises:
            AppError: It could not.
        """
        if self._plan.clips is None:
            return
        file = self._new_file(self._plan.clips, self._plan.title, media, first.packet.arrived_ns)
        try:
            file.write(first)
        finally:
            file.discard()
        self._go_on()

    def _new_file(self, folder: Path, name: str, media: MediaFormat, from_ns: int) -> RecordingFile:
        began = datetime.fromtimestamp(time.time() - (time.monotonic_ns() - from_ns) / _S)
        return RecordingFile(recording_stem(folder, name, began), media, self._plan.title)

    def _go_on(self) -> None:
        if self._pause_told:
            self._pause_told = False
            self._tell(RecordingResumed())

    def paused(self, error: AppError) -> None:
        """Tells why nothing is written; once, until a file can be begun."""
        if not self._pause_told:
            self._pause_told = True
            self._tell(RecordingPaused(error.message, error.hint))

    def finished(self, path: Path, kind: Kind, began_ns: int, seconds: float, events: tuple[int, ...] = ()) -> None:
        """Tells that a file is whole, and makes room for others."""
        self._tell(FileFinished(path, kind, began_ns, seconds, events))
        keep_within(path.parent, self._plan.limits, time.time())

    def give_up(self, file: RecordingFile, kind: Kind, began_ns: int, events: tuple[int, ...] = ()) -> None:
        """Ends a file, and what lies beside it, as they are: the disk lets nothing more be written."""
        file.abandon()
        self._finish_left(file.path, kind, began_ns, float(file.seconds), events)
        if kind == "recording":
            self._finish_left(file.path.with_suffix(DATA_SUFFIX), kind, 0, 0.0, ())

    def _finish_left(self, target: Path, kind: Kind, began_ns: int, seconds: float, events: tuple[int, ...]) -> None:
        """Finishes this file alone: other recorders may write to its folder."""
        try:
            for path in finish_left([target]):
                self._tell(FileFinished(path, kind, began_ns, seconds, events))
        except AppError as error:
            log.warning("%s", error.message)
