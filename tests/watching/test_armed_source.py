"""Rules over the frames of a live view that somebody else looks at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.core.alarms.rules import Rule
from app.core.events.scene import IgnoreMask, Scene
from app.core.frames import FrameResult
from app.core.settings import DetectionSettings, ModelSettings, OverlaySettings
from app.core.sources.base import frame_from_bgr
from app.core.watching.armed_source import ArmedSource
from app.core.watching.keeping import SourceKeeping
from app.core.watching.request import WatchRequest
from tools.fixtures.fixed_detector import LABELS, boxes_in

PATIENCE_S = 60.0
EVERYWHERE = IgnoreMask("all", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))


class Armed:
    """An armed source over grey frames."""

    def __init__(self, *rules: Rule) -> None:
        self.lines: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        request = WatchRequest(ModelSettings(), DetectionSettings(0.5), rules)
        self.source = ArmedSource("grey", request, self._tell, lambda _message: None, OverlaySettings())

    def _tell(self, line: dict[str, Any]) -> None:
        with self.changed:
            self.lines.append(line)
            self.changed.notify_all()

    def give(self, until: Callable[[], bool], follow: bool = False) -> None:
        """Gives frames until that is so; with ``follow`` only ones to which motion brought the boxes."""
        index, deadline = 0, time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < deadline, self.lines
            result = result_now(index)
            self.source.take(replace(result, followed=True, seen=result) if follow else result)
            index += 1
            with self.changed:
                self.changed.wait(0.01)

    def told(self, kind: str) -> list[str]:
        return [line["rule"] for line in self.lines if line["type"] == kind]


def result_now(index: int) -> FrameResult:
    frame = frame_from_bgr(np.full((48, 64, 3), 90, np.uint8), index, None, time.monotonic_ns())
    return FrameResult(frame, boxes_in(frame.image_bgr), LABELS, "fixed")


@pytest.fixture
def armed() -> Iterator[Armed]:
    made = Armed(Rule("seen", ("person",)), Rule("absent", ("dog",)), Rule("gone"))
    yield made
    assert made.source.close(PATIENCE_S)


@pytest.mark.parametrize("follow", [False, True])
def test_what_the_detector_sees_is_an_event_also_where_boxes_follow_the_motion(armed: Armed, follow: bool) -> None:
    armed.give(lambda: len(armed.told("began")) == 2, follow)
    assert sorted(armed.told("began")) == ["no dog", "person"]
    assert (armed.source.keeps_clips, armed.source.tap) == (False, None)  # there is no folder for clips


def test_a_pause_ends_what_was_seen_and_a_loss_is_an_event(armed: Armed) -> None:
    armed.give(lambda: len(armed.told("began")) == 2)
    armed.source.unseen()
    armed.give(lambda: len(armed.told("ended")) == 2)
    armed.give(lambda: len(armed.told("began")) == 4)
    armed.source.lost()
    with armed.changed:
        assert armed.changed.wait_for(lambda: "source gone" in armed.told("began"), PATIENCE_S)
    armed.give(lambda: "source gone" in armed.told("ended"))


def test_a_mask_that_is_drawn_meanwhile_holds_at_once(armed: Armed) -> None:
    armed.source.adjust(DetectionSettings(0.5), Scene(masks=(EVERYWHERE,)))
    armed.give(lambda: "no dog" in armed.told("began"))
    armed.source.adjust(DetectionSettings(0.5), Scene())
    armed.give(lambda: "person" in armed.told("began"))
    assert armed.told("began") == ["no dog", "person"]


def test_closing_ends_what_goes_on(armed: Armed) -> None:
    armed.give(lambda: len(armed.told("began")) == 2)
    assert armed.source.close(PATIENCE_S)
    assert sorted(armed.told("ended")) == ["no dog", "person"]


def test_frames_that_come_while_a_picture_is_written_are_looked_at_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    busy, free = threading.Event(), threading.Event()

    def look(_keeping: SourceKeeping, result: FrameResult) -> None:
        looked.append(result.frame.index)
        busy.set()
        assert free.wait(PATIENCE_S)

    monkeypatch.setattr(SourceKeeping, "look", look)
    made = Armed(Rule("seen", ("person",)))
    made.source.take(result_now(0))
    assert busy.wait(PATIENCE_S)
    for index in range(1, 6):
        made.source.take(result_now(index))
    free.set()
    deadline = time.monotonic() + PATIENCE_S
    while len(looked) < 6 and time.monotonic() < deadline:
        with made.changed:
            made.changed.wait(0.01)
    assert made.source.close(PATIENCE_S)
    assert looked == [*range(6)]
