"""A place in a video: decoded frames with their times from there on, and exact ways to another place.

Owned by a ``VideoReader``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Literal

import av

from app.core.errors import AppError
from app.core.media.container import FREE_CLOCK, keeps_only_decoding_times, key_frame_between, open_video
from app.core.media.continuous_packets import clock_jumps
from app.core.media.extent import is_cut_short, shown_frames, steady_rate, track_length_s
from app.core.media.missing_frames import MissingFrames
from app.core.sources.decode import FrameFeed
from app.core.sources.frame_times import FrameTimes

TimedFrame = tuple[av.VideoFrame, Fraction]

_UNTIMED = 16  # frames without a time that may come first
_DOUBTED = 48  # frames that are looked at where the container may keep only decoding times
_DOUBTED_BYTES = 96 * 2**20
_End = Literal["there", "on the way", "missed", "unsure"]
_WATCHED = 3  # frames before the wanted one that are all decoded

# A seek that lands too late (bad index) is tried again from further back, at last from the start.
_SEEK_MARGINS_S = (Fraction(0), Fraction(2), Fraction(15))


class FrameCursor:
    """Gives the frames of one video stream in the order they are shown, with seconds from the first one.

    Args:
        url: A file, or a URL of one that can be sought.
        name: What to call it.

    Attributes:
        container: The open file.
        stream: Its video.
        rate: Frames a second; None when unknown.
        period_s: From one frame to the next, nominally.
        count: Frames that the file says it shows; None when it does not.
        is_incomplete: The file ends before it says it does, or, once it was read to its end, lacks what its index lists.

    Raises:
        AppError: It cannot be opened.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._ready: deque[TimedFrame] = deque()
        self._notes: list[str] = []
        self._broken = 0  # counted by feeds before the present one
        self._has_jumped = False
        self._knows_jumps = False  # whether that would be known by now
        self._lead_s = Fraction(0)  # from the time by which the container finds a frame to when it is shown
        self._jumps_noted = 0
        self._gaps: MissingFrames | None = None
        self._reach_s = Fraction(0)  # decoding on from the last frame leads there
        self._last: TimedFrame | None = None
        self._open()
        stream = self.stream
        assert stream.time_base is not None  # open_video refuses such
        self.is_incomplete = is_cut_short(url)
        self.count = shown_frames(stream, self.is_incomplete)
        self.rate = steady_rate(stream, self.count)
        self.period_s = 1 / self.rate if self.rate else Fraction(1, 25)
        self._time_base = stream.time_base
        self._times = FrameTimes(self._time_base, self.period_s, keeps_only_decoding_times(self.container, stream))
        self._restart()

    def _open(self) -> None:
        self.container, self.stream = open_video(self._url, self._name)
        self._feed = FrameFeed(self.container, self.stream, self._name)

    def begin(self, prepare: Callable[[av.VideoFrame, FrameFeed], av.VideoFrame]) -> av.VideoFrame:
        """Decode the first frame, and find when it is shown.

        Args:
            prepare: Called with the first frame, before any other is decoded; returns what it became.

        Raises:
            AppError: There is none.
        """
        first = self._feed.take()
        if first is None:
            raise AppError(f"{self._name} holds no frame that can be decoded.", "The file is damaged or empty.")
        first = prepare(first, self._feed)
        waiting = self._look_ahead(first)
        self._line_up(waiting)
        self._ready.extend((frame, self._times.put(frame)) for frame in waiting)
        self._reads_all = True
        is_steady = self.rate is not None and self.rate == self.stream.base_rate
        if self.count is None and is_steady and not self._times.is_guessed:
            self._watch_for_gaps()
        return first

    def _watch_for_gaps(self) -> None:
        start_s = self._times.start_s
        gaps = self._gaps = MissingFrames(self.period_s, track_length_s(self.container, self.stream, start_s))
        self._feed.on_sound = lambda time_s, length_s: gaps.sound(time_s - start_s, length_s)

    def _look_ahead(self, first: av.VideoFrame) -> list[av.VideoFrame]:
        """The first frames, as many as are needed to understand the times."""
        waiting = [first]
        most = 1
        if self.stream.codec_context.reorder_depth > 0 and not self._times.by_decoding:
            most = max(2, min(_DOUBTED, _DOUBTED_BYTES // (first.width * first.height * 3)))
        while True:
            untimed = self._times.told_s(waiting[-1]) is None and len(waiting) < _UNTIMED
            doubted = self._feed.is_steady and len(waiting) < most
            frame = self._feed.take() if untimed or doubted else None
            if frame is None:
                break
            waiting.append(frame)
        if most > 1 and self._feed.is_steady:
            self._times.look_at(waiting)
        return waiting

    def _line_up(self, waiting: list[av.VideoFrame]) -> None:
        """Find when the first frame is shown, if need be from a later one: some files do not say it of the first."""
        for number, frame in enumerate(waiting):
            told_s = self._times.told_s(frame)
            if told_s is not None:
                self._times.start_s = told_s - number * self.period_s
                break
        if self._times.by_decoding and waiting[0].dts is not None and self._feed.first_dts is not None:
            self._lead_s = (waiting[0].dts - self._feed.first_dts) * self._time_base

    @property
    def start_s(self) -> Fraction:
        """Container time of the first frame."""
        return self._times.start_s

    @property
    def broken_packets(self) -> int:
        """Pieces of the file that could not be decoded, so far."""
        return self._broken + self._feed.broken_packets

    def skip(self) -> None:
        """Count a frame that was decoded into something that is none."""
        self._feed.skip("damaged parts are skipped")

    # -- reading ----------------------------------------------------------------------------------------------------

    def next(self) -> TimedFrame | None:
        """Returns the next frame; None at the end."""
        if self._ready:
            timed = self._ready.popleft()
        else:
            decoded = self._feed.take()
            self._has_jumped = self._has_jumped or self._feed.jumps > 0
            if decoded is None:
                self._note_end()
                return None
            timed = decoded, self._times.put(decoded)
        self._last = timed
        if self._gaps is not None:
            self._gaps.put(timed[1])
        return timed

    def _note_end(self) -> None:
        if self._reads_all:
            if self.is_incomplete and not self.broken_packets:
                self._notes.append(f"{self._name}: the file is cut short; its end is missing.")
            if self.count is not None and self._feed.packets < len(self.stream.index_entries):
                self.is_incomplete = True
        self._knows_jumps = self._knows_jumps or self._reads_all
        self._reads_all = False
        gaps, self._gaps = self._gaps, None
        if gaps is not None:
            if not self._feed.jumps:  # what the file says of its length is reckoned from its clock
                gaps.end()
            if gaps.missing:
                self._notes.append(f"{self._name}: going by its rate, {gaps.missing} frames are missing.")

    def take_notes(self) -> list[str]:
        """Returns damage met since the last call, and jumps of the clock, one line each."""
        notes, self._notes = [*self._notes, *self._feed.take_notes()], []
        if self._feed.jumps > self._jumps_noted:
            notes.append(f"{self._name}: the time stamps jump; the parts were joined.")
        self._jumps_noted = self._feed.jumps
        return notes

    # -- seeking ----------------------------------------------------------------------------------------------------

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
        if not self._clock_jumps():
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
        return self._land_from_start(limit, inclusive, enough)

    def _land_from_start(self, limit: Fraction, inclusive: bool, enough: Callable[[], bool]) -> bool:
        """The long way: where the clock jumps, or the start cannot be sought (MPEG-TS may lead past its key frame)."""
        self._open_again()
        end = self._decode_up_to(limit, inclusive, enough, hurry=self._has_jumped)
        if end == "unsure":
            self._open_again()
            end = self._decode_up_to(limit, inclusive, enough, hurry=False)
        return end != "on the way"

    def _clock_jumps(self) -> bool:
        """Whether a time leads to no place, or to two. Found out by reading on, and of small files beforehand."""
        if not (self._has_jumped or self._knows_jumps):
            self._knows_jumps = True
            if self.container.format.flags & FREE_CLOCK:
                self._has_jumped = clock_jumps(self._url)
        return self._has_jumped

    def _open_again(self) -> None:
        self._broken += self._feed.broken_packets
        self._notes += self._feed.take_notes()
        before = self._feed
        self.close()
        self._open()
        self._restart()
        self._feed.make_as(before)

    def _lies_ahead(self, limit: Fraction, inclusive: bool) -> bool:
        """Whether reading on leads to ``limit`` sooner than a seek: no key frame lies between."""
        left_out_to = self._feed.left_out_to
        if self._last is None or limit < self._last[1] or (limit == self._last[1] and not inclusive):
            return False
        if left_out_to is not None and left_out_to >= self._ticks(limit - _WATCHED * self.period_s):
            return False  # on the way to a later place: the decoder is ahead of what it gave
        if limit <= self._reach_s or self._clock_jumps():
            return True
        return not key_frame_between(self.stream, self._sought(self._last[1]), self._sought(limit))

    def _ticks(self, pts_s: Fraction) -> int:
        """In the stream's own time."""
        return int((pts_s + self.start_s) // self._time_base)

    def _sought(self, pts_s: Fraction) -> int:
        """In the time by which the container finds a place."""
        return self._ticks(pts_s - self._lead_s)

    def _jump(self, pts_s: Fraction) -> bool:
        try:
            self.container.seek(self._sought(pts_s), stream=self.stream, backward=True)
        except (av.FFmpegError, OSError):
            return False
        self._restart()
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
        stopped = False
        while (timed := self.next()) is not None:
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

    def _restart(self) -> None:
        self._feed.restart()
        self._times.restart()
        self._ready.clear()
        self._gaps, self._reads_all = None, False  # told only of a file that is read from its start
        self._last, self._jumps_noted = None, 0
        self._reach_s, self._careful = Fraction(0), False

    def close(self) -> None:
        """Close the file; idempotent."""
        self.container.close()
