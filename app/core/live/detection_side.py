"""The detector's side of a live session: the route of the frames, the detect stage, the follow stage.

Owned by ``LiveSession``, which calls it under its lock. Both stages are made for the first source, stay for those after
it, and end with ``stop``; the next source then has new ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from app.core.events.masks import Masks
from app.core.live.detect import DetectorFactory, DetectStage
from app.core.live.events import LiveEvent
from app.core.live.follow import FollowStage
from app.core.live.route import Route
from app.core.settings import DetectionSettings, ModelSettings
from app.core.stats import StatsRecorder
from app.core.workers import Worker


class DetectionSide:
    """Looks for objects in whatever is delivered to ``route``.

    Args:
        on_results_ready: As of ``Route``.
        emit: Told what happens, under ``lock``, in order.
        lock: The session's, reentrant.
        stats: Told each run.
        factory: Opens a model, on the detect thread.
        results_kept: As of ``Route``.

    Attributes:
        route: Where frames come in and results go out; another one after each ``stop``.
    """

    def __init__(
        self,
        on_results_ready: Callable[[], None],
        emit: Callable[[LiveEvent], None],
        lock: threading.RLock,
        stats: StatsRecorder,
        factory: DetectorFactory,
        results_kept: int = 1,
    ) -> None:
        self._new_route = partial(Route, on_results_ready, results_kept)
        self._emit, self._lock = emit, lock
        self._stats, self._factory = stats, factory
        self.route = self._new_route()
        self._detect: DetectStage | None = None
        self._follow: FollowStage | None = None
        self._smoothing = "auto"
        self._masks: Masks = ()

    def look_at(self, uri: str, model: ModelSettings, detection: DetectionSettings) -> None:
        """Have frames of ``uri`` from now on; a model that runs already stays loaded."""
        if self._detect is not None:
            self.set_iou(detection.iou)
            self.set_threshold(detection.threshold)
            self._detect.look_at(uri, model)
            return
        self.route = self._new_route()
        self.route.set_smoothing(self._smoothing)
        self._detect = self._new_stage(uri, model, detection)
        self._detect.worker.start()
        follow = FollowStage(self.route.show, detection.threshold, self.route.follow_no_more)
        self._follow = self.route.follow = follow
        follow.set_masks(self._masks)
        follow.worker.start()

    def set_iou(self, iou: float) -> None:
        """Sets the NMS limit of the frames to come; the present one is filtered by its candidates."""
        if self._detect is not None:
            self._detect.set_iou(iou)

    def set_threshold(self, threshold: float) -> None:
        """Sets the score from which detections are shown."""
        if self._detect is not None:
            self._detect.set_threshold(threshold)
        if self._follow is not None:
            self._follow.set_threshold(threshold)

    def set_smoothing(self, mode: str) -> None:
        """Sets whether boxes follow the motion between the runs of the detector: "auto", "on" or "off"."""
        self._smoothing = mode
        self.route.set_smoothing(mode)

    def set_masks(self, masks: Masks) -> None:
        """Sets the areas in which no object is followed."""
        self._masks = masks
        if self._follow is not None:
            self._follow.set_masks(masks)

    def rest(self, resting: bool) -> None:
        """Sets whether the detector leaves the computer to others."""
        if self._detect is not None:
            self._detect.rest(resting)

    def look_again(self) -> None:
        """Use what is kept of the present video by now."""
        if self._detect is not None:
            self._detect.look_again()

    def switch_model(self, model: ModelSettings) -> None:
        """Change to another model, unless it is the one asked for last."""
        if self._detect is not None and model != self._detect.requested_model:
            self._detect.switch(model)

    def stop(self) -> tuple[Worker, ...]:
        """Tell both stages to end, and refuse frames; returns their threads, for joining."""
        stages = [stage for stage in (self._detect, self._follow) if stage is not None]
        for stage in stages:
            stage.stop()
        self.route.close()
        self._detect = self._follow = None
        return tuple(stage.worker for stage in stages)

    def _new_stage(self, uri: str, model: ModelSettings, detection: DetectionSettings) -> DetectStage:
        def tell(event: LiveEvent) -> None:
            with self._lock:
                if self._detect is stage:  # one that was left behind has nothing to say any more
                    self._emit(event)

        stage = DetectStage(self.route, self._stats, tell, self._factory, uri, model, detection)
        return stage
