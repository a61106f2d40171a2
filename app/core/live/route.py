"""Where a captured frame goes: to the detector, or straight to the window while no model is ready.

The capture thread delivers, the detect thread finishes and switches, the GUI thread takes from ``results``. One lock
makes each of these whole, so frames reach the window in order and none of a source that was replaced.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from app.core.channels import LatestSlot
from app.core.frames import Frame, FrameResult
from app.core.live.smoothing import SmoothingSwitch


class FrameFollower(Protocol):
    """Moves boxes between the runs of the detector; see ``FollowStage``. Returns at once."""

    def frame(self, epoch: int, frame: Frame) -> None: ...
    def answer(self, epoch: int, result: FrameResult) -> None: ...


class Route:
    """The two slots of the live path and the switch between them.

    Args:
        on_results_ready: Called, on a worker thread, when ``results`` was empty and is not any more.
        results_kept: How many of the newest wait in ``results``.

    Attributes:
        frames: (epoch, frame) for the detector.
        results: Frames with their candidates, for the window.
        smoothing: Whether boxes follow the motion meanwhile.
        follow: Who follows them; None for nobody.
    """

    def __init__(self, on_results_ready: Callable[[], None], results_kept: int = 1) -> None:
        self.frames: LatestSlot[tuple[int, Frame]] = LatestSlot()
        self.results: LatestSlot[FrameResult] = LatestSlot(results_kept)
        self._on_results_ready = on_results_ready
        self._lock = threading.Lock()
        self._epoch = 0
        self._ready = self._held = False
        self._last: Frame | None = None
        self._followed: Frame | None = None  # the newest frame that ``follow`` was given
        self.smoothing = SmoothingSwitch()
        self.follow: FrameFollower | None = None
        self._shown_after_all = 0  # frames that the detector did not take, and that were shown

    def set_smoothing(self, mode: str) -> None:
        """Takes the user's choice, from the next frame on."""
        with self._lock:
            self.smoothing.set_mode(mode)

    def follow_no_more(self) -> None:
        """Show each frame with its own answer from now on, as nobody follows boxes any more."""
        with self._lock:
            self.follow = None

    def begin(self) -> int:
        """Another source begins: forget the frames of the one before. Returns the number to deliver under."""
        with self._lock:
            self._epoch += 1
            self._last = None
            self.smoothing.restart()
            self.frames.take_nowait()
            while self.results.take_nowait() is not None:
                pass
            return self._epoch

    def deliver(self, epoch: int, frame: Frame) -> bool:
        """A frame from the source; False when that source is no longer wanted."""
        with self._lock:
            if epoch != self._epoch:
                return False
            self._last = frame
            self.smoothing.frame(frame.captured_ns)
            if self._ready and not self._held:
                dropped = self.frames.dropped
                self.frames.put((epoch, frame))
                wake = False
                if self.smoothing.on and self.follow is not None:
                    self.follow.frame(epoch, frame)
                    self._followed = frame
                    self._shown_after_all += self.frames.dropped - dropped
            else:
                wake = self.results.put(FrameResult(frame, None))
        if wake:
            self._on_results_ready()
        return True

    def finish(self, epoch: int, result: FrameResult) -> None:
        """A frame that went through the detector."""
        with self._lock:
            if result.candidates is not None:
                self.smoothing.detected(result.detect_ms)
            if self.smoothing.on and self.follow is not None and result.candidates is not None and self._ready:
                self.follow.answer(epoch, result)
                if result.frame is not self._last or result.frame is self._followed:
                    return  # ``follow`` shows it, with numbers; it knows no frame from before it was switched on
        self.show(epoch, result)

    def show(self, epoch: int, result: FrameResult) -> None:
        """A frame for the window."""
        with self._lock:
            wake = epoch == self._epoch and self.results.put(result)
        if wake:
            self._on_results_ready()

    def detector_ready(self) -> None:
        """Send frames through the detector from now on; the present one (a paused frame, an image) does so again."""
        with self._lock:
            self._ready = True
            if self._last is not None and not self._held:
                self.frames.put((self._epoch, self._last))
                if self.smoothing.on and self.follow is not None:
                    self.follow.frame(self._epoch, self._last)
                    self._followed = self._last

    def detector_away(self) -> None:
        """Send frames straight to the window from now on, beginning with one that waits for the detector."""
        with self._lock:
            self._ready = False
            wake = self._pass_by()
        if wake:
            self._on_results_ready()

    def hold(self, held: bool) -> None:
        """Have frames pass by the detector though it is ready, to the window, or not; then the present one is next.

        To be called while no frame is in the detector, or it would be shown late.
        """
        wake = False
        with self._lock:
            if held == self._held:
                return
            self._held = held
            if held:
                wake = self._pass_by()
            elif self._ready and self._last is not None:
                self.frames.put((self._epoch, self._last))
        if wake:
            self._on_results_ready()

    def _pass_by(self) -> bool:
        """Pass a frame that waits for the detector on to the window; True where that must be woken."""
        waiting = self.frames.take_nowait()
        return waiting is not None and self.results.put(FrameResult(waiting[1], None))

    @property
    def epoch(self) -> int:
        """The number that frames of the present source are delivered under."""
        return self._epoch

    @property
    def last(self) -> Frame | None:
        """The newest frame of the source."""
        return self._last

    @property
    def drops(self) -> int:
        """Frames that gave way to newer ones."""
        return self.frames.dropped - self._shown_after_all + self.results.dropped

    def close(self) -> None:
        """Refuse everything from now on and wake whoever waits."""
        with self._lock:
            self._epoch += 1
            self._last = None
            self.frames.close()
            self.results.close()
