"""Alarms of the window over a network camera: what is kept, who is told, and that it is seen to be armed."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.core.alarms.alarm_store import AlarmRule, AlarmStore
from app.core.alarms.rules import Rule
from app.core.alarms.ways import AlarmWays
from app.core.errors import AppError
from app.core.events.scene import Scene, Zone
from app.core.live import LiveEvent, LiveSession
from app.core.live import capture as capture_module
from app.core.recording import recorder as recorder_module
from app.core.settings import ModelSettings, RecordingSettings, Settings
from app.ui.alarms.rule_text import event_text
from app.ui.events.event_panel import EventPanel
from app.ui.events.event_rows import CLIP, EVENT
from app.ui.services.live_session import Session
from detector.detections import Candidates
from detector.runtime.base import ImageBGR
from tests.support.qt_fakes import CAMERA, VIDEO, Desk, desk, make_frame
from tests.support.steady_detector import FakeDetector
from tests.support.web_hook import Web
from tools.fixtures.coded_images import coded_image, read_frame_index
from tools.fixtures.mjpeg_server import MjpegServer

PATIENCE_MS = 30_000
SECRET = "hunter2"
SIDE = 40
NOTHING: frozenset[str] = frozenset()


def numbered(index: int, size: tuple[int, int]) -> ImageBGR:
    """A grey frame with its number in a corner: one scene, not another one with every frame."""
    image = np.full((size[1], size[0], 3), 120, np.uint8)
    image[:SIDE, :SIDE] = coded_image(index, (SIDE, SIDE))
    return image


def number_of(frame: av.VideoFrame) -> int:
    return read_frame_index(frame.to_ndarray(format="bgr24")[:SIDE, :SIDE])


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
    with MjpegServer(fps=25, draw=numbered) as server, desk(qtbot, tmp_path, settings, make) as table:
        yield Place(table, server, room, kept)


def install(folder: Path, name: str) -> Path:
    """A program that notes what it was given; where."""
    noted = folder / f"{name}.json"
    program = folder / name
    new = f"{noted}.new"  # it is there when it is whole
    program.write_text(
        f"#!{sys.executable}\nimport json, os, pathlib, sys\n"
        f"pathlib.Path({new!r}).write_text(json.dumps(sys.argv[1:])); os.replace({new!r}, {str(noted)!r})\n"
    )
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
    events = place.table.window.events.panel
    place.wait(lambda: {index.data(EVENT).label for index in rows_of(events)} == {"person", "car"})
    place.room.somebody = False
    place.wait(lambda: bool(place.files("mp4")) and all(noted.exists() for noted in (command, sound, notice)))
    (clip,), (picture,) = place.files("mp4"), place.files("jpg")
    arguments = json.loads(notice.read_text())
    assert f"--icon={picture}" in arguments
    assert "person" in arguments
    assert json.loads(command.read_text()) == ["person", str(clip), str(picture)]
    item = place.panel.log.item(0)
    place.wait(lambda: place.panel.log.clip_of(item) == str(clip) and not item.icon().isNull())
    opened: list[Path] = []
    place.alarms.open_file = opened.append
    place.panel.log.itemDoubleClicked.emit(item)
    assert opened == [clip]
    assert all(index.data(CLIP) for index in rows_of(events))  # the car is in it, too
    place.table.window.show_events()
    events.list.choose(0)
    events.list.customContextMenuRequested.emit(events.list.visualRect(events.list.currentIndex()).center())
    play = next(action for action in events.findChildren(QAction) if action.text() == "Play clip")
    play.trigger()
    assert opened == [clip, clip]
    with av.open(str(clip)) as video:
        shown = [number_of(frame) for frame in video.decode(video=0)]
    assert shown[0] < first  # it began before there was anybody
    assert shown == [*range(shown[0], shown[-1] + 1)]
    place.disarm()
    assert place.status == ""


def rows_of(events: EventPanel) -> list[QModelIndex]:
    return [events.list.events.index(row) for row in range(events.list.events.rowCount())]


def test_each_rule_tells_its_own_ways_and_only_clips_cost_a_ring(place: Place) -> None:
    with Web() as web:
        ways = AlarmWays(post=f"http://{web.place}/hook")
        seen = Rule("seen", ("person",), clip=False, snapshot=False, ways=frozenset({"post"}))
        place.arm(seen, Rule("absent", ("person",), clip=False, ways=NOTHING), ways=ways)
        assert not place.alarms.arming.keeps_clips
        place.begun()
        assert "no person" in place.panel.log.item(0).text()
        place.room.somebody = True
        place.begun(2)
        place.wait(lambda: bool(web.got))
        place.disarm()
    assert {told["rule"] for told in web.got} == {"person"}
    assert (len(place.files("mp4")), len(place.files("jpg"))) == (0, 1)


@pytest.mark.parametrize(("mode", "codec"), [("clean", "mjpeg"), ("drawn", "h264")])
def test_clips_have_boxes_where_recordings_have(place: Place, mode: str, codec: str) -> None:
    place.table.settings.set("recording", "mode", mode)
    place.arm(Rule("seen", ("person",), snapshot=False, ways=NOTHING))
    assert place.alarms.arming.keeps_clips
    place.room.somebody = True
    place.begun()
    place.server.wait_sent(10)
    place.disarm()
    with av.open(str(place.files("mp4")[0])) as video:
        assert video.streams.video[0].codec_context.name == codec
        assert sum(1 for _ in video.decode(video=0)) >= 1


def test_a_camera_that_is_gone_is_an_event_and_it_stays_armed(place: Place) -> None:
    place.arm(Rule("gone", ways=NOTHING), Rule("seen", ("person",), snapshot=False, ways=NOTHING))
    place.server.wait_sent(5)
    place.server.hang_up(refuse=True)
    place.begun()
    assert "source gone" in place.panel.log.item(0).text()
    place.server.go_on()
    place.wait(lambda: "lasted" in place.panel.log.item(0).text())
    place.room.somebody = True
    place.begun(2)
    place.server.wait_sent(5)
    place.disarm()
    place.wait(lambda: bool(place.panel.log.clip_of(place.panel.log.item(0))))
    assert place.panel.log.clip_of(place.panel.log.item(0)) == str(place.files("mp4")[0])


def test_a_recording_and_clips_go_side_by_side(place: Place) -> None:
    place.arm(Rule("seen", ("person",), snapshot=False, ways=NOTHING))
    place.room.somebody = True
    record = place.table.window.actions_by_name["record"]
    record.trigger()
    place.begun()
    place.wait(lambda: len(place.files("mp4.part")) == 2)
    place.server.wait_sent(5)
    place.disarm()
    place.wait(lambda: len(place.files("mp4")) == 1)
    record.trigger()
    place.wait(lambda: len(place.files("mp4")) == 2)
    for path in place.files("mp4"):
        with av.open(str(path)) as video:
            assert sum(1 for _ in video.decode(video=0)) > 1


def test_an_event_without_a_clip_says_so_in_the_list_and_the_banner_says_why(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_about: object) -> None:
        raise AppError("The disk is full.")

    check_room = recorder_module.check_room
    monkeypatch.setattr(recorder_module, "_TRY_AGAIN_NS", 0)
    monkeypatch.setattr(recorder_module, "check_room", refuse)
    place.arm(Rule("seen", ("person",), snapshot=False, ways=NOTHING))
    place.wait(lambda: place.table.services.banner.words[0] == "The disk is full.")
    assert "full" in place.panel.trouble.text()
    place.room.somebody = True
    place.begun()
    place.wait(lambda: place.panel.log.item(0).text().endswith("no clip"))
    assert place.table.services.banner.words[0] == "The disk is full."
    monkeypatch.setattr(recorder_module, "check_room", check_room)
    place.wait(lambda: place.panel.trouble.text() == "")
    place.disarm()


@pytest.mark.parametrize(
    ("clip", "whole", "last"),
    [(True, True, "clip"), (True, False, "part of a clip"), (False, True, "goes on"), (False, False, "no clip")],
)
def test_what_is_kept_of_an_event_is_its_last_word(clip: bool, whole: bool, last: str) -> None:
    event = {"type": "began", "start": "2026-11-30T08:15:00+01:00", "label": "cat", "rule": "cat", "zone": None}
    assert event_text(event, clip, whole).splitlines()[-1].split("  ·  ")[-1] == last


def test_what_fails_is_said_without_what_is_secret(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with Web() as web:
        web.codes = [404] * 9
        ways = AlarmWays(post=f"http://jane:{SECRET}@{web.place}/{SECRET}")
        place.arm(Rule("seen", ("person",), clip=False, snapshot=False, ways=frozenset({"post"})), ways=ways)
        place.room.somebody = True
        place.wait(lambda: "404" in place.panel.trouble.text())
        place.table.window.show_alarms()
        assert place.panel.trouble.isVisible()
        assert "404" in place.table.services.banner.words[0]
        place.disarm()
    window = place.table.window
    said = [caplog.text, window.windowTitle(), place.panel.trouble.text(), *place.table.services.banner.words]
    said += [label.text() for label in window.findChildren(QLabel)]
    assert not any(SECRET in words for words in said)


def test_closing_the_window_finishes_the_clip(place: Place) -> None:
    place.arm(Rule("seen", ("person",), snapshot=False, ways=NOTHING))
    place.room.somebody = True
    place.begun()
    place.server.wait_sent(5)
    place.table.window.close()
    assert (len(place.files("mp4")), place.files("mp4.part")) == (1, [])


def test_another_source_is_not_armed(place: Place) -> None:
    place.arm(Rule("seen", ("person",), snapshot=False, ways=NOTHING))
    with MjpegServer(fps=25) as other:
        place.table.window.open_source(other.url)
        place.wait(lambda: not place.alarms.arming.armed and place.panel.rules.count() == 0)
        assert place.status == ""


def test_a_source_that_is_opened_again_stays_armed_and_its_clips_are_whole(place: Place) -> None:
    place.arm(Rule("seen", ("person",), snapshot=False, ways=NOTHING))
    tap = place.table.controller.tap
    place.table.window.open_source(place.server.url)
    place.wait(lambda: place.table.controller.tap is not tap and place.table.controller.info is not None)
    assert place.alarms.arming.armed
    place.room.somebody = True
    place.begun()
    place.server.wait_sent(5)
    place.disarm()
    assert (len(place.files("mp4")), place.panel.trouble.text()) == (1, "")


def test_a_camera_is_encoded_once_for_its_recording_and_its_clips(qtbot: QtBot, tmp_path: Path) -> None:
    settings = Settings(recording=RecordingSettings(folder=str(tmp_path / "kept")))
    with desk(qtbot, tmp_path, settings) as table:
        armed_over(table, Rule("seen", ("person",), snapshot=False, ways=NOTHING))
        table.qtbot.waitUntil(lambda: table.window.alarms.arming.keeps_clips, timeout=PATIENCE_MS)
        record = table.window.actions_by_name["record"]
        record.trigger()

        def growing() -> bool:
            """Another frame, until there is a file."""
            table.controller.tap.frame(make_frame())
            return len([*tmp_path.glob("kept/*.mp4.part")]) == 1

        table.qtbot.waitUntil(growing, timeout=PATIENCE_MS)
        names = [thread.name for thread in threading.enumerate()]
        assert (names.count("ssdv-record"), names.count("ssdv-record-encode")) == (2, 1)
        record.trigger()
        table.window.actions_by_name["arm"].trigger()
        table.controller.tap.frame(make_frame())
        table.qtbot.waitUntil(
            lambda: "ssdv-record-encode" not in {thread.name for thread in threading.enumerate()}, timeout=PATIENCE_MS
        )
        table.qtbot.waitUntil(lambda: not table.background.busy, timeout=PATIENCE_MS)
    assert len([*tmp_path.glob("kept/*.mp4")]) == 1


# -- when it can be armed -------------------------------------------------------------------------------------------


def armed_over(table: Desk, *rules: Rule, zones: tuple[Zone, ...] = ()) -> None:
    """Asks to arm a camera with these rules."""
    table.open(CAMERA, "camera:front")
    model, scenes = table.window.alarms.model, table.scenes
    table.qtbot.waitUntil(lambda: model.source is not None and scenes.loaded)
    if zones:
        scenes.replace(Scene(zones))
    model.replace(tuple(AlarmRule(rule) for rule in rules))
    table.window.actions_by_name["arm"].trigger()


@pytest.mark.parametrize(
    ("rule", "named"),
    [(Rule("seen", ("unicorn",), ways=NOTHING), "unicorn"), (Rule("seen", (), "nowhere", ways=NOTHING), "nowhere")],
)
def test_a_rule_that_could_find_nothing_is_refused(table: Desk, rule: Rule, named: str) -> None:
    armed_over(table, rule)
    alarms = table.window.alarms
    assert not alarms.arming.starting
    assert named in alarms.panel.trouble.text()
    assert not table.window.actions_by_name["arm"].isChecked()


def test_a_zone_that_goes_while_it_is_armed_is_said(table: Desk) -> None:
    zone = Zone("step", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0)))
    armed_over(table, Rule("seen", ("person",), "step", clip=False, ways=NOTHING), zones=(zone,))
    alarms = table.window.alarms
    table.qtbot.waitUntil(lambda: alarms.arming.armed)
    assert alarms.panel.trouble.text() == ""
    table.scenes.replace(Scene())
    assert "step" in alarms.panel.trouble.text()
    assert alarms.arming.armed


def test_while_it_is_armed_the_detector_does_not_rest_and_a_pause_is_said(table: Desk) -> None:
    armed_over(table, Rule("seen", ("person",), clip=False, ways=NOTHING))
    alarms, status = table.window.alarms, table.window.status
    table.qtbot.waitUntil(lambda: alarms.arming.armed)
    table.controller.rest(True)
    assert ("rest", True) not in table.session.calls
    table.controller.playback.toggle_pause()
    table.qtbot.waitUntil(lambda: "paused" in status.shown()["alarms"])
    table.controller.playback.toggle_pause()
    table.qtbot.waitUntil(lambda: "paused" not in status.shown()["alarms"])
    table.window.actions_by_name["arm"].trigger()
    assert not alarms.arming.armed
    assert table.session.calls[-1] == ("rest", True)
    assert "alarms" not in status.shown()


def test_only_a_live_source_with_a_ticked_rule_can_be_armed(table: Desk) -> None:
    panel, arm = table.window.alarms.panel, table.window.actions_by_name["arm"]
    model = table.window.alarms.model
    states = [(panel.arm.isEnabled(), arm.isEnabled())]
    table.open(CAMERA, "camera:front")
    table.qtbot.waitUntil(lambda: model.source is not None)
    states.append((panel.arm.isEnabled(), arm.isEnabled()))
    model.replace((AlarmRule(Rule()),))
    states.append((panel.arm.isEnabled(), arm.isEnabled()))
    panel.rules.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert not model.rules[0].on
    states.append((panel.arm.isEnabled(), arm.isEnabled()))
    panel.rules.item(0).setCheckState(Qt.CheckState.Checked)
    table.open(VIDEO, "/films/street.mp4")
    states.append((panel.arm.isEnabled(), arm.isEnabled()))
    assert states == [(False, False), (False, False), (True, True), (False, False), (False, False)]
