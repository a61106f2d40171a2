"""Reads frames of a video a second time, later than the export did: boxes are known by then. Writing thread."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from app.core.errors import AppError
from app.core.frames import DecodedFrame
from app.core.sources.image_sequence import FrameReader
from app.core.sources.video import VideoReader

OpenSource = Callable[[], FrameReader]

_READ_ON_S = Fraction(10)  # a frame not further ahead is read on to, rather than sought


class FrameRereader:
    """Frames by number, rising; opened with the first one asked for.

    Args:
        open_source: Opens the video as the export did.
        check: Called before each frame is read, which there may be very many of: waits or raises where the export
            is to stand still or to end.
    """

    def __init__(self, open_source: OpenSource, check: Callable[[], None] = lambda: None) -> None:
        self._open = open_source
        self._check = check
        self._reader: FrameReader | None = None
        self._next = 0
        self._now_s = Fraction(0)
        self._seeks = True

    def frame(self, index: int, pts_s: Fraction) -> DecodedFrame:
        """Frame number ``index``, whose time is ``pts_s``; its array is the caller's.

        Raises:
            AppError: It is not there any more, or another.
        """
        found = self._sought(index, pts_s) or self._read_on(index, pts_s)
        if found is None and self._seeks:
            # Damaged or oddly stamped: not every file can be sought to the frame. Read through it is found for sure.
            self._seeks = False
            self.close()
            found = self._read_on(index, pts_s)
        if found is None:
            raise AppError("The video was changed while it was read.", "Start again when it is complete.")
        return found

    def _sought(self, index: int, pts_s: Fraction) -> DecodedFrame | None:
        """A frame far ahead."""
        reader = self._reader = self._reader or self._open()
        if not self._seeks or pts_s <= self._now_s + _READ_ON_S or not isinstance(reader, VideoReader):
            return None
        reader.seek(pts_s)
        self._next = index
        return self._read_on(index, pts_s)

    def _read_on(self, index: int, pts_s: Fraction) -> DecodedFrame | None:
        reader = self._reader = self._reader or self._open()
        while self._next <= index:
            self._check()
            found = reader.read_frame()
            if found is None:
                return None
            number, self._next = self._next, self._next + 1
            self._now_s = found.pts_s
            if number == index:
                return found if found.pts_s == pts_s else None
        return None

    def close(self) -> None:
        """Close the video; idempotent."""
        if self._reader is not None:
            self._reader.close()
        self._reader, self._next, self._now_s = None, 0, Fraction(0)
