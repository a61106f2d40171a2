"""Video files through PyAV: upright pictures with exact times, frame-accurate seeking, damage skipped and counted.

Used by one thread: ``ssdv-capture`` in the window, ``ssdv-export-read`` in an export.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av

from app.core.addresses import redact
from app.core.errors import AppError
from app.core.frames import DecodedFrame, Frame, SourceInfo
from app.core.media.container import (
    FREE_CLOCK,
    close_container,
    key_frame_between,
    lead_s,
    length_s,
    mean_rate,
    open_video,
)
from app.core.media.continuous_clock import ContinuousClock, MissingFrames
from app.core.sources.base import frame_from_bgra, never
from app.core.sources.conversion import FrameConverter
from app.core.sources.decode import FrameFeed
from app.core.sources.orientation import Image

_UNTIMED = 16  # pictures without a time that may come first

_Raw = tuple[av.VideoFrame, Fraction]
_End = Literal["there", "on the way", "missed", "unsure"]
_WATCHED = 3  # pictures before the wanted one that are all decoded

# A seek that lands too late (bad index) is tried again from further back, at last from the start.
_SEEK_MARGINS_S = (Fraction(0), Fraction(2), Fraction(15))


class VideoReader:
    """Reads one video stream of a file, in presentation order.

    Times count from the first picture; ``start_s`` is where that lies in the container's own time, and ``lead_s`` how
    long after the file's start.

    Args:
        path: A file, or a URL of one that can be sought.
        deinterlace: Make whole pictures of interlaced ones.

    Raises:
        AppError: Not there, not a video, no picture in it that can be decoded.
    """

    def __init__(self, path: Path | str, deinterlace: bool = False) -> None:
        self.reopen_uri = str(path)
        self.name: str = redact(path) if isinstance(path, str) and "://" in path else Path(path).name
        self._ready: deque[_Raw] = deque()
        self._noted: list[str] = []
        self._broken = 0  # counted by feeds before the present one
        self._last_s: Fraction | None = None
        self._last: _Raw | None = None
        self._reach_s = Fraction(0)  # decoding on from the last picture leads there
        self._index: int | None = 0
        self._gaps: MissingFrames | None = None
        self._open()
        try:
            self._begin(deinterlace)
        except BaseException:
            self.close()
            raise

    # -- what it is -------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._container, self._stream = open_video(self.reopen_uri, self.name)
        self._feed = FrameFeed(self._container, self._stream, self.name)
        self._reset()

    def _begin(self, deinterlace: bool) -> None:
        stream = self._stream
        assert stream.time_base is not None
        self._time_base: Fraction = stream.time_base
        self._rate: Fraction | None = mean_rate(stream)
        self._period = 1 / self._rate if self._rate else Fraction(1, 25)
        self._count: int | None = stream.frames if stream.frames > 0 else None
        self.stream_index: int = stream.index
        self.start_s = Fraction(0)
        first = self._feed.take()
        if first is None:
            raise AppError(f"{self.name} holds no picture that can be decoded.", "The file is damaged or empty.")
        self._converter = FrameConverter(first, stream.codec_context.field_order)
        self.conversion = self._converter.conversion
        if deinterlace:
            first = self._feed.deinterlace(first, self.conversion.fields == "bottom")
            self.conversion = replace(self.conversion, fields="")
        self._line_up(first)
        self.lead_s = lead_s(self._container, self.start_s)
        duration_s = length_s(self._container, stream)
        if self._count is None and self._rate is not None and self._rate == stream.base_rate:
            self._gaps = MissingFrames(self._period, duration_s)
        width, height = self._converter.size(first.width, first.height)
        self.info = SourceInfo("video", self.name, width, height, self._rate, duration_s, self._count, seekable=True)

    def _line_up(self, first: av.VideoFrame) -> None:
        """Find when the first picture is shown, if need be from a later one: some files do not say it of the first."""
        waiting = [first]
        while self._raw_time(waiting[-1]) is None and len(waiting) < _UNTIMED:
            frame = self._feed.take()
            if frame is None:
                break
            waiting.append(frame)
        told_s = self._raw_time(waiting[-1])
        if told_s is not None:
            self.start_s = told_s - (len(waiting) - 1) * self._period
        for number, frame in enumerate(waiting):
            self._ready.append((frame, self._timeline.put(number * self._period, self._period)))

    @property
    def broken_packets(self) -> int:
        """Pieces of the file that could not be decoded, so far."""
        return self._broken + self._feed.broken_packets

    # -- reading ----------------------------------------------------------------------------------------------------

    def read(self) -> Frame | None:
        """The next picture, ready to paint; None at the end."""
        converted = self._convert_next(self._converter.bgra)
        if converted is None:
            return None
        image, index, pts_s = converted
        return frame_from_bgra(image, index, pts_s, time.monotonic_ns())

    def read_frame(self) -> DecodedFrame | None:
        """The next picture, BGR only; None at the end."""
        converted = self._convert_next(self._converter.bgr)
        return None if converted is None else DecodedFrame(*converted, self.conversion)

    def _convert_next(self, make: Callable[[av.VideoFrame], Image]) -> tuple[Image, int, Fraction] | None:
        while (raw := self._next()) is not None:
            try:
                image = make(raw[0])
            except (av.FFmpegError, ValueError):  # decoded, but into something that is no picture
                self._feed.skip("damaged parts are skipped")
            else:
                return image, self._number(raw[1]), raw[1]
        return None

    def _next(self) -> _Raw | None:
        if self._ready:
            raw, pts_s = self._ready.popleft()
        else:
            decoded = self._feed.take()
            if decoded is None:
                self._note_gaps()
                return None
            raw, pts_s = decoded, self._time_of(decoded)
        self._last_s, self._last = pts_s, (raw, pts_s)
        if self._gaps is not None:
            self._gaps.put(pts_s)
        return raw, pts_s

    def _note_gaps(self) -> None:
        gaps, self._gaps = self._gaps, None
        if gaps is not None:
            gaps.end()
            if gaps.missing:
                self._noted.append(f"{self.name}: going by its rate, {gaps.missing} pictures are missing.")

    def _time_of(self, raw: av.VideoFrame) -> Fraction:
        told_s = self._raw_time(raw)
        if told_s is not None:
            return self._timeline.put(told_s - self.start_s, self._period)
        return Fraction(0) if self._last_s is None else self._last_s + self._period

    def _raw_time(self, raw: av.VideoFrame) -> Fraction | None:
        return None if raw.pts is None else raw.pts * (raw.time_base or self._time_base)

    def _number(self, pts_s: Fraction) -> int:
        """Running number: counted while reading on, reckoned from the time and the mean rate after a seek."""
        if self._index is None:
            self._index = round(pts_s / self._period)
            if self._count is not None:
                self._index = min(self._index, self._count - 1)
        number, self._index = self._index, self._index + 1
        return number

    # -- seeking ----------------------------------------------------------------------------------------------------

    def seek(self, pts_s: Fraction, enough: Callable[[], bool] = never) -> bool:
        """Continue with the last picture not later than ``pts_s`` (the first one for times before it).

        See ``SeekableSource``; ``enough`` is asked after each picture, so that every call leads further. Only where the
        picture meant may have been left out in hurry it goes back, once, to a key frame.
        """
        return self._land(pts_s, True, enough)

    def seek_before(self, pts_s: Fraction) -> None:
        """Continue with the last picture earlier than ``pts_s`` (the first one, if there is none)."""
        self._land(pts_s, False, never)

    def _land(self, limit: Fraction, inclusive: bool, enough: Callable[[], bool]) -> bool:
        end: _End
        ways: tuple[bool, ...] = (True, False)
        if self._lies_ahead(limit, inclusive):
            end = self._decode_up_to(limit, inclusive, enough, not self._careful, self._last)
            if end in ("there", "on the way"):
                return end == "there"
            ways = (False,)  # to hurry once more would end like this for ever
        for margin in _SEEK_MARGINS_S:
            if limit - margin <= 0:
                break
            end = "unsure"
            for hurry in ways:
                if end == "unsure":
                    jumped = self._jump(limit - margin)
                    end = self._decode_up_to(limit, inclusive, enough, hurry) if jumped else "missed"
            if end in ("there", "on the way"):
                return end == "there"
        if self._jump(Fraction(0)):
            end = self._decode_up_to(limit, inclusive, enough, hurry=False)
            if end != "missed" or (self._ready and self._ready[0][1] <= 0):
                return end != "on the way"
        self._open_again()  # the start cannot be sought: MPEG-TS may lead past its first key frame
        return self._decode_up_to(limit, inclusive, enough, hurry=False) != "on the way"

    def _open_again(self) -> None:
        self._broken += self._feed.broken_packets
        self._noted += self._feed.take_notes()
        before = self._feed
        self.close()
        self._open()
        self._feed.make_as(before)

    def _lies_ahead(self, limit: Fraction, inclusive: bool) -> bool:
        """Whether reading on leads to ``limit`` sooner than a seek: no key frame lies between."""
        last_s, left_out_to = self._last_s, self._feed.left_out_to
        if last_s is None or limit < last_s or (limit == last_s and not inclusive):
            return False
        if left_out_to is not None and left_out_to >= self._ticks(limit - _WATCHED * self._period):
            return False  # on the way to a later place: the decoder is ahead of what it gave
        if limit <= self._reach_s:
            return True
        return not (self._timeline.jumps or key_frame_between(self._stream, self._ticks(last_s), self._ticks(limit)))

    def _ticks(self, pts_s: Fraction) -> int:
        """In the stream's own time."""
        return int((pts_s + self.start_s) // self._time_base)

    def _jump(self, pts_s: Fraction) -> bool:
        try:
            self._container.seek(self._ticks(pts_s), stream=self._stream, backward=True)
        except (av.FFmpegError, OSError):
            return False
        self._reset()
        return True

    def _decode_up_to(
        self,
        limit: Fraction,
        inclusive: bool,
        enough: Callable[[], bool],
        hurry: bool = True,
        so_far: _Raw | None = None,
    ) -> _End:
        """Leave the wanted picture and the one after it in ``_ready``.

        Returns:
            "missed" when all come later than ``limit``; "unsure" when the wanted one may have been left out in hurry,
            as happens where there is none for a long time before ``limit``, or where the clock jumps.
        """
        wanted = so_far
        slow_from_s = limit - _WATCHED * self._period
        self._feed.hurry(self._ticks(slow_from_s) if hurry else None)
        stopped = False
        while (raw := self._next()) is not None:
            if raw[1] > limit or (raw[1] == limit and not inclusive):
                self._ready.appendleft(raw)
                break
            wanted = raw
            stopped = enough()
            if stopped:
                break
        self._feed.hurry(None)
        self._last_s = self._last = self._index = None
        if wanted is None:
            return "missed"
        self._ready.appendleft(wanted)
        self._reach_s, self._careful = max(self._reach_s, limit), not hurry
        if stopped:
            return "on the way"
        return "unsure" if hurry and (wanted[1] < slow_from_s or self._timeline.jumps) else "there"

    def _reset(self) -> None:
        self._feed.restart()
        self._ready.clear()
        self._gaps = None  # told only of a file that is read from its start
        self._timeline = ContinuousClock(bool(self._container.format.flags & FREE_CLOCK))
        self._last_s, self._last, self._index, self._jumps_noted = None, None, 0, 0
        self._reach_s, self._careful = Fraction(0), False

    # -- the rest of a source ---------------------------------------------------------------------------------------

    def take_notes(self) -> tuple[str, ...]:
        """Damage met since the last call, and jumps of the clock, one line each."""
        notes, self._noted = [*self._noted, *self._feed.take_notes()], []
        if self._timeline.jumps > self._jumps_noted:
            notes.append(f"{self.name}: the time stamps jump; the parts were joined.")
        self._jumps_noted = self._timeline.jumps
        return tuple(notes)

    def close(self) -> None:
        """Close the file; idempotent."""
        close_container(self._container)
