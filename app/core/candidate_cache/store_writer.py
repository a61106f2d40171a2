"""Appends candidates to a store, so that whatever ends the program costs a second of computing at most.

Owned by the thread that detects. Frames gather in memory and are written as a block about once a second, each block
followed by a sync to the disk. While it grows the file is ``NAME.ssdv.part``, locked against other writers; complete,
it is ``NAME.ssdv``.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import numpy as np

from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_facts import StoreError, StoreFacts
from app.core.candidate_cache.store_format import (
    MAGIC,
    MAX_FRAMES,
    PREFIX,
    StoredFrame,
    pack_block,
    pack_cuts_line,
    pack_source_line,
)
from app.core.files.write_errors import explain_write_error, retry_when_full, room_waiter
from detector.detections import Candidates
from detector.part_file import PartFile

_EVERY_S = 1.0
_FULL_BLOCK = 2**16  # candidates: about 1.5 MB, opened again within some ten milliseconds


class StoreWriter:
    """A store being written.

    Args:
        target: ``NAME.ssdv``; what is written meanwhile is ``NAME.ssdv.part``.
        clock: Seconds, monotonic.

    Attributes:
        path: The part.
        known: What an earlier run left in it, cut back to its sound part; None when there was nothing. Read it before
            anything is added.
        frames: How many it holds, those not yet written included.

    Raises:
        LockedError: Another program writes it.
        OSError: It cannot be opened.
    """

    def __init__(self, target: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.target = target
        self._part = PartFile(target, lambda descriptor: os.fdopen(descriptor, "r+b", buffering=0))
        self.path = self._part.path
        self._file: BinaryIO = self._part.file
        self._clock = clock
        self._wait = room_waiter()
        self._floor = np.float32(0)
        self._waiting: list[StoredFrame] = []
        self._candidates = 0
        self._since_s = 0.0
        self.frames = 0
        self.known: CandidateStore | None = None
        try:
            self.known = CandidateStore(self._file, self.path.name)
        except StoreError:
            return  # empty, or what a crash left of the first bytes

    def begin(self, facts: StoreFacts) -> None:
        """Start anew; what an earlier run left is given up.

        Raises:
            AppError: The disk is full, the folder is gone.
        """
        self.known = None
        content = facts.to_json()
        self._floor = np.float32(facts.floor)
        with self._explained():
            self._file.truncate(0)
            self._file.seek(0)
            self._put(MAGIC + PREFIX.pack(len(content), crc32(content)) + content)
            sync_folder(self.path.parent)

    def go_on(self) -> None:
        """Append to ``known``, which stays readable."""
        assert self.known is not None
        self.frames = self.known.frames
        self._floor = np.float32(self.known.facts.floor)
        with self._explained():
            self._file.truncate(self.known.end)

    def extend(self, frames: Iterable[StoredFrame]) -> None:
        """Keep the candidates of the next frames, down to the floor.

        What is given together is written together: a run that goes on then makes the same batches as one that was
        never interrupted, which matters to the last bit of some engines.

        Raises:
            AppError: The disk is full, the folder is gone.
            StoreError: A frame does not fit.
        """
        frames = [replace(frame, candidates=_down_to(frame.candidates, self._floor)) for frame in frames]
        added = sum(len(frame.candidates) for frame in frames)
        if self._candidates + added > _FULL_BLOCK or len(self._waiting) + len(frames) > MAX_FRAMES:
            self.flush()
        if not self._waiting:
            self._since_s = self._clock()
        self._waiting += frames
        self._candidates += added
        self.frames += len(frames)
        if self._clock() - self._since_s >= _EVERY_S:
            self.flush()

    def append(self, frame: StoredFrame) -> None:
        """Keep the next frame's candidates; raises as ``extend``."""
        self.extend([frame])

    def flush(self) -> None:
        """Bring everything so far onto the disk; raises as ``append``."""
        if self._waiting:
            block = pack_block(self.frames - len(self._waiting), self._waiting)
            with self._explained():
                self._file.seek(0, os.SEEK_END)
                self._put(block)
            self._waiting, self._candidates = [], 0

    def finish(self, source_sha256: str = "", cuts: Sequence[int] = ()) -> None:
        """Mark the end, when all frames are in, and give the file its name.

        Args:
            source_sha256: As ``CandidateStore.source_sha256``.
            cuts: As ``CandidateStore.cuts``.

        Raises:
            AppError: It cannot be completed; the part stays as far as it got.
        """
        self.flush()
        with self._explained():
            self._file.seek(0, os.SEEK_END)
            self._put(pack_block(self.frames, []) + pack_source_line(source_sha256) + pack_cuts_line(cuts))
            self._part.commit()
            sync_folder(self.target.parent)

    def close(self, keep: bool) -> None:
        """Let go of an unfinished store; never raises. What waits in memory is written when it is kept."""
        if self._file.closed:
            return
        self._wait = None
        if keep:
            with contextlib.suppress(Exception):  # of a full disk: then the last second is lost
                self.flush()
            self._file.close()
        else:
            self._part.discard()

    def _put(self, content: bytes) -> None:
        """Write all of ``content`` at this place; after a failure the file is as before.

        Raises:
            OSError: As said.
        """
        start = self._file.tell()

        def put() -> None:
            try:
                self.write_once(content)
            except OSError:
                with contextlib.suppress(OSError):
                    self._file.truncate(start)
                    self._file.seek(start)
                raise

        retry_when_full(put, self.path, self._wait)

    def write_once(self, content: bytes) -> None:
        """Write all of it and bring it to the disk; fails where the disk is full."""
        view = memoryview(content)
        while view:
            view = view[self._file.write(view) :]
        os.fsync(self._file.fileno())

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise explain_write_error(error, self.path) from error


def _down_to(found: Candidates, floor: np.float32) -> Candidates:
    count = int(np.count_nonzero(found.scores >= floor))
    if count == len(found):
        return found
    kept = None if found.kept is None else found.kept[:count]
    return Candidates(
        found.boxes_xyxy[:count], found.scores[:count], found.class_ids[:count], kept, found.iou_threshold
    )


def sync_folder(folder: Path) -> None:
    """Make new and changed names in ``folder`` survive a power cut, where the system can."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
