"""Reads pictures of a video a second time, later than the export did: boxes are known by then. Writing thread."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from app.core.errors import AppError
from app.core.sources.sequence import PictureReader
from app.core.sources.video import Picture, VideoReader

OpenSource = Callable[[], PictureReader]

_READ_ON_S = Fraction(10)  # a picture not further ahead is read on to, rather than sought


class SecondLook:
    """Pictures by number, rising; opened with the first one asked for.

    Args:
        open_source: Opens the video as the export did.
    """

    def __init__(self, open_source: OpenSource) -> None:
        self._open = open_source
        self._reader: PictureReader | None = None
        self._next = 0
        self._now_s = Fraction(0)

    def picture(self, index: int, pts_s: Fraction) -> Picture:
        """Picture number ``index``, whose time is ``pts_s``; its array is the caller's.

        Raises:
            AppError: It is not there any more, or another.
        """
        if self._reader is None:
            self._reader = self._open()
        if pts_s > self._now_s + _READ_ON_S and isinstance(self._reader, VideoReader):
            self._reader.seek(pts_s)
            found = self._reader.read_picture()
            if found is not None and found.pts_s == pts_s:
                self._next, self._now_s = index + 1, pts_s
                return found
            self.close()  # not every file can be sought to the picture: from the start it is found for certain
            self._reader = self._open()
        return self._read_on(index, pts_s)

    def _read_on(self, index: int, pts_s: Fraction) -> Picture:
        assert self._reader is not None
        while (found := self._reader.read_picture()) is not None:
            number, self._next = self._next, self._next + 1
            self._now_s = found.pts_s
            if number == index:
                if found.pts_s == pts_s:
                    return found
                break
        raise AppError("The video was changed while it was read.", "Start again when it is complete.")

    def close(self) -> None:
        """Close the video; idempotent."""
        if self._reader is not None:
            self._reader.close()
        self._reader, self._next, self._now_s = None, 0, Fraction(0)
