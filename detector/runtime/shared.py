"""One detector for several users, whose frames take turns: each is opened once, and runs on a thread of its own.

A user has one batch under way at a time, so with first come, first served, each gets its turn.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from detector.detections import Candidates
from detector.errors import DetectorError
from detector.golden import Floats
from detector.runtime.base import Detector, ImageBGR
from detector.runtime.engine import Engine
from detector.spec import PostprocessSpec

THREAD = "ssdv-shared-detect"
Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class SharedDetectors(Generic[Key]):
    """Opens a detector for the first who asks, hands it to all who ask for the same, closes it after the last.

    Args:
        factory: Opens one, on the thread that will use it.
    """

    def __init__(self, factory: Callable[[Key], Detector]) -> None:
        self._factory = factory
        self._lock = threading.Lock()
        self._homes: dict[Key, _Home] = {}

    def open(self, key: Key) -> Detector:
        """Returns a share in the detector of ``key``; any thread, and waits until it is open.

        Raises:
            Exception: Whatever the factory raises.
        """
        with self._lock:
            home = self._homes.get(key)
            if home is None:
                home = self._homes[key] = _Home(lambda: self._factory(key))
            home.users += 1
        try:
            return SharedDetector(home, lambda: self._leave(key, home))
        except BaseException:
            self._leave(key, home)
            raise

    def _leave(self, key: Key, home: _Home) -> None:
        with self._lock:
            home.users -= 1
            if home.users:
                return
            del self._homes[key]
        home.end()


class _Home:
    """A detector and its thread."""

    def __init__(self, factory: Callable[[], Detector]) -> None:
        self.users = 0
        self._thread = ThreadPoolExecutor(1, THREAD)
        self.detector: Future[Detector] = self._thread.submit(factory)

    def ask(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Returns what ``work`` returns on the detector's thread, when its turn has come.

        Raises:
            DetectorError: The program ends, and starts nothing more.
        """
        try:
            asked = self._thread.submit(work, *arguments)
        except RuntimeError as error:
            raise DetectorError("The program ends.") from error
        return asked.result()

    def end(self) -> None:
        """Close the detector after what is under way; returns at once."""
        with contextlib.suppress(RuntimeError):  # the program ends, and all its memory with it
            self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self.detector.exception() is None:
            self.detector.result().close()


class SharedDetector(Engine):
    """A share in a detector; used like any other, by the thread that asked for it.

    Args:
        home: The detector.
        leave: Called when this share is closed.
    """

    def __init__(self, home: _Home, leave: Callable[[], None]) -> None:
        detector = home.detector.result()
        super().__init__(detector.spec, detector.engine, detector.device, detector.precision, detector.notes)
        self._home, self._detector, self._leave = home, detector, leave

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        detector = self._detector
        found = self._home.ask(detector.candidates_batch, frames, rule.iou_threshold, rule.score_floor)
        self.device, self.precision, self.notes = detector.device, detector.precision, detector.notes
        return found

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        assert isinstance(self._detector, Engine)
        return self._home.ask(self._detector.raw, frame)

    def _release(self) -> None:
        self._leave()
