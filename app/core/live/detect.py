"""Runs the detector on the newest frame. Everything here happens on ``ssdv-detect``, which opens, uses and closes the
detector (torch loads on it too); only ``look_at``, ``look_again``, ``switch``, ``set_iou``,
``set_threshold``, ``rest`` and ``stop`` are called from elsewhere.

Of a video that the chosen model analysed before, what it found is taken from the store, and no detector is opened.
Candidates go down to ``floor_for`` the threshold; for a threshold below that the frame is looked at again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.core.candidate_cache.store_facts import StoreError
from app.core.frames import Frame, FrameResult
from app.core.live.cached_analysis import DEVICE, ENGINE, CachedAnalysis, open_cached_analysis, stores_beside
from app.core.live.detector_failures import MAX_FAILURES, not_opened, run_failed, switched_off
from app.core.live.events import DetectorTrouble, LiveEvent, ModelFailed, ModelLoading, ModelMeasured, ModelReady
from app.core.live.route import Route
from app.core.live.throughput import ThroughputProbe
from app.core.logs import log_hint
from app.core.settings import DetectionSettings, ModelSettings
from app.core.stats import StatsRecorder
from app.core.workers import Worker
from detector.detections import floor_for
from detector.runtime.base import Detector

log = logging.getLogger(__name__)

DetectorFactory = Callable[[ModelSettings], Detector]


class DetectStage:
    """The detector's thread.

    Args:
        route: Where frames come from and results go.
        stats: Told each run.
        emit: Told what happens.
        factory: Opens a model.
        uri: The first source.
        model: The first model.
        detection: NMS limit for ``Candidates.kept``, and the threshold.
    """

    def __init__(
        self,
        route: Route,
        stats: StatsRecorder,
        emit: Callable[[LiveEvent], None],
        factory: DetectorFactory,
        uri: str,
        model: ModelSettings,
        detection: DetectionSettings,
    ) -> None:
        self._route = route
        self._stats = stats
        self._emit = emit
        self._factory = factory
        self._iou = detection.iou
        self._min_score = floor_for(detection.threshold)  # no candidate that scores less is of interest
        self._reached = 0.0  # so far down the newest frame was looked at
        self._lock = threading.Lock()
        self._uri = uri
        self._request: tuple[str, ModelSettings] | None = (uri, model)
        self._detector: Detector | None = None
        self._cached: CachedAnalysis | None = None  # in place of a detector
        self._refused: tuple[str, Path] | None = None  # (source, store) that turned out not to fit
        self._running: ModelSettings | None = None
        self._failures = 0
        self._resting = False
        self._told: tuple[str, ...] = ()
        self._probe = ThroughputProbe()
        self.requested_model: ModelSettings | None = model
        self.worker = Worker("detect", self._run, self._broken)

    def switch(self, model: ModelSettings) -> None:
        """Open another model as soon as the present frame is done; of several requests the last counts."""
        self.look_at(self._uri, model)

    def look_at(self, uri: str, model: ModelSettings) -> None:
        """Frames of ``uri`` come next, for ``model``; one that runs already goes on, unless ``uri`` is analysed."""
        with self._lock:
            self._uri, self.requested_model, self._request = uri, model, (uri, model)
        self._route.frames.wake()

    def look_again(self) -> None:
        """Use what is kept of the present source by now: an export or analysis has ended."""
        with self._lock:
            self._refused = None
            if self.requested_model is not None:
                self._request = self._request or (self._uri, self.requested_model)
        self._route.frames.wake()

    def set_iou(self, iou: float) -> None:
        """Use this overlap limit, from the next frame on."""
        self._iou = iou

    def set_threshold(self, threshold: float) -> None:
        """Look for whatever scores so much, in the present frame too where that was not looked at so far down."""
        with self._lock:
            before, self._min_score = self._min_score, floor_for(threshold)
            if self._min_score == before or self.requested_model is None:
                return
            self._request = self._request or (self._uri, self.requested_model)
        self._route.frames.wake()

    def rest(self, resting: bool) -> None:
        """Sets whether to leave the network alone; what is kept of a video is shown all the same."""
        self._resting = resting
        self._route.frames.wake()

    def stop(self) -> None:
        """End after the present frame; the route is closed by its owner."""
        self.worker.stop()
        self._route.frames.wake()

    def _run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                with self._lock:
                    request, self._request = self._request, None
                if request is not None:
                    self._change(*request, stop)
                    continue
                self._route.hold(self._resting and self._cached is None)  # here, where no frame is at work
                item = self._route.frames.take()
                if item is not None:
                    self._look(*item)
                elif self._route.frames.closed:
                    return
        finally:
            self._close()

    # -- models -----------------------------------------------------------------------------------------------------

    def _change(self, uri: str, model: ModelSettings, stop: threading.Event) -> None:
        """Open the new model while the old one is kept; swap when the new one has run once."""
        begun = time.monotonic()
        kept = self._recall(uri, model)
        if kept is None and self._detector is not None and self._running == model:
            return
        self._route.detector_away()
        self._emit(ModelLoading(model.name))
        try:
            detector = self._open(model) if kept is None else None
        except Exception as error:  # whatever a model file or driver throws must not end the view
            self._forget(model)
            goes_on = self._detector or self._cached
            self._emit(not_opened(model.name, error, goes_on.spec.name if goes_on is not None else ""))
            if self._detector is not None or self._cached is not None:
                self._route.detector_ready()
            return
        self._close()
        self._detector, self._cached = detector, kept
        self._running, self._failures, self._probe = model, 0, ThroughputProbe()
        took_s = time.monotonic() - begun
        if detector is not None:
            self._tell_ready(detector, took_s)
        elif kept is not None:
            self._emit(ModelReady(kept.spec, ENGINE, DEVICE, kept.precision, (), took_s, kept.path))
        if not stop.is_set():
            self._route.detector_ready()

    def _recall(self, uri: str, model: ModelSettings) -> CachedAnalysis | None:
        """Finds the detections kept of ``uri`` by ``model``; closes a store in use that belongs to neither."""
        stores = [path for path in stores_beside(uri) if (uri, path) != self._refused]
        if stores:
            self._route.detector_away()  # a large store takes a while to open
        kept = open_cached_analysis(uri, stores, model, self._min_score) if stores else None
        if kept is None and self._cached is not None and (self._cached.uri != uri or self._running == model):
            self._close()
        goes_on = kept is None and self._detector is not None and self._running == model
        if goes_on and (stores or self._min_score < self._reached):
            self._route.detector_ready()  # it was away, or the present frame was not looked at so far down
        return kept

    def _tell_ready(self, detector: Detector, took_s: float) -> None:
        self._told = tuple(detector.notes)
        self._emit(ModelReady(detector.spec, detector.engine, detector.device, detector.precision, self._told, took_s))

    def _open(self, model: ModelSettings) -> Detector:
        detector = self._factory(model)
        try:
            last = self._route.last
            # Kernels are chosen and memory is reserved for the size that will come.
            image = last.image_bgr if last is not None else np.zeros((480, 640, 3), np.uint8)
            detector.candidates_batch([image], self._iou)
        except BaseException:
            detector.close()
            raise
        return detector

    def _forget(self, model: ModelSettings | None) -> None:
        """Let the same model be asked for again: it failed. The one that goes on need not be opened again."""
        with self._lock:
            if self.requested_model == model and self._request is None:
                self.requested_model = self._running

    def _close(self) -> None:
        detector, self._detector, self._running = self._detector, None, None
        kept, self._cached = self._cached, None
        if kept is not None:
            kept.close()
        if detector is None:
            return
        try:
            detector.close()
        except Exception as error:  # the next model needs this thread
            log.error("model %s cannot be closed", detector.spec.name, exc_info=error)

    # -- frames ---------------------------------------------------------------------------------------------------

    def _look(self, epoch: int, frame: Frame) -> None:
        with self._lock:
            another = self._request is not None  # the frame may be of a source that came with it
        if self._cached is not None and not another:
            self._take_cached(self._cached, epoch, frame)
        elif self._detector is not None:
            self._detect(self._detector, epoch, frame)
        else:
            self._route.finish(epoch, FrameResult(frame, None))

    def _take_cached(self, kept: CachedAnalysis, epoch: int, frame: Frame) -> None:
        try:
            candidates = kept.candidates(frame)
        except StoreError as error:
            log.info("the network runs: %s", error.message)
            self._refused = (kept.uri, kept.path)
            self._route.finish(epoch, FrameResult(frame, None))
            with self._lock:
                if self._request is None and self._running is not None:
                    self._request = (kept.uri, self._running)
            return
        spec = kept.spec
        self._route.finish(
            epoch, FrameResult(frame, candidates, spec.labels, spec.name, detected_ns=time.monotonic_ns())
        )

    def _detect(self, detector: Detector, epoch: int, frame: Frame) -> None:
        begun_ns = time.monotonic_ns()
        try:
            min_score = self._reached = self._min_score
            candidates = detector.candidates_batch([frame.image_bgr], self._iou, min_score)[0]
        except Exception as error:  # an engine may fail in any way; the view goes on
            self._route.finish(epoch, FrameResult(frame, None))
            self._failed_run(detector, error)
            return
        self._failures = 0
        now_ns = time.monotonic_ns()
        if tuple(detector.notes) != self._told:  # it runs elsewhere now, or otherwise: a GPU may fail at any time
            self._probe = ThroughputProbe()
            self._tell_ready(detector, (now_ns - begun_ns) / 1e9)
        detect_ms = (now_ns - begun_ns) / 1e6
        self._stats.detected(now_ns, detect_ms)
        self._tell_speed(detector, detect_ms)
        spec = detector.spec
        self._route.finish(epoch, FrameResult(frame, candidates, spec.labels, spec.name, detect_ms, now_ns))

    def _tell_speed(self, detector: Detector, detect_ms: float) -> None:
        frames_per_s = self._probe.add(detect_ms)
        if frames_per_s is not None and self._running is not None:
            self._emit(
                ModelMeasured(self._running.name, detector.engine, detector.device, detector.precision, frames_per_s)
            )

    def _failed_run(self, detector: Detector, error: Exception) -> None:
        self._failures += 1
        message, hint = run_failed(detector.spec.name, error, self._failures)
        if self._failures < MAX_FAILURES:
            if self._failures == 1:
                self._emit(DetectorTrouble(message, hint))
            return
        self._route.detector_away()
        self._close()
        self._forget(self.requested_model)
        self._emit(switched_off(message))

    def _broken(self, error: BaseException) -> None:
        log.error("the detector's thread failed", exc_info=error)
        self._route.detector_away()
        self._emit(ModelFailed("The detector failed because of a fault in this program.", log_hint(), ""))
