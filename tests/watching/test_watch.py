"""A watched network camera that is lost and comes back, and one that is not there yet."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from app.core.alarms.delivery import Delivery
from app.core.alarms.rules import Rule
from app.core.live import capture as capture_module
from app.core.recording.recording_file import RecordingFile
from app.core.settings import DetectionSettings, ModelSettings
from app.core.sources.base import SourceOptions
from app.core.watching import watched_source as watched_source_module
from app.core.watching.health import health
from app.core.watching.request import WatchRequest
from app.core.watching.watch import Watch
from tests.support.command_line import install_fake_model
from tests.support.hls_site import Site, playlist, segment
from tools.fixtures.coded_images import ImageBGR
from tools.fixtures.mjpeg_server import MjpegServer

PATIENCE_S = 60.0
SIZE = (320, 240)  # in which no number of the camera's looks like a cut
PATIENT = SourceOptions(open_timeout_s=20, first_frame_s=20, stall_s=20)


@pytest.fixture(autouse=True)
def _fake_model_and_no_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_model(monkeypatch)
    monkeypatch.setattr(capture_module, "BACK_OFF_S", (0.05,))
    monkeypatch.setattr(watched_source_module, "TRY_AGAIN_S", (0.05,))


class Lines:
    """What was told, and waits for more."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self._changed = threading.Condition()

    def give(self, line: dict[str, Any]) -> None:
        with self._changed:
            self.all.append(line)
            self._changed.notify_all()

    def wait(self, wanted: Callable[[dict[str, Any]], bool], count: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: sum(map(wanted, self.all)) >= count, PATIENCE_S), self.all

    def of(self, kind: str, what: str = "seen") -> list[dict[str, Any]]:
        return [line for line in self.all if line["type"] == kind and line.get("what", what) == what]


def is_told(kind: str, what: str | None = None) -> Callable[[dict[str, Any]], bool]:
    return lambda line: line["type"] == kind and what in (None, line.get("what"))


@contextmanager
def watching(lines: Lines, url: str, request: WatchRequest, options: SourceOptions = PATIENT) -> Iterator[Watch]:
    watch = Watch({url: request}, Delivery([], lambda line: None), lines.give, options)
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def request(*rules: Rule, record: Path | None = None, clips: Path | None = None) -> WatchRequest:
    return WatchRequest(
        ModelSettings("fake"), DetectionSettings(0.5), rules, record=record, clips=clips, after_s=0.2, min_free=0
    )


def test_a_loss_ends_what_was_seen_and_is_an_event_itself(tmp_path: Path) -> None:
    lines = Lines()
    rules = (Rule("seen", ("person",)), Rule("gone", for_s=0.2))
    wanted = request(*rules, record=tmp_path / "r", clips=tmp_path / "c")
    with MjpegServer(25, SIZE) as server, watching(lines, server.url, wanted) as watch:
        lines.wait(is_told("began", "seen"))
        server.wait_sent(10)
        server.hang_up(refuse=True)
        lines.wait(is_told("ended", "seen"))
        lines.wait(is_told("began", "gone"))
        server.go_on()
        lines.wait(is_told("ended", "gone"))
        lines.wait(is_told("began", "seen"), 2)
        assert watch.sources[0].reconnects == 1
    ids = [line["id"] for line in lines.all if line["type"] == "began"]
    assert ids == [1, 2, 3]
    assert [clip["events"] for clip in lines.of("clip")] == [[1], [3]]
    assert len(lines.of("recording")) == 2
    for line in lines.of("clip") + lines.of("recording"):
        with av.open(line["path"]) as video:
            assert sum(1 for _ in video.decode(video=0)) >= 1
    assert lines.all[-1]["type"] == "health"


@pytest.mark.expects_log
def test_a_recording_that_a_fault_has_ended_is_no_good_health(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_about: object) -> None:
        raise RuntimeError("a fault")

    lines = Lines()
    wanted = request(Rule("seen", ("person",)), record=tmp_path)
    with MjpegServer(25, SIZE) as server, watching(lines, server.url, wanted) as watch:
        lines.wait(is_told("began", "seen"))
        figures = [health(watch.sources, [], 0.0)]
        monkeypatch.setattr(RecordingFile, "write", fail)
        lines.wait(is_told("trouble"))
        figures.append(health(watch.sources, [], 0.0))
    assert [(each["ok"], each["sources"][0]["state"]) for each in figures] == [(True, "running"), (False, "running")]
    assert watch.sources[0].failed


def test_the_first_piece_after_a_loss_counts_though_it_was_captured_before() -> None:
    lines = Lines()
    live = request(Rule("seen", ("person",)))
    files = {"/a.m3u8": playlist(["0.ts"]), "/0.ts": segment(0)}
    with Site(files) as site, watching(lines, site.url("/a.m3u8"), live):
        lines.wait(is_told("ended", "seen"))  # with the loss
        site.files.update({"/a.m3u8": playlist(["1.ts"], first=1), "/1.ts": segment(1)})
        lines.wait(is_told("began", "seen"), 2)
    first, second = lines.of("began")
    assert second["start"] > first["start"]


def test_a_camera_that_is_not_there_yet_is_waited_for_and_said_once() -> None:
    lines = Lines()
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(PATIENCE_S)
        with watching(lines, f"http://127.0.0.1:{door.getsockname()[1]}/camera", request(Rule("gone"))):
            for _ in range(4):
                with door.accept()[0] as visitor:
                    visitor.recv(4096)
                    visitor.sendall(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            lines.wait(is_told("began", "gone"))
    assert len(lines.of("trouble")) == 1
    assert not lines.of("open")


def test_silence_is_a_loss(tmp_path: Path) -> None:
    lines, rules = Lines(), request(Rule("seen"), Rule("gone"))
    with MjpegServer(fps=25) as server, watching(lines, server.url, rules, replace(PATIENT, stall_s=0.5)):
        lines.wait(is_told("began", "seen"))
        server.stall()
        lines.wait(is_told("began", "gone"))
        server.go_on()
        lines.wait(is_told("ended", "gone"))


def scene(number: int) -> Callable[[int, tuple[int, int]], ImageBGR]:
    """A picture that stays the same."""
    cells = np.random.default_rng(number).integers(40, 200, (30, 40, 3)).astype(np.uint8)
    return lambda _index, size: cv2.resize(cells, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def test_an_event_ends_where_another_scene_begins() -> None:
    lines = Lines()
    with MjpegServer(25, SIZE, scene(0)) as server, watching(lines, server.url, request(Rule("seen", ("person",)))):
        lines.wait(is_told("began"))
        server.draw = scene(1)
        lines.wait(is_told("began"), 2)
    kinds = [line["type"] for line in lines.all if line["type"] in ("began", "ended")]
    assert kinds == ["began", "ended", "began", "ended"]
    assert not set(lines.of("ended")[0]["tracker_ids"]) & set(lines.of("ended")[1]["tracker_ids"])


def test_frames_of_another_size_are_recorded_as_they_came(tmp_path: Path) -> None:
    lines = Lines()
    with MjpegServer(fps=25) as server, watching(lines, server.url, request(record=tmp_path)):
        lines.wait(is_told("open"))
        server.wait_sent(10)
        server.size = (320, 240)
        server.wait_sent(10)
    (recording,) = lines.of("recording")
    with av.open(recording["path"]) as video:
        assert {(frame.width, frame.height) for frame in video.decode(video=0)} == {(160, 120), (320, 240)}
