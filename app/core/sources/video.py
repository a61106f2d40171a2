"""Video files through PyAV: upright frames with exact times, frame-accurate seeking, damage skipped and counted.

Used by one thread: ``ssdv-capture`` in the window, ``ssdv-export-read`` in an export.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
from av.codec.hwaccel import HWAccel

from app.core.addresses import redact
from app.core.frames import DecodedFrame, Frame, SourceInfo
from app.core.media.extent import origin_s
from app.core.sources.base import frame_from_bgra, never
from app.core.sources.conversion import FrameConverter
from app.core.sources.crop import container_crop
from app.core.sources.frame_seek import SeekableCursor

Made = TypeVar("Made")


class VideoReader:
    """Reads one video stream of a file, in presentation order.

    Times count from the first frame; ``start_s`` is where that lies in the container's own time, and ``lead_s`` how
    long after the file's start.

    Args:
        path: A file, or a URL of one that can be sought.
        deinterlace: Make whole frames of interlaced ones.
        accelerator: What decodes it where it can.

    Raises:
        AppError: Not there, not a video, no frame in it that can be decoded.
    """

    def __init__(self, path: Path | str, deinterlace: bool = False, accelerator: HWAccel | None = None) -> None:
        self.reopen_uri = str(path)
        self.name: str = redact(path) if isinstance(path, str) and "://" in path else Path(path).name
        self._index: int | None = 0
        self._cursor = SeekableCursor(self.reopen_uri, self.name, accelerator)
        try:
            self._begin(deinterlace)
        except BaseException:
            self.close()
            raise

    def _begin(self, deinterlace: bool) -> None:
        cursor = self._cursor
        first = cursor.begin()
        crop = container_crop(cursor.container, cursor.stream)
        self._converter = FrameConverter(first, cursor.stream.codec_context.field_order, crop)
        self.conversion = self._converter.conversion
        if deinterlace:
            cursor.deinterlace(self.conversion.fields == "bottom")
            self.conversion = replace(self.conversion, fields="")
        self.stream_index: int = cursor.stream.index
        self.start_s = cursor.start_s
        self.lead_s = self.start_s - origin_s(cursor.container, self.start_s)
        width, height = self._converter.size
        self.info = SourceInfo(
            "video",
            self.name,
            width,
            height,
            fps=cursor.rate,
            duration_s=cursor.length_s,
            frame_count=cursor.count,
            seekable=True,
        )

    @property
    def broken_packets(self) -> int:
        """Pieces of the file that could not be decoded, so far."""
        return self._cursor.broken_packets

    @property
    def is_incomplete(self) -> bool:
        """The file ends before it says it does, or, once it was read to its end, lacks what its index lists."""
        return self._cursor.is_incomplete

    # -- reading ----------------------------------------------------------------------------------------------------

    def read(self) -> Frame | None:
        """Returns the next frame, ready to paint; None at the end."""
        converted = self._convert_next(self._converter.bgra)
        if converted is None:
            return None
        image, index, pts_s = converted
        return frame_from_bgra(image, index, pts_s, time.monotonic_ns())

    def read_frame(self) -> DecodedFrame | None:
        """Returns the next frame, BGR only; None at the end."""
        converted = self._convert_next(self._converter.bgr)
        return None if converted is None else DecodedFrame(*converted, self.conversion)

    def _convert_next(self, make: Callable[[av.VideoFrame], Made]) -> tuple[Made, int, Fraction] | None:
        while (timed := self._cursor.next()) is not None:
            try:
                image = make(timed[0])
            except (av.FFmpegError, ValueError):  # decoded, but into something that is no image
                self._cursor.skip()
            else:
                return image, self._number(timed[1]), timed[1]
        return None

    def _number(self, pts_s: Fraction) -> int:
        """Returns the running number: counted while reading on, reckoned from time and mean rate after a seek."""
        if self._index is None:
            self._index = round(pts_s / self._cursor.period_s)
            if self._cursor.count is not None:
                self._index = min(self._index, self._cursor.count - 1)
        number, self._index = self._index, self._index + 1
        return number

    # -- seeking ----------------------------------------------------------------------------------------------------

    def seek(self, pts_s: Fraction, enough: Callable[[], bool] = never) -> bool:
        """Continue with the last frame not later than ``pts_s`` (the first one for times before it).

        See ``SeekableSource``; ``enough`` is asked after each frame, so that every call leads further. Only where the
        frame meant may have been left out in hurry it goes back, once, to a key frame.
        """
        self._index = None
        return self._cursor.land(pts_s, True, enough)

    def seek_before(self, pts_s: Fraction) -> None:
        """Continue with the last frame earlier than ``pts_s`` (the first one, if there is none)."""
        self._index = None
        self._cursor.land(pts_s, False, never)

    # -- the rest of a source ---------------------------------------------------------------------------------------

    def take_notes(self) -> tuple[str, ...]:
        """Returns damage met since the last call, and jumps of the clock, one line each."""
        return (*self._cursor.take_notes(), *self._converter.take_notes())

    def close(self) -> None:
        """Close the file; idempotent."""
        self._cursor.close()
