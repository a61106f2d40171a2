"""A session with everything it said and showed, and waits that end with an event, never with a guess at the time."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from app.core.frames import FrameResult
from app.core.live import LiveEvent, LiveSession, LiveState, StateChanged
from app.core.settings import DetectionSettings, ModelSettings
from app.core.sources.base import SourceOptions
from tests.support.fake_detector import FakeModels

E = TypeVar("E")

PATIENCE = 60.0


class LiveProbe:
    """Plays the window's part. Use as a context; leaving it stops the session.

    Args:
        models: Opens detectors, and remembers them.
        factory: Opens detectors in their place.
        smoothing: Off, so that boxes belong to their frames, unless a test is about it.
        kwargs: For ``LiveSession``.
    """

    def __init__(
        self,
        models: FakeModels | None = None,
        factory: Callable[[ModelSettings], Any] | None = None,
        smoothing: str = "off",
        **kwargs: Any,
    ) -> None:
        self.models = models or FakeModels()
        self.events: list[LiveEvent] = []
        self.wakes = 0
        self._changed = threading.Condition()
        self.session = LiveSession(self._wake, self._event, detector_factory=factory or self.models, **kwargs)
        self.session.set_smoothing(smoothing)

    def start(
        self,
        uri: str,
        options: SourceOptions | None = None,
        model: str = "first",
        detection: DetectionSettings = DetectionSettings(),  # noqa: B008 - immutable
    ) -> None:
        """Look at ``uri``."""
        options = options or SourceOptions(open_timeout_s=20, first_frame_s=20, stall_s=20)
        self.session.start(uri, options, ModelSettings(name=model), detection)

    def __enter__(self) -> LiveProbe:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.session.stop(PATIENCE)

    def _wake(self) -> None:
        with self._changed:
            self.wakes += 1
            self._changed.notify_all()

    def _event(self, event: LiveEvent) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def wait_event(self, kind: type[E], count: int = 1) -> E:
        """The ``count``-th event of that kind."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.of(kind)) >= count, PATIENCE)
            assert arrived, f"no {kind.__name__} among {self.events}"
            return self.of(kind)[count - 1]

    def wait_state(self, state: LiveState) -> None:
        """Until the session is in that state."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.session.state is state, PATIENCE), self.events

    @property
    def states(self) -> list[LiveState]:
        """All states so far."""
        return [event.state for event in self.of(StateChanged)]

    def next_result(self) -> FrameResult:
        """Take the newest result, waiting for one, and paint it."""
        result = self.session.results.take(PATIENCE)
        assert result is not None, f"no frame; {self.events}"
        self.session.mark_painted(result)
        return result

    def result_where(self, wanted: Callable[[FrameResult], bool]) -> FrameResult:
        """The first coming result for which ``wanted`` holds."""
        for _ in range(2000):
            result = self.next_result()
            if wanted(result):
                return result
        raise AssertionError("2000 frames, and none was the one wanted")

    def detected(self) -> FrameResult:
        """The first coming result that went through a detector."""
        return self.result_where(lambda result: result.candidates is not None)


def count_live_images(images: list[weakref.ref[np.ndarray[Any, Any]]]) -> int:
    """How many of the arrays still exist."""
    return sum(reference() is not None for reference in images)
