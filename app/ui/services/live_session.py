"""The live session as the window sees it, and the real one. Its libraries are loaded on its own threads."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

from app.core.channels import LatestSlot
from app.core.events.masks import Masks
from app.core.frames import FrameResult
from app.core.live.events import LiveEvent, LiveState
from app.core.models import open_model
from app.core.preload import preload_for, preload_media
from app.core.settings import DetectionSettings, ModelSettings
from app.core.sources.base import Source, SourceOptions
from app.core.sources.uri import open_source
from app.core.stats import LiveStats
from detector.runtime.base import Detector
from detector.runtime.shared import SharedDetectors


class Session(Protocol):
    """The part of ``app.core.live.LiveSession`` that the window uses."""

    @property
    def results(self) -> LatestSlot[FrameResult]: ...
    @property
    def state(self) -> LiveState: ...

    def start(
        self, uri: str, options: SourceOptions, model: ModelSettings, detection: DetectionSettings, /
    ) -> bool: ...
    def keep_source(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def seek(self, pts_s: Fraction, /) -> None: ...
    def step(self, frames: int, /) -> None: ...
    def set_loop(self, loop: bool, /) -> None: ...
    def set_iou(self, iou: float, /) -> None: ...
    def set_threshold(self, threshold: float, /) -> None: ...
    def set_smoothing(self, mode: str, /) -> None: ...
    def set_masks(self, masks: Masks, /) -> None: ...
    def rest(self, resting: bool, /) -> None: ...
    def look_again(self) -> None: ...
    def switch_model(self, model: ModelSettings, /) -> None: ...
    def stop(self, deadline_s: float = ..., /) -> bool: ...
    def stats(self) -> LiveStats: ...
    def mark_painted(self, result: FrameResult, /) -> None: ...


MakeSession = Callable[[Callable[[], None], Callable[[LiveEvent], None]], Session]
"""Called with (a result is ready, an event happened), both of which any thread may call."""


def make_session(on_results_ready: Callable[[], None], on_event: Callable[[LiveEvent], None]) -> Session:
    """Makes the real live session."""
    from app.core.live import LiveSession

    return LiveSession(on_results_ready, on_event, detector_factory=open_live_model, source_factory=open_live_source)


def make_shared_sessions() -> MakeSession:
    """Returns what makes live sessions that share one detector, whose turn it is by turns."""
    detectors = SharedDetectors(open_live_model)

    def make(on_results_ready: Callable[[], None], on_event: Callable[[LiveEvent], None]) -> Session:
        from app.core.live import LiveSession

        return LiveSession(on_results_ready, on_event, detector_factory=detectors.open, source_factory=open_live_source)

    return make


def open_live_model(model: ModelSettings) -> Detector:
    """Opens a model (detect thread); its libraries first, without stopping the window."""
    preload_for(model)
    return open_model(model)


def open_live_source(uri: str, options: SourceOptions) -> Source:
    """Opens a source (capture thread), likewise."""
    preload_media()
    return open_source(uri, options)
