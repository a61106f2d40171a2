"""Recording from the window: the button, what it leaves on the disk, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from app.core.errors import AppError
from app.core.live import LiveEvent, LiveSession
from app.core.live import capture as capture_module
from app.core.recording import encoded_frames as encoded_frames_module
from app.core.recording import frame_encoder as frame_encoder_module
from app.core.recording.folder import SIGNATURE, FolderLimits
from app.core.settings import RecordingSettings, Settings
from app.ui import record_control as record_control_module
from app.ui.services.live_session import Session
from app.ui.widgets.banner import Kind
from tests.support.fake_detector import FakeModels
from tests.support.qt_fakes import CAMERA, VIDEO, Desk, desk, make_frame
from tools.fixtures.mjpeg_server import MjpegServer

PATIENCE_MS = 60_000


def real_session(ready: Callable[[], None], event: Callable[[LiveEvent], None]) -> Session:
    return LiveSession(ready, event, detector_factory=FakeModels())


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "kept").glob("*.mp4"))


def recording_into(folder: Path, mode: str = "clean") -> Settings:
    return Settings(recording=RecordingSettings(mode=mode, folder=str(folder / "kept")))


def begin(table: Desk, server: MjpegServer) -> QAction:
    """Looks at the server's stream, and records it."""
    table.window.open_source(server.url)
    action = table.window.actions_by_name["record"]
    table.qtbot.waitUntil(action.isEnabled, timeout=PATIENCE_MS)
    action.trigger()
    assert action.isChecked()
    return action


def test_only_live_sources_can_be_recorded(table: Desk) -> None:
    action = table.window.actions_by_name["record"]
    enabled = [action.isEnabled()]
    for info, uri in ((CAMERA, "camera:0"), (VIDEO, "/films/street.mp4")):
        table.open(info, uri)
        enabled.append(action.isEnabled())
    table.controller.close_source()
    assert [*enabled, action.isEnabled()] == [False, True, False, False]


@pytest.mark.parametrize("mode", ["clean", "drawn", "both"])
def test_a_stream_is_recorded_until_the_button_is_pressed_again(qtbot: QtBot, tmp_path: Path, mode: str) -> None:
    with MjpegServer(fps=25) as server, desk(qtbot, tmp_path, recording_into(tmp_path, mode), real_session) as table:
        action = begin(table, server)
        files = 2 if mode == "both" else 1
        parts = tmp_path / "kept"
        table.qtbot.waitUntil(lambda: len([*parts.glob("*.mp4.part")]) == files, timeout=PATIENCE_MS)
        table.qtbot.waitUntil(lambda: " KB" in table.window.status.shown().get("recording", ""), timeout=PATIENCE_MS)
        action.trigger()
        assert not action.isChecked()
        assert "recording" not in table.window.status.shown()
        table.qtbot.waitUntil(lambda: len(kept(tmp_path)) == files, timeout=PATIENCE_MS)
    for path in kept(tmp_path):
        is_drawn = mode == "drawn" or "drawn" in path.name
        with av.open(str(path)) as video:
            assert video.streams.video[0].codec_context.name == ("h264" if is_drawn else "mjpeg")
            assert sum(1 for _ in video.decode(video=0)) >= 1


def test_frames_are_recorded_with_boxes_while_nothing_is_painted(qtbot: QtBot, tmp_path: Path) -> None:
    with MjpegServer(fps=25) as server, desk(qtbot, tmp_path, recording_into(tmp_path, "drawn"), real_session) as table:
        action = begin(table, server)
        table.window.hide()  # as good as minimised
        table.qtbot.waitUntil(lambda: table.window.stage.view.result is not None, timeout=PATIENCE_MS)
        paints = table.window.stage.view.paints
        results = [table.window.stage.view.result]
        table.window.stage.view.received.connect(results.append)
        table.qtbot.waitUntil(lambda: len(results) > 12, timeout=PATIENCE_MS)
        assert table.window.stage.view.paints == paints
        action.trigger()
        table.qtbot.waitUntil(lambda: len(kept(tmp_path)) == 1, timeout=PATIENCE_MS)
    with av.open(str(kept(tmp_path)[0])) as video:
        assert sum(1 for _ in video.decode(video=0)) >= 10


def test_an_encoder_that_fails_is_said_until_it_works_again(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_about: object) -> None:
        raise AppError("No encoder opens.")

    monkeypatch.setattr(encoded_frames_module, "_TRY_AGAIN_S", 0.0)
    with desk(qtbot, tmp_path, recording_into(tmp_path)) as table:
        table.open(CAMERA, "camera:0")
        table.window.actions_by_name["record"].trigger()

        def shows(words: str) -> bool:
            """Another frame, until the status bar begins like that."""
            table.controller.tap.frame(make_frame())
            return table.window.status.shown()["recording"].startswith(words)

        with monkeypatch.context() as broken:
            broken.setattr(frame_encoder_module, "_plan", refuse)
            table.qtbot.waitUntil(lambda: shows("Recording waits"), timeout=PATIENCE_MS)
            assert table.services.banner.words[0] == "No encoder opens."
        table.qtbot.waitUntil(lambda: shows("Recording 0:"), timeout=PATIENCE_MS)
        assert table.services.banner.words[0] == "Recording goes on."


def test_a_file_of_one_recording_is_not_the_end_of_the_wait_of_the_other(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_about: object) -> None:
        raise AppError("No encoder opens.")

    monkeypatch.setattr(capture_module, "BACK_OFF_S", (0.05,))
    monkeypatch.setattr(frame_encoder_module, "_plan", refuse)
    said: list[str] = []
    with MjpegServer(fps=25) as server, desk(qtbot, tmp_path, recording_into(tmp_path, "both"), real_session) as table:
        banner = table.services.banner
        tell = banner.tell

        def note(kind: Kind, words: str, *more: Any, **about: Any) -> None:
            said.append(words)
            tell(kind, words, *more, **about)

        monkeypatch.setattr(banner, "tell", note)
        action = begin(table, server)
        table.qtbot.waitUntil(lambda: "No encoder opens." in said, timeout=PATIENCE_MS)
        server.hang_up()
        table.qtbot.waitUntil(lambda: len(kept(tmp_path)) == 1, timeout=PATIENCE_MS)
        table.qtbot.waitUntil(lambda: len([*(tmp_path / "kept").glob("*.mp4.part")]) == 1, timeout=PATIENCE_MS)
        assert table.window.status.shown()["recording"].startswith("Recording waits")
        action.trigger()
        table.qtbot.waitUntil(lambda: said[-1].startswith("Recorded"), timeout=PATIENCE_MS)
    assert len(kept(tmp_path)) == 2
    assert "Recording goes on." not in said


def test_why_nothing_was_recorded_is_said_at_the_end(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_about: object) -> None:
        raise AppError("No encoder opens.")

    monkeypatch.setattr(frame_encoder_module, "_plan", refuse)
    with desk(qtbot, tmp_path, recording_into(tmp_path)) as table:
        table.open(CAMERA, "camera:0")
        action, banner = table.window.actions_by_name["record"], table.services.banner
        said = []
        for frames, first in ((0, "Nothing was recorded."), (1, "No encoder opens.")):
            action.trigger()
            for _ in range(frames):
                table.controller.tap.frame(make_frame())
                table.qtbot.waitUntil(lambda first=first: banner.words[0] == first, timeout=PATIENCE_MS)
            action.trigger()
            table.qtbot.waitUntil(lambda: banner.words[0] == "Nothing was recorded.", timeout=PATIENCE_MS)
            said.append(banner.words[1])
    assert said == ["No frame came.", "No encoder opens."]


def test_files_that_went_by_the_limits_are_said(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_control_module, "limits_of", lambda _chosen: FolderLimits(max_bytes=1))
    with desk(qtbot, tmp_path, recording_into(tmp_path)) as table:
        table.open(CAMERA, "camera:0")
        action, banner = table.window.actions_by_name["record"], table.services.banner
        action.trigger()

        def growing() -> bool:
            """Another frame, until there is a file."""
            table.controller.tap.frame(make_frame())
            return bool([*tmp_path.glob("kept/*.mp4.part")])

        table.qtbot.waitUntil(growing, timeout=PATIENCE_MS)
        action.trigger()
        table.qtbot.waitUntil(lambda: banner.words[0].startswith("Recorded"), timeout=PATIENCE_MS)
        assert "1 of 1 file went again" in banner.words[1]
    assert kept(tmp_path) == []


def test_a_recording_that_is_still_being_finished_is_not_mixed_up_with_the_next(table: Desk, tmp_path: Path) -> None:
    table.settings.set("recording", "folder", str(tmp_path / "kept"))
    table.open(CAMERA, "camera:0")
    action, banner = table.window.actions_by_name["record"], table.services.banner
    action.trigger()

    def growing() -> bool:
        """Another frame, until there is a file."""
        table.controller.tap.frame(make_frame())
        return bool([*tmp_path.glob("kept/*.mp4.part")])

    table.qtbot.waitUntil(growing, timeout=PATIENCE_MS)
    action.trigger()
    action.trigger()
    table.qtbot.waitUntil(lambda: banner.words[0].startswith("Recorded"), timeout=PATIENCE_MS)
    (first,) = kept(tmp_path)
    assert banner.words[0] == f"Recorded {first.name}"
    action.trigger()
    table.qtbot.waitUntil(lambda: banner.words[0] == "Nothing was recorded.", timeout=PATIENCE_MS)


def test_another_source_ends_the_recording(qtbot: QtBot, tmp_path: Path) -> None:
    with (
        MjpegServer(fps=25) as first,
        MjpegServer(fps=25) as second,
        desk(qtbot, tmp_path, recording_into(tmp_path), real_session) as table,
    ):
        action = begin(table, first)
        first.wait_sent(10)
        table.window.open_source(second.url)
        table.qtbot.waitUntil(lambda: not action.isChecked(), timeout=PATIENCE_MS)
        table.qtbot.waitUntil(lambda: len(kept(tmp_path)) == 1, timeout=PATIENCE_MS)


def test_closing_the_window_ends_the_recording(qtbot: QtBot, tmp_path: Path) -> None:
    with MjpegServer(fps=25) as server, desk(qtbot, tmp_path, recording_into(tmp_path), real_session) as table:
        begin(table, server)
        server.wait_sent(10)
    assert not list((tmp_path / "kept").glob("*.part"))
    assert len(kept(tmp_path)) == 1


def test_what_an_earlier_run_left_is_finished_and_said(qtbot: QtBot, tmp_path: Path) -> None:
    box = (1000).to_bytes(4, "big") + b"mdat" + SIGNATURE.encode() + b"." * (992 - len(SIGNATURE))
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "door-20261130-080000.mp4.part").write_bytes(box + box[:100])
    with desk(qtbot, tmp_path, recording_into(tmp_path)) as table:
        table.window.record.finish_interrupted()
        table.qtbot.waitUntil(lambda: "door-20261130-080000.mp4" in table.services.banner.words[0], timeout=PATIENCE_MS)
    assert kept(tmp_path)[0].stat().st_size == 1000
