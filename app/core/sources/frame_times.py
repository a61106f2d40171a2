"""When each decoded frame is shown: as FFmpeg's best-effort times say, but always rising. Arithmetic on stamps."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av


class FrameTimes:
    """Turns the stamps of decoded frames, in the order they are shown, into times from the first frame.

    Presentation times are believed, unless the container keeps none: then what stands in their place is a guess, and a
    frame is shown when the packet is decoded that makes the decoder give it out.

    Args:
        time_base: Seconds per tick of the stream.
        period_s: From one frame to the next, nominally.
        by_decoding: Decoding times are all the container keeps.

    Attributes:
        start_s: Container time of the first frame.
        moved: How many times ran backwards.
        is_lost: The frame after a seek has no time, nor one before it from which that could be reckoned.
    """

    def __init__(self, time_base: Fraction, period_s: Fraction, by_decoding: bool) -> None:
        self._time_base, self._period_s = time_base, period_s
        self.by_decoding = by_decoding
        self._early: dict[int, int] = {}  # decoding times of the frames before that was found out, and what is told
        self.start_s = Fraction(0)
        self.moved = 0
        self.restart()

    def restart(self, sought: bool = False) -> None:
        """The next frame does not follow the last one: it is the first, or was sought."""
        self._last_s: Fraction | None = None
        self._sought, self.is_lost = sought, False
        self._step_s = self._period_s

    @property
    def is_guessed(self) -> bool:
        """Returns whether the first frames were told by other times than those after them."""
        return bool(self._early)

    def look_at(self, frames: Sequence[av.VideoFrame]) -> None:
        """Find out by the first frames whether presentation times can be believed, as FFmpeg does, and correct them.

        Those that fall are faults, and so are decoding times that do; the kind with fewer is believed.
        """
        faults = 0
        last_pts = last_dts = None
        for number, frame in enumerate(frames):
            pts, dts = frame.pts, frame.dts
            if pts is None or dts is None:
                return
            faults += (last_pts is not None and pts <= last_pts) - (last_dts is not None and dts <= last_dts)
            last_pts, last_dts = pts, dts
            if faults > 0:
                self.by_decoding = True
                early = ((before.dts, before.pts) for before in frames[:number])
                self._early = {dts: pts for dts, pts in early if dts is not None and pts is not None}
                for wrong in frames:
                    wrong.pts = self.tell(wrong)
                return

    def tell(self, frame: av.VideoFrame) -> int | None:
        """Returns when a frame is shown, in ticks, as the file tells it; None when it does not."""
        if not self.by_decoding:
            return frame.dts if frame.pts is None else frame.pts
        if frame.dts is None:
            return None  # the last ones, given out when no packet is left; what stands in its place is a guess
        return self._early.get(frame.dts, frame.dts)

    def told_s(self, frame: av.VideoFrame) -> Fraction | None:
        """Returns the container time of a frame whose ``pts`` is what ``tell`` returned."""
        return None if frame.pts is None else frame.pts * (frame.time_base or self._time_base)

    def put(self, frame: av.VideoFrame) -> Fraction:
        """Returns the seconds from the first frame to this one, which is shown next; see ``told_s``."""
        told_s, last_s = self.told_s(frame), self._last_s
        if told_s is not None:
            now_s = told_s - self.start_s
        else:
            self.is_lost = self._sought and last_s is None
            now_s = Fraction(0) if last_s is None else last_s + self._step_s
        if last_s is not None:
            if now_s <= last_s:
                now_s = last_s + self._time_base
                self.moved += 1
            elif self.by_decoding:
                self._step_s = now_s - last_s
        self._last_s = now_s
        return now_s
