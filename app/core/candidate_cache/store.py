"""The candidates of every frame of a video, in one file beside it: read by frame or by time, in bounded memory.

``NAME.ssdv`` is the cache of a finished run, ``NAME.ssdv.part`` the journal of one that goes on or was cut short; both
are read here, and written by ``store_writer``. Used by one thread at a time; several may open the same file.

    with CandidateStore.open(path) as store:
        print(store.facts.model, store.frames, store.complete)
        found = store.candidates(store.index_at(Fraction(12)))
        shown = found.detections(DetectionFilter(0.4))
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from app.core.candidate_cache.store_facts import MAX_HEADER, StoreError, StoreFacts
from app.core.candidate_cache.store_format import (
    HEAD_BYTES,
    MAGIC,
    MAX_CUTS_LINE,
    PREFIX,
    SOURCE_LINE,
    BlockHead,
    StoredFrame,
    unpack_block,
    unpack_cuts_line,
    unpack_head,
    whole,
)
from app.core.files.regular_file import open_regular
from detector.detections import Candidates

SUFFIX = ".ssdv"
_BLOCKS_HELD = 3
_MAX_SOURCE_LINE = 128


class CandidateStore:
    """The frames of one store, as far as they are sound: a tail torn off by a crash is not there.

    Args:
        file: Open for reading, from its start; stays the caller's unless ``close`` is called.
        name: For messages.

    Attributes:
        facts: Video, model, labels, floor.
        frames: How many there are; indices run from 0.
        complete: Whether these are all the frames of the video.
        source_sha256: Hash of all the bytes of the video, as ``SourceContent.whole_sha256``; "" where it is not known.
        cuts: First frames of all scenes but the first, rising; none as well where that is not known.
        end: Where the next frame would be written.

    Raises:
        StoreError: It is no store.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._offsets, self._firsts = array("q"), array("q")
        self._nums, self._dens = array("q"), array("q")
        self._held: OrderedDict[int, list[StoredFrame]] = OrderedDict()
        self.frames = 0
        self.complete = False
        self.source_sha256 = ""
        self.cuts: tuple[int, ...] = ()
        try:
            self.facts, self.end = self._read_facts()
            while not self.complete and (head := self._next_block()) is not None:
                self._take_in(head)
            if self.complete:
                self._read_lines()
        except OSError as error:
            raise StoreError(f"{name} cannot be read: {error.strerror or error}.") from error

    @staticmethod
    def open(path: Path) -> CandidateStore:
        """Open the store in ``path``.

        Raises:
            StoreError: There is none, or it cannot be read.
        """
        try:
            file = open_regular(path)
        except OSError as error:
            raise StoreError(f"{path.name} cannot be read: {error.strerror or error}.") from error
        try:
            return CandidateStore(file, path.name)
        except BaseException:
            file.close()
            raise

    # -- what is in it ----------------------------------------------------------------------------------------------

    def frame(self, index: int) -> StoredFrame:
        """Time, size and candidates of a frame.

        Raises:
            IndexError: There is no such frame.
            StoreError: The file was damaged on purpose, or cannot be read any more.
        """
        if not 0 <= index < self.frames:
            raise IndexError(index)
        block = bisect_right(self._firsts, index) - 1
        return self._block(block)[index - self._firsts[block]]

    def candidates(self, index: int) -> Candidates:
        """Candidates of a frame; raises as ``frame``."""
        return self.frame(index).candidates

    def recall(
        self, index: int, pts_s: Fraction, width: int, height: int, index_is_exact: bool = True
    ) -> Candidates | None:
        """Candidates of a frame that was just decoded; None where the store has none of that time and size.

        Args:
            index: Its number.
            pts_s: Its time.
            width: Pixels, upright.
            height: Pixels, upright.
            index_is_exact: Whether it was counted; one reckoned after a seek may be wrong, and the time decides.

        Raises:
            StoreError: As ``frame``.
        """
        if not self.frames or (index_is_exact and index >= self.frames):
            return None
        stored = self.frame(min(index, self.frames - 1))
        if not index_is_exact and stored.pts_s != pts_s:
            stored = self.frame(self.index_at(pts_s))
        return stored.candidates if (stored.pts_s, stored.width, stored.height) == (pts_s, width, height) else None

    def index_at(self, pts_s: Fraction) -> int:
        """The last frame not later than ``pts_s``; the first one for times before it.

        In a video whose times jump back, one of the frames that would do.

        Raises:
            IndexError: There is no frame at all.
            StoreError: As ``frame``.
        """
        if not self.frames:
            raise IndexError(0)
        block = max(0, bisect_right(range(len(self._offsets)), pts_s, key=self._start_s) - 1)
        within = bisect_right(self._block(block), pts_s, key=lambda frame: frame.pts_s) - 1
        return int(self._firsts[block]) + max(0, within)

    def __iter__(self) -> Iterator[StoredFrame]:
        """Every frame in order; raises as ``frame``."""
        for block in range(len(self._offsets)):
            yield from self._block(block)

    def tail(self, max_bytes: int) -> bytes:
        """The last ``max_bytes`` bytes of what follows the end of a complete store.

        Raises:
            StoreError: It cannot be read any more.
        """
        try:
            size = self._file.seek(0, os.SEEK_END)
            self._file.seek(max(self.end + HEAD_BYTES, size - max_bytes))
            return self._file.read(max_bytes)
        except OSError as error:
            raise StoreError(f"{self._name} cannot be read: {error.strerror or error}.") from error

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()

    def __enter__(self) -> CandidateStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reading ----------------------------------------------------------------------------------------------------

    def _read_facts(self) -> tuple[StoreFacts, int]:
        start = self._file.read(len(MAGIC) + PREFIX.size)
        if len(start) < len(MAGIC) + PREFIX.size or not start.startswith(MAGIC):
            raise StoreError(f"{self._name} holds no detections of ours.")
        length, crc = PREFIX.unpack_from(start, len(MAGIC))
        content = self._file.read(length) if length <= MAX_HEADER else b""
        if len(content) != length or crc32(content) != crc:
            raise StoreError(f"{self._name} is damaged at its start.")
        return StoreFacts.from_json(content), len(start) + length

    def _read_lines(self) -> None:
        """The hash of the video and its cuts, each of which may be missing."""
        start = self._file.tell()
        if line := SOURCE_LINE.fullmatch(self._file.readline(_MAX_SOURCE_LINE)):
            self.source_sha256 = line[1].decode()
        else:
            self._file.seek(start)
        self.cuts = unpack_cuts_line(self._file.readline(MAX_CUTS_LINE), self.frames)

    def _next_block(self) -> BlockHead | None:
        """The block at ``end``, whose every byte is checked; None when no sound one follows."""
        content = self._file.read(HEAD_BYTES)
        head = unpack_head(content, self.frames)
        if head is None:
            return None
        payload = self._file.read(head.packed)
        return head if len(payload) == head.packed and whole(content, payload) else None

    def _take_in(self, head: BlockHead) -> None:
        if not head.frames:
            self.complete = True
            return
        self._offsets.append(self.end)
        self._firsts.append(head.first)
        self._nums.append(head.pts_s.numerator)
        self._dens.append(head.pts_s.denominator)
        self.frames += head.frames
        self.end += HEAD_BYTES + head.packed

    def _start_s(self, block: int) -> Fraction:
        return Fraction(self._nums[block], self._dens[block])

    def _block(self, number: int) -> list[StoredFrame]:
        if number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        try:
            self._file.seek(self._offsets[number])
            head = unpack_head(self._file.read(HEAD_BYTES), self._firsts[number])
            payload = b"" if head is None else self._file.read(head.packed)
        except OSError as error:
            raise StoreError(f"{self._name} cannot be read: {error.strerror or error}.") from error
        if head is None or len(payload) != head.packed:
            raise StoreError(f"{self._name} was changed while it was read.")
        frames = self._held[number] = unpack_block(head, payload)
        while len(self._held) > _BLOCKS_HELD:
            self._held.popitem(last=False)
        return frames
