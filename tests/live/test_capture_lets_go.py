"""What a lost source held is free at once: no garbage is collected while tests run."""

from __future__ import annotations

import gc
import threading
import weakref

import av
import numpy as np
import pytest

from app.core.errors import ExplainedError
from app.core.frames import Frame, SourceInfo
from app.core.live import capture as capture_module
from app.core.live.capture import CaptureStage
from app.core.sources.base import SourceLostError, SourceOptions, frame_from_bgr
from app.core.sources.conversion import FrameConverter

PATIENCE_S = 60.0


class BreakingSource:
    """Gives one frame, and is lost for a reason that has one itself."""

    def __init__(self) -> None:
        self.info = SourceInfo("stream", "door", 16, 16, None)
        self.reopen_uri = "http://door/"
        self._frames = [frame_from_bgr(np.zeros((16, 16, 3), np.uint8), 0, None, 1)]

    def read(self) -> Frame:
        try:
            return self._frames.pop()
        except IndexError:
            raise SourceLostError("The door was lost.", "") from None

    def take_notes(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        """Nothing to close."""


class Listener:
    """Counts openings."""

    def __init__(self) -> None:
        self.opened_count = 0
        self.changed = threading.Condition()

    def opened(self, info: SourceInfo, first_index: int) -> None:
        with self.changed:
            self.opened_count += 1
            self.changed.notify_all()

    def frame(self, frame: Frame) -> None:
        """Not kept."""

    def lost(self, error: ExplainedError) -> None:
        """Expected."""

    def note(self, message: str) -> None:
        """Nothing to know."""

    def ended(self) -> None:
        """Never."""

    def failed(self, error: ExplainedError) -> None:
        """Never."""


def test_a_lost_source_is_free_when_it_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "BACK_OFF_S", (0.0,))
    opened: list[weakref.ref[BreakingSource]] = []

    def open_source(_uri: str, _options: SourceOptions) -> BreakingSource:
        source = BreakingSource()
        opened.append(weakref.ref(source))
        return source

    listener = Listener()
    stage = CaptureStage("http://door/", SourceOptions(), listener, open_source)
    stage.start()
    with listener.changed:
        assert listener.changed.wait_for(lambda: listener.opened_count >= 3, PATIENCE_S)
    stage.stop()
    assert all(worker.join(PATIENCE_S) for worker in stage.workers)
    assert [source() for source in opened[:2]] == [None, None]


def test_the_first_frame_of_a_source_is_free_with_its_converter() -> None:
    before = frames_alive()
    frame = av.VideoFrame(16, 16, "yuv420p")
    FrameConverter(frame, 0).bgra(frame)
    assert frames_alive() == before + 1
    del frame
    assert frames_alive() == before


def frames_alive() -> int:
    return sum(type(each) is av.VideoFrame for each in gc.get_objects())  # isinstance would ask lazy modules things
