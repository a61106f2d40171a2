"""Alarms of the window over a network camera: what is kept, who is told, and that it is seen to be armed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import pytest
from pytestqt.qtbot import QtBot

from app.core.alarms.alarm_store import AlarmRule, AlarmStore
from app.core.alarms.rules import Rule
from app.core.alarms.ways import AlarmWays
from app.core.live import LiveEvent, LiveSession
from app.core.live import capture as capture_module
from app.core.settings import ModelSettings, RecordingSettings, Settings
from app.ui.services.live_session import Session
from detector.detections import Candidates
from detector.runtime.base import ImageBGR
from tests.support.qt_fakes import Desk, desk
from tests.support.steady_detector import FakeDetector
from tools.fixtures.mjpeg_server import MjpegServer

PATIENCE_MS = 30_000
NOTHING: frozenset[str] = frozenset()


class Room(FakeDetector):
    """Sees what there is in every frame while somebody is there."""

    def __init__(self) -> None:
        super().__init__()
        self.somebody = False

    def candidates_batch(
        self, frames: Sequence[ImageBGR], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        found = super().candidates_batch(frames, iou_threshold, min_score)
        return found if self.somebody else [Candidates.empty() for _ in frames]


class Place:
    """A window that looks at a camera."""

    def __init__(self, table: Desk, server: MjpegServer, room: Room, folder: Path) -> None:
        self.table, self.server, self.room, self.folder = table, server, room, folder
        self.alarms = table.window.alarms
        self.panel = self.alarms.panel

    def wait(self, ready: Callable[[], bool]) -> None:
        self.table.qtbot.waitUntil(ready, timeout=PATIENCE_MS)

    def open(self, *rules: Rule, ways: AlarmWays | None = None) -> None:
        """Opens the camera, whose rules were kept before."""
        AlarmStore().save_rules(self.server.url, tuple(AlarmRule(rule) for rule in rules))
        if ways is not None:
            AlarmStore().save_ways(ways)
        self.table.window.open_source(self.server.url)
        self.wait(lambda: self.table.controller.model is not None and self.panel.rules.count() == len(rules))

    def arm(self, *rules: Rule, ways: AlarmWays | None = None) -> None:
        self.open(*rules, ways=ways)
        self.panel.arm.click()
        self.wait(lambda: self.alarms.arming.armed)

    def disarm(self) -> None:
        self.panel.arm.click()
        assert not self.alarms.arming.armed
        self.wait(lambda: not self.table.background.busy)

    @property
    def status(self) -> str:
        return self.table.window.status.shown().get("alarms", "")

    def begun(self, count: int = 1) -> None:
        self.wait(lambda: self.panel.log.count() == count)

    def files(self, ending: str) -> list[Path]:
        return sorted(self.folder.glob(f"*.{ending}"))


@pytest.fixture
def place(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(capture_module, "BACK_OFF_S", (0.05,))
    room = Room()

    def make(ready: Callable[[], None], event: Callable[[LiveEvent], None]) -> Session:
        def open_model(_model: ModelSettings) -> Room:
            return room

        return LiveSession(ready, event, detector_factory=open_model)

    kept = tmp_path / "kept"
    settings = Settings(recording=RecordingSettings(folder=str(kept), before_s=1, after_s=0))
    with MjpegServer(fps=25) as server, desk(qtbot, tmp_path, settings, make) as table:
        yield Place(table, server, room, kept)


def install(folder: Path, name: str) -> Path:
    """A program that notes what it was given; where."""
    noted = folder / f"{name}.json"
    program = folder / name
    program.write_text(f"#!{sys.executable}\nimport json,sys; json.dump(sys.argv[1:], open({str(noted)!r}, 'w'))\n")
    program.chmod(0o755)
    return noted


# -- what is kept and told ------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="the programs of Linux that notify and play sounds")
def test_a_person_gets_a_clip_that_begins_before_a_picture_a_notification_and_a_sound(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    notice, sound, command = (install(tmp_path, name) for name in ("notify-send", "pw-play", "note"))
    told = frozenset({"notify", "sound", "command"})
    place.arm(Rule("seen", ("person",), ways=told), ways=AlarmWays(command="note {label} {clip} {snapshot}"))
    assert place.status.startswith("Armed")
    place.server.wait_sent(30)
    first = place.server.wait_sent(0)
    place.room.somebody = True
    place.begun()
    assert "1 event" in place.status
    place.server.wait_sent(5)
    place.room.somebody = False
    place.wait(lambda: bool(place.files("mp4")) and command.exists() and sound.exists())
    (clip,), (picture,) = place.files("mp4"), place.files("jpg")
    arguments = json.loads(notice.read_text())
    assert f"--icon={picture}" in arguments
    assert "person" in arguments
    assert json.loads(command.read_text()) == ["person", str(clip), str(picture)]
    item = place.panel.log.item(0)
    place.wait(lambda: place.panel.log.clip_of(item) == str(clip) and not item.icon().isNull())
    opened: list[Path] = []
    place.panel.log.open_file = opened.append
    place.panel.log.itemDoubleClicked.emit(item)
    assert opened == [clip]
    with av.open(str(clip)) as video:
        shown = [read_number(frame) for frame in video.decode(video=0)]
    assert shown[0] < first  # it began before there was anybody
    assert shown == [*range(shown[0], shown[-1] + 1)]
    place.disarm()
    assert place.status == ""


def read_number(frame: av.VideoFrame) -> int:
    from tools.fixtures.coded_images import read_frame_index

    return read_frame_index(frame.to_ndarray(format="bgr24"))
