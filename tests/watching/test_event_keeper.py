"""Who is told of the clip of an event, and who of its absence."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from app.core.alarms.actions import CommandAction, PostAction
from app.core.alarms.message import AlarmMessage
from app.core.alarms.rules import Rule
from app.core.frames import FrameResult
from app.core.recording.drawn import DrawnFrames
from app.core.recording.recorder import Recorder
from app.core.recording.reports import ClipFailed, FileFinished
from app.core.settings import DetectionSettings, ModelSettings, OverlaySettings
from app.core.sources.base import frame_from_bgr
from app.core.watching.event_keeper import EventKeeper
from app.core.watching.request import WatchRequest
from tools.fixtures.fixed_detector import LABELS, boxes_in

PATIENCE_S = 60.0
PLAYS_CLIP, NAMES_LABEL = CommandAction([sys.executable, "{clip}"]), CommandAction([sys.executable, "{label}"])
POST = PostAction("http://127.0.0.1/")


class Kept:
    """Events of grey frames, from which no packet ever comes."""

    def __init__(self, folder: Path, *rules: Rule) -> None:
        self.alarms: list[AlarmMessage] = []
        request = WatchRequest(ModelSettings(), DetectionSettings(0.5), rules, clips=folder)
        frames = DrawnFrames(OverlaySettings())
        self.keeper = EventKeeper("grey", request, lambda _line: None, self.alarms.append, frames)
        plan = request.plan("grey", drawn=False)
        self.keeper.clips = None if plan is None else Recorder(plan, self.keeper.report)

    def watch(self) -> None:
        """Looks at a frame, and loses the source."""
        frame = frame_from_bgr(np.full((48, 64, 3), 90, np.uint8), 0, None, 10**9)
        self.keeper.look(FrameResult(frame, boxes_in(frame.image_bgr), LABELS, "fixed"))
        self.keeper.lost(2.0)

    def close(self) -> None:
        if self.keeper.clips is not None:
            self.keeper.clips.close()
            assert self.keeper.clips.worker.join(PATIENCE_S)

    def told(self, action: CommandAction | PostAction) -> list[tuple[str, str]]:
        """Returns moments and clips that are told in this way."""
        return [(alarm.moment, alarm.clip) for alarm in self.alarms if action.wants(alarm)]


@pytest.mark.parametrize("rule", [Rule(clip=False, snapshot=False), Rule("gone"), Rule("absent", ("unicorn",))])
def test_of_an_event_that_gets_no_clip_nobody_waits_for_it(tmp_path: Path, rule: Rule) -> None:
    kept = Kept(tmp_path, rule)
    kept.watch()
    kept.close()
    assert kept.told(PLAYS_CLIP) == kept.told(NAMES_LABEL) == [("began", "")]


def test_who_waits_for_a_clip_is_told_when_there_is_none(tmp_path: Path) -> None:
    kept = Kept(tmp_path, Rule(snapshot=False))
    kept.watch()
    assert kept.told(PLAYS_CLIP) == []
    kept.close()
    assert kept.told(PLAYS_CLIP) == [("no clip", "")]
    assert kept.told(NAMES_LABEL) == [("began", "")]
    assert kept.told(POST) == [("began", ""), ("ended", "")]


def test_a_part_of_a_clip_is_a_clip(tmp_path: Path) -> None:
    kept = Kept(tmp_path, Rule(snapshot=False))
    kept.watch()
    path = tmp_path / "grey.mp4"
    kept.keeper.report(FileFinished(path, "clip", 1, 1.0, events=(1,)))
    kept.keeper.report(ClipFailed((1,)))
    assert kept.told(PLAYS_CLIP) == [("clip", str(path))]
    assert kept.told(POST) == [("began", ""), ("ended", ""), ("clip", str(path))]
    kept.close()
