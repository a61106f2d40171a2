"""Exact ways to another place in a video. Owned by a ``VideoReader``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Literal

import av
from av.codec.hwaccel import HWAccel

from app.core.media.container import key_frame_between
from app.core.media.continuous_packets import KeyPoint
from app.core.sources.frame_cursor import FrameCursor, TimedFrame

_End = Literal["there", "on the way", "missed", "unsure"]
_WATCHED = 3  # frames before the wanted one that are all decoded

# A seek that lands too late (bad index) is tried again from further back, at last from the start.
_SEEK_MARGINS_S = (Fraction(0), Fraction(2), Fraction(15))
_MAX_POINTS = 3  # key frames from which the same is tried where the clock jumps


class SeekableCursor(FrameCursor):
    """A ``FrameCursor`` that can be moved."""

    _reach_s = Fraction(0)  # decoding on from the last frame leads there
    _careful = False  # on the way there no frame is left out
    _is_continuous = True  # read from the start, or from a known point: times are moved as they must be

    def __init__(self, url: str, name: str, accelerator: HWAccel | None = None) -> None:
        super().__init__(url, name, accelerator)
        self._key_points = {} if self.jumps is None else {point.byte: point for point in self.jumps.key_points}

    def land(self, limit: Fraction, inclusive: bool, enough: Callable[[], bool]) -> bool:
        """Continue with the last frame not later than ``limit``, or earlier than it; with the first if there is none.

        Args:
            limit: Seconds from the first frame.
            inclusive: A frame at ``limit`` itself is meant.
            enough: Asked after each frame, so that every call leads further. Only where the frame meant may have been
                left out in hurry the way goes back, once, to a key frame.

        Returns:
            Whether it is there.
        """
        end: _End
        ways: tuple[bool, ...] = (True, False)
        if self._lies_ahead(limit, inclusive):
            end = self._decode_up_to(limit, inclusive, enough, not self._careful, self._last)
            if end in ("there", "on the way"):
                return end == "there"
            ways = (False,)  # to hurry once more would end like this for ever
        if self._has_jumped:
            jumps = [partial(self._jump_to, point) for point in self._points_before(limit)]
        else:
            jumps = [partial(self._jump, limit - margin) for margin in _SEEK_MARGINS_S if limit > margin]
        for jump in jumps:
            end = "unsure"
            for hurry in ways:
                if end == "unsure":
                    end = self._decode_up_to(limit, inclusive, enough, hurry) if jump() else "missed"
            if end in ("there", "on the way"):
                return end == "there"
        return self._land_from_start(limit, inclusive, enough)

    def _land_from_start(self, limit: Fraction, inclusive: bool, enough: Callable[[], bool]) -> bool:
        if not self._has_jumped and self._jump(Fraction(0)):
            end = self._decode_up_to(limit, inclusive, enough, hurry=False)
            if end != "missed" or (self._ready and self._ready[0][1] <= 0):
                return end != "on the way"
        self._open_again()  # the start cannot be sought: MPEG-TS may lead past its first key frame
        return self._decode_up_to(limit, inclusive, enough, hurry=False) != "on the way"

    def _points_before(self, limit: Fraction) -> list[KeyPoint]:
        """The last key frames before ``limit``, the nearest first."""
        self._learn()
        points = sorted(self._key_points.values(), key=lambda point: (point.time_s, point.byte))
        number = bisect_right(points, limit + self.start_s, key=lambda point: point.time_s)
        return points[max(0, number - _MAX_POINTS) : number][::-1]

    def _learn(self) -> None:
        """Remember what was read of the file."""
        if self._is_continuous:
            self._key_points |= {point.byte: point for point in self._feed.key_points}

    def _lies_ahead(self, limit: Fraction, inclusive: bool) -> bool:
        """Returns whether reading on leads to ``limit`` sooner than a seek: no key frame lies between."""
        left_out_to = self._feed.left_out_to
        if self._last is None or limit < self._last[1] or (limit == self._last[1] and not inclusive):
            return False
        if left_out_to is not None and left_out_to >= self._ticks(limit - _WATCHED * self.period_s):
            return False  # on the way to a later place: the decoder is ahead of what it gave
        if limit <= self._reach_s:
            return True
        if self._has_jumped:
            return all(point.time_s <= self._last[1] + self.start_s for point in self._points_before(limit))
        return not key_frame_between(self.stream, self._sought(self._last[1]), self._sought(limit))

    def _ticks(self, pts_s: Fraction) -> int:
        """Returns ticks of the stream's own clock."""
        return int((pts_s + self.start_s) // self._time_base)

    def _sought(self, pts_s: Fraction) -> int:
        """Returns ticks of the clock that the container seeks by."""
        return self._ticks(pts_s - self._lead_s)

    def _jump(self, pts_s: Fraction) -> bool:
        self._learn()
        try:
            self.container.seek(self._sought(pts_s), stream=self.stream, backward=True)
        except (av.FFmpegError, OSError):
            return False
        self._restart(sought=True)
        self._is_continuous = False
        return True

    def _jump_to(self, point: KeyPoint) -> bool:
        self._learn()
        try:
            self.container.seek(point.byte, stream=self.stream, unsupported_byte_offset=True)
        except (av.FFmpegError, OSError):
            return False
        self._restart(sought=True, shift_s=point.shift_s)
        return True

    def _decode_up_to(
        self,
        limit: Fraction,
        inclusive: bool,
        enough: Callable[[], bool],
        hurry: bool = True,
        so_far: TimedFrame | None = None,
    ) -> _End:
        """Leave the wanted frame and the one after it in ``_ready``.

        Returns:
            "missed" when all come later than ``limit``; "unsure" when the wanted one may have been left out in hurry,
            as happens where there is none for a long time before ``limit``, or where the clock jumps.
        """
        wanted = so_far
        hurry = hurry and not self._times.by_decoding  # times follow from how many frames the decoder holds back
        slow_from_s = limit - _WATCHED * self.period_s
        self._feed.hurry(self._ticks(slow_from_s) if hurry else None)
        if hurry:
            self._gaps = None
        stopped = False
        while (timed := self.next()) is not None and not self._times.is_lost:
            if timed[1] > limit or (timed[1] == limit and not inclusive):
                self._ready.appendleft(timed)
                break
            wanted = timed
            stopped = enough()
            if stopped:
                break
        self._feed.hurry(None)
        self._last = None
        if wanted is None:
            return "missed"
        self._ready.appendleft(wanted)
        self._reach_s, self._careful = max(self._reach_s, limit), not hurry
        if stopped:
            return "on the way"
        return "unsure" if hurry and wanted[1] < slow_from_s else "there"

    def _restart(self, sought: bool = False, shift_s: Fraction = Fraction(0)) -> None:
        super()._restart(sought, shift_s)
        self._is_continuous = True
        self._reach_s, self._careful = Fraction(0), False
