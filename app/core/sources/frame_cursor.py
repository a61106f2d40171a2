"""A place in a video, and the decoded frames from there on with their times. Owned by a ``VideoReader``."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import av
from av.codec.hwaccel import HWAccel

from app.core.errors import AppError
from app.core.media.container import close_container, keeps_only_decoding_times, mean_rate, open_video
from app.core.media.continuous_packets import find_jumps
from app.core.media.extent import is_cut_short, length_s, shown_frames, track_length_s
from app.core.media.missing_frames import MissingFrames
from app.core.sources.decode import FrameFeed
from app.core.sources.frame_times import FrameTimes

TimedFrame = tuple[av.VideoFrame, Fraction]

_MAX_STEADY = 480  # frames a second; more is the clock of the container
_UNTIMED = 16  # frames without a time that may come first
_DOUBTED = 48  # frames that are looked at where the container may keep only decoding times
_DOUBTED_BYTES = 96 * 2**20


class FrameCursor:
    """Gives the frames of one video stream in the order they are shown, with seconds from the first one.

    Args:
        url: A file, or a URL of one that can be sought.
        name: What to call it.
        accelerator: What decodes it where it can.

    Attributes:
        container: The open file.
        stream: Its video.
        rate: Frames a second; None when unknown.
        period_s: From one frame to the next, nominally.
        count: Frames that the file says it shows; None when it does not.
        jumps: Where the clock jumps; None where it does not, as far as is known without reading a long file through.
        is_incomplete: The file ends before it says it does, or, once read to its end, lacks what its index lists.

    Raises:
        AppError: It cannot be opened.
    """

    def __init__(self, url: str, name: str, accelerator: HWAccel | None = None) -> None:
        self._url, self._name, self._accelerator = url, name, accelerator
        self._ready: deque[TimedFrame] = deque()
        self._notes: list[str] = []
        self._broken = 0  # counted by feeds before the present one
        self._lead_s = Fraction(0)  # from the time by which the container finds a frame to when it is shown
        self._jumps_noted = 0
        self._gaps: MissingFrames | None = None
        self._last: TimedFrame | None = None
        self.container, self.stream = open_video(url, name, accelerator)
        self.jumps = find_jumps(self.container)
        self._has_jumped = self.jumps is not None
        stream = self.stream
        assert stream.time_base is not None  # open_video refuses such
        self.is_incomplete = is_cut_short(url)
        self.count = shown_frames(stream, self.is_incomplete)
        self.rate = mean_rate(stream)
        self.period_s = 1 / self.rate if self.rate else Fraction(1, 25)
        self._time_base = stream.time_base
        self._times = FrameTimes(self._time_base, self.period_s, keeps_only_decoding_times(self.container, stream))
        self._feed = FrameFeed(self.container, stream, name, self._times.tell)
        self._restart()

    def begin(self) -> av.VideoFrame:
        """Find out when the first frame is shown, and returns it; ``next`` gives it, too.

        Raises:
            AppError: There is none.
        """
        first = self._feed.take()
        if first is None:
            raise AppError(f"{self._name} holds no frame that can be decoded.", "The file is damaged or empty.")
        waiting = self._look_ahead(first)
        self._line_up(waiting)
        self._ready.extend((frame, self._times.put(frame)) for frame in waiting)
        self._reads_all = True
        is_steady = self.rate is not None and self.rate == self.stream.base_rate and self.rate <= _MAX_STEADY
        is_joined = self.container.format.name == "concat"  # between its parts the longer track decides
        if self.count is None and is_steady and not self._times.is_guessed and not is_joined:
            self._watch_for_gaps()
        return first

    def deinterlace(self, bottom_first: bool) -> None:
        """Give whole frames from here on, where ``begin`` has just been called.

        Args:
            bottom_first: The lower lines are the earlier half.
        """
        whole = self._feed.deinterlace([frame for frame, _ in self._ready], bottom_first)
        self._ready.clear()
        self._times.restart()
        self._ready.extend((frame, self._times.put(frame)) for frame in whole)

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
    def length_s(self) -> Fraction | None:
        """The time that all frames take, seconds; None where that is not known."""
        if self.jumps is not None:
            return self.jumps.last_s + self.period_s - self.start_s
        return length_s(self.container, self.stream, self.start_s)

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
            if self._times.moved and not self.broken_packets:  # else that is why, and is said
                self._notes.append(f"{self._name}: {self._times.moved} time stamps ran backwards and were moved.")
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

    def _open_again(self) -> None:
        self._broken += self._feed.broken_packets
        self._notes += self._feed.take_notes()
        before = self._feed
        self.close()
        self.container, self.stream = open_video(self._url, self._name, self._accelerator)
        self._feed = FrameFeed(self.container, self.stream, self._name, self._times.tell)
        self._restart()
        self._feed.make_as(before)

    def _restart(self, sought: bool = False, shift_s: Fraction = Fraction(0)) -> None:
        self._feed.restart(shift_s)
        self._times.restart(sought)
        self._ready.clear()
        self._gaps, self._reads_all = None, False  # told only of a file that is read from its start
        self._last, self._jumps_noted = None, 0

    def close(self) -> None:
        """Close the file; idempotent."""
        close_container(self.container)
