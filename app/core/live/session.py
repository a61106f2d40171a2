"""The live view as a whole: one source, one detector, their states. Owned and called by one thread, the GUI's.

Composes capture stage, route and detect stage; the frames flow past it:
source -> ``ssdv-capture`` -> route.frames -> ``ssdv-detect`` -> route.results -> whoever takes from ``results``.
Where the detector is slower than the source, every frame also goes to ``ssdv-follow``, which shows it at once with the
boxes moved, and the detector's answers go there, too.
The callbacks are called on worker threads (and on the caller's, for what a call brings about); they must return at
once and not wait for another thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from fractions import Fraction

from app.core.channels import LatestSlot
from app.core.errors import ExplainedError
from app.core.events.masks import Masks
from app.core.frames import FrameResult, SourceInfo
from app.core.live.attempt import SourceFactory
from app.core.live.capture import seconds
from app.core.live.detect import DetectorFactory
from app.core.live.detection_side import DetectionSide
from app.core.live.events import (
    ALLOWED,
    LiveEvent,
    LiveState,
    ReplacementFailed,
    SourceOpened,
    SourceReplaced,
    SourceTrouble,
    StateChanged,
)
from app.core.live.source_listener import SessionSide, SourceListener
from app.core.live.source_side import SourceSide, WantedSource
from app.core.models import open_model
from app.core.settings import DetectionSettings, ModelSettings
from app.core.sources.base import CAMERA, SourceOptions
from app.core.sources.uri import open_source
from app.core.stats import LiveStats, StatsRecorder
from app.core.workers import join_all

log = logging.getLogger(__name__)


class LiveSession:
    """Looks at one source after the other.

    Args:
        on_results_ready: ``results`` was empty and is not any more: come and take.
        on_event: Told of states, sources and models, in order.
        detector_factory: Opens a model, on the detect thread.
        source_factory: Opens a source, on the capture thread.
        results_kept: How many of the newest wait in ``results``; more than one for who must see each.
    """

    def __init__(
        self,
        on_results_ready: Callable[[], None],
        on_event: Callable[[LiveEvent], None],
        *,
        detector_factory: DetectorFactory = open_model,
        source_factory: SourceFactory = open_source,
        results_kept: int = 1,
    ) -> None:
        self._on_event = on_event
        # Held while events are told, so that they come in order; reentrant, since a callback may call back.
        self._lock = threading.RLock()
        self._state = LiveState.IDLE
        self._stats = StatsRecorder()
        told = SessionSide(self._source_opened, self._source_failed, self._source_says)
        self._sources = SourceSide(told, source_factory)
        self._detection = DetectionSide(
            on_results_ready, self._tell, self._lock, self._stats, detector_factory, results_kept
        )
        self._uri = ""
        self._info: SourceInfo | None = None
        self._painted: tuple[int, int] | None = None
        self._drops_before = 0
        self._smoothing = "auto"

    # -- what is going on -------------------------------------------------------------------------------------------

    @property
    def state(self) -> LiveState:
        return self._state

    @property
    def info(self) -> SourceInfo | None:
        """The open source; None while there is none."""
        return self._info

    @property
    def results(self) -> LatestSlot[FrameResult]:
        """The newest frame with what was found in it. Ask anew after each ``start``."""
        return self._detection.route.results

    @property
    def position_s(self) -> Fraction | None:
        """Time of the newest frame of a file; None for a live source."""
        frame = self._detection.route.last
        return frame.pts_s if frame is not None else None

    def stats(self) -> LiveStats:
        """Speeds, ages and drops of this source."""
        return self._stats.snapshot(time.monotonic_ns(), self._detection.route.drops - self._drops_before)

    def mark_painted(self, result: FrameResult) -> None:
        """``result`` is on the screen; painting its frame again (a resize, a slider, newer boxes) does not count."""
        which = (result.frame.index, result.frame.captured_ns)
        if which != self._painted:
            self._painted = which
            self._stats.painted(time.monotonic_ns(), result.frame.captured_ns)

    # -- source -----------------------------------------------------------------------------------------------------

    def start(self, uri: str, options: SourceOptions, model: ModelSettings, detection: DetectionSettings) -> bool:
        """Look at ``uri``; in place of the present source, if there is one (the model then stays loaded).

        Returns at once. What comes of it is told by events.

        Returns:
            Whether the present source goes on until the new one is open, and for good if that cannot be opened
            (``SourceReplaced``, ``ReplacementFailed``). Not where both may want the same device.
        """
        with self._lock:
            self._sources.drop_next()
            wanted = self._sources.make(uri, options, model, detection)
            goes_on = self._may_go_on_before(uri)
            if goes_on:
                self._sources.wait_for(wanted)
            else:
                self._take(wanted)
            wanted.capture.start()
            return goes_on

    def keep_source(self) -> None:
        """Go on with the present source, and give up what ``start`` is still opening in its place."""
        with self._lock:
            self._sources.drop_next()

    def _may_go_on_before(self, uri: str) -> bool:
        is_open = self._info is not None and self._state in (LiveState.RUNNING, LiveState.PAUSED, LiveState.STALLED)
        cameras = uri.startswith(CAMERA) and self._uri.startswith(CAMERA)
        return is_open and uri != self._uri and not cameras

    def _take(self, wanted: WantedSource) -> None:
        """Have this source from now on; the one before ends."""
        self._detection.look_at(wanted.uri, wanted.model, wanted.detection)
        self._sources.replace(wanted.capture)
        self._info, self._uri = None, wanted.uri
        wanted.listener.attach(self._detection.route, self._stats)
        self._stats.clear()
        self._drops_before = self._detection.route.drops
        self._set_state(LiveState.STARTING)

    def stop(self, deadline_s: float = 3.0) -> bool:
        """End everything, waiting up to ``deadline_s`` (0: not at all); True when all threads have ended.

        A thread that is stuck in a driver is left behind; it ends when the driver lets it.
        """
        with self._lock:
            if self._sources.transport is None:
                return True
            self._set_state(LiveState.STOPPING)
            workers = (*self._sources.stop(), *self._detection.stop())
            self._info = None
        if deadline_s > 0:
            join_all(workers, deadline_s)
        with self._lock:
            self._set_state(LiveState.IDLE)
        return not any(worker.alive for worker in workers)

    def pause(self) -> None:
        """Keep the present frame. A camera or stream is read on, so that ``resume`` shows what is now."""
        with self._lock:
            transport, changes = self._sources.transport, (LiveState.RUNNING, LiveState.STARTING, LiveState.STALLED)
            if transport is not None and self._state in changes:
                transport.set_paused(True)
                if self._state is LiveState.RUNNING:
                    self._set_state(LiveState.PAUSED)

    def resume(self) -> None:
        """Go on; after the end of a file, from its start."""
        with self._lock:
            transport, changes = self._sources.transport, (LiveState.PAUSED, LiveState.STARTING, LiveState.STALLED)
            if transport is not None and self._state in changes:
                transport.set_paused(False)
                if self._state is LiveState.PAUSED:
                    self._set_state(LiveState.RUNNING)

    def seek(self, pts_s: Fraction | float) -> None:
        """Show the frame at that time, paused or playing on from there."""
        with self._lock:
            if (transport := self._sources.transport) is not None and (self._info is None or self._info.seekable):
                transport.seek(seconds(pts_s))

    def step(self, frames: int) -> None:
        """Pause, and show the frame that many after (negative: before) the present one."""
        with self._lock:
            self.pause()
            if (transport := self._sources.transport) is not None and self._info is not None and self._info.seekable:
                transport.step(frames)

    def set_loop(self, loop: bool) -> None:
        """Sets whether a file begins again at its end."""
        with self._lock:
            if (transport := self._sources.transport) is not None:
                transport.set_loop(loop)

    # -- detector ---------------------------------------------------------------------------------------------------

    def set_iou(self, iou: float) -> None:
        """Sets the NMS limit of the frames to come; the present one is filtered by its candidates."""
        with self._lock:
            self._detection.set_iou(iou)

    def set_threshold(self, threshold: float) -> None:
        """Show detections from this score on; only a low one matters here, see ``detector.detections.floor_for``."""
        with self._lock:
            self._detection.set_threshold(threshold)

    def set_smoothing(self, mode: str) -> None:
        """Sets whether boxes follow the motion between the runs of the detector: "auto", "on" or "off"."""
        with self._lock:
            self._smoothing = mode
            self._detection.set_smoothing(self._smoothing_of(self._info))

    def _smoothing_of(self, info: SourceInfo | None) -> str:
        return "off" if info is not None and info.kind in ("image", "folder") else self._smoothing

    def set_masks(self, masks: Masks) -> None:
        """Sets the areas in which no object is followed; what is shown of a frame is for its viewer to decide."""
        with self._lock:
            self._detection.set_masks(masks)

    def rest(self, resting: bool) -> None:
        """Sets whether the detector leaves the computer to others: frames then come without detections."""
        with self._lock:
            self._detection.rest(resting)

    def look_again(self) -> None:
        """Show what is kept of the present video, if an export or analysis has left it meanwhile."""
        with self._lock:
            self._detection.look_again()

    def switch_model(self, model: ModelSettings) -> None:
        """Change to another model; the view goes on meanwhile, and the old one is kept until the new one runs."""
        with self._lock:
            self._detection.switch_model(model)

    # -- from the stages --------------------------------------------------------------------------------------------

    def _source_opened(self, listener: SourceListener, info: SourceInfo, first_index: int) -> None:
        with self._lock:
            wanted = self._sources.take_next(listener)
            if wanted is not None:
                self._tell(SourceReplaced(wanted.uri))
                self._take(wanted)
            if not listener.is_present:
                return
            self._info = info
            self._detection.set_smoothing(self._smoothing_of(info))
            self._tell(SourceOpened(info, first_index))
            transport = self._sources.transport
            if self._state in (LiveState.STARTING, LiveState.STALLED) and transport is not None:
                self._set_state(LiveState.PAUSED if transport.paused else LiveState.RUNNING)

    def _source_failed(self, listener: SourceListener, error: ExplainedError) -> None:
        with self._lock:
            wanted = self._sources.take_next(listener)
            if wanted is not None:
                self._sources.retire(wanted.capture)
                self._tell(ReplacementFailed(wanted.uri, error.message, error.hint, error))
            else:
                self._source_says(listener, SourceTrouble(error.message, error.hint, False, error), LiveState.FAILED)

    def _source_says(self, listener: SourceListener, event: LiveEvent, state: LiveState | None) -> None:
        with self._lock:
            if listener.is_present:
                self._tell(event)
                if state is not None:
                    self._set_state(state)

    def _set_state(self, state: LiveState) -> None:
        if state is self._state:
            return
        if state not in ALLOWED[self._state]:
            raise RuntimeError(f"{self._state.name} cannot become {state.name}")
        self._state = state
        self._tell(StateChanged(state))

    def _tell(self, event: LiveEvent) -> None:
        with self._lock:
            self._on_event(event)
