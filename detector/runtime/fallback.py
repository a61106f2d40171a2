"""Goes on elsewhere when a GPU fails in the middle of a run: no frame is lost, and the notes say what happened.

A GPU runs out of memory because other programs take it, is pulled out, or its driver gives it up. The engine that was
running is closed, another is opened in its place, and it does the very frames that failed. On the engine's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from detector.detections import Candidates
from detector.errors import DetectorError, DeviceFailedError
from detector.golden import Floats
from detector.runtime.base import AnyFrame, Detector, ImageBGR
from detector.runtime.engine import Engine
from detector.spec import PostprocessSpec

_log = logging.getLogger(__name__)


class FallbackDetector(Engine):
    """An engine, and another for when its device fails.

    Args:
        first: Runs as long as it can; owned from here on.
        open_other: Opens what runs then, an engine too.
    """

    def __init__(self, first: Engine, open_other: Callable[[], Detector]) -> None:
        super().__init__(first.spec, first.engine, first.device, first.precision, first.notes)
        self._running = first
        self._open_other: Callable[[], Detector] | None = open_other
        self._look()

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        return self._run_any(frames, rule)

    def _run_any(self, frames: Sequence[AnyFrame], rule: PostprocessSpec) -> list[Candidates]:
        self._running.on_stage = self.on_stage
        try:
            found = self._running._run_any(frames, rule)
        except DeviceFailedError as error:
            if self._open_other is None:
                raise
            failure = error
        else:
            if self._running.notes is not self._seen_notes:  # it had to change something by itself
                self._look()
            return found
        self._change(failure)
        return self._run_any(frames, rule)

    def _change(self, failure: DeviceFailedError) -> None:
        """Close what failed, open the other."""
        assert self._open_other is not None
        _log.info("%s is given up: %s", self.device, failure)
        self._running.close()
        try:
            other = self._open_other()
        except DetectorError as error:
            _log.info("and nothing takes its place: %s", error)
            raise failure from error
        assert isinstance(other, Engine)
        self._open_other = None
        earlier = self.notes
        self._running = other
        self._look()
        self.notes = (*earlier, f"{failure.message.rstrip('.')}. Running on the {_place(other)} since.", *other.notes)

    def _look(self) -> None:
        """Take over what the running engine says of itself."""
        running = self._running
        self.engine, self.device, self.precision = running.engine, running.device, running.precision
        self.preferred_batch = running.preferred_batch
        self.notes = self._seen_notes = running.notes

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        return self._running.raw(frame)

    def _release(self) -> None:
        self._running.close()


def _place(engine: Engine) -> str:
    return "CPU" if engine.device == "cpu" else engine.device
