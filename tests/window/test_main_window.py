"""The window as a user drives it, over a session that only remembers what it was told."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.errors import AppError
from app.core.live.events import Ended, LiveState, ModelFailed, ModelLoading, ModelReady, SourceNote, SourceTrouble
from app.core.settings import Settings, SourceSettings, WindowSettings
from app.ui.actions import ACTIONS
from app.ui.main import run
from app.ui.services.library_client import free_name
from app.ui.widgets.drops import classify
from detector.bundled import default_model
from detector.labels import COCO80
from tests.support.model_files import ANIMALS, put_model
from tests.support.qt_fakes import CAMERA, SPEC, VIDEO, Desk, desk, make_candidates, make_frame, make_result


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path):  # type: ignore[no-untyped-def] # a generator of Desk
    with desk(qtbot, tmp_path) as made:
        yield made


def _drop(table: Desk, paths: list[Path], where: QPoint) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    kinds = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Qt 6.12 on; 6.11 has no other way to make one
        entering = QDragEnterEvent(where, *kinds)
    QApplication.sendEvent(table.window, entering)
    assert table.window.drops.overlay.isVisible() == bool(paths)
    QApplication.sendEvent(table.window, QDropEvent(QPointF(where), *kinds))
    assert not table.window.drops.overlay.isVisible()


def test_starts_on_the_start_page(table: Desk) -> None:
    assert table.window.stage.start.isVisible()
    assert not table.window.stage.playback.isVisible()
    assert table.sessions == []


def test_importing_the_window_loads_nothing_heavy(repository: Path) -> None:
    import subprocess

    code = (
        "import sys, app.ui.main;"
        "heavy = {'torch', 'torchvision', 'cv2', 'av', 'openvino'} & set(sys.modules);"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


def test_opening_a_video(table: Desk) -> None:
    session = table.open(VIDEO)
    assert session.names() == ["start"]
    assert table.window.stage.shows_source
    assert table.window.stage.playback.slider.isVisible()
    assert "street.mp4" in table.window.windowTitle()
    assert table.settings.current.source.recent == ("/films/street.mp4",)
    result = make_result(make_candidates((10, 10, 60, 60, 0.9, 0)), make_frame(pts_s=Fraction(5)))
    table.give(result)
    assert table.window.stage.playback.time.text().startswith("0:05.0")
    table.qtbot.waitUntil(lambda: session.painted == [result])


def test_camera_has_no_seek_bar_but_pauses(table: Desk) -> None:
    session = table.open(CAMERA, "camera:0")
    assert not table.window.stage.playback.slider.isVisible()
    assert table.window.stage.playback.live.isVisible()
    table.window.stage.playback.play.click()
    table.window.actions_by_name["step_forward"].trigger()
    assert session.names() == ["start", "pause"]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("play", [("pause",)]),
        ("step_forward", [("pause",), ("step", 1)]),
        ("step_back", [("pause",), ("step", -1)]),
        ("jump_forward", [("seek", Fraction(5))]),
        ("jump_back", [("seek", Fraction(0))]),
        ("rewind", [("seek", Fraction(0))]),
    ],
)
def test_playback_actions(table: Desk, action: str, expected: list[tuple[object, ...]]) -> None:
    session = table.open(VIDEO)
    table.window.actions_by_name[action].trigger()
    assert session.calls[1:] == expected


def test_loop_is_told_and_remembered(table: Desk) -> None:
    session = table.open(VIDEO)
    table.window.actions_by_name["loop"].trigger()
    assert session.calls[-1] == ("set_loop", True)
    assert table.settings.current.source.loop
    assert table.window.stage.playback.loop.isChecked()
    table.window.stage.playback.loop.click()
    assert session.calls[-1] == ("set_loop", False)


def test_sample_loops_without_changing_the_settings(table: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ui.commands.sample_clip", lambda: Path(__file__))
    table.window.actions_by_name["sample"].trigger()
    table.session.open_as(VIDEO)
    table.qtbot.waitUntil(lambda: table.controller.info is VIDEO)
    assert table.session.calls[0][2].loop  # type: ignore[attr-defined] # SourceOptions
    assert table.window.stage.playback.loop.isChecked()
    assert table.settings.current.source == SourceSettings()
    table.window.actions_by_name["loop"].trigger()
    assert table.session.calls[-1] == ("set_loop", False)


def test_the_sample_says_what_it_proves_and_who_looks_next(table: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ui.commands.sample_clip", lambda: Path(__file__))
    table.settings.set("model", "name", "pets")
    for _ in range(2):  # a second time while it plays, too
        table.window.actions_by_name["sample"].trigger()
        message, hint = table.services.banner.words
        assert "demo" in message
        assert "pets" in hint
    table.open(VIDEO)
    assert not table.services.banner.isVisible()
    assert table.settings.current.model.name == "pets"
    table.settings.set("model", "name", "demo")
    table.window.actions_by_name["sample"].trigger()
    assert table.services.banner.words[1] == "", "nothing changes afterwards"


def test_the_start_page_says_what_the_chosen_model_sees(
    table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_model(tmp_path / "bundled", "everyday", COCO80)
    put_model(tmp_path / "bundled", "shapes", ("ring",), demo=True)
    put_model(tmp_path / "models", "pets", ANIMALS)
    start = table.window.stage.start
    table.settings.set("model", "name", "everyday")
    table.services.library.refresh_models()
    table.qtbot.waitUntil(lambda: start.model_text != "")
    assert "everyday finds 80 kinds" in start.model_text
    table.settings.set("model", "name", "pets")
    assert start.model_text.endswith("cat, dog, horse.")
    monkeypatch.setattr("app.ui.commands.sample_clip", lambda: Path(__file__))
    table.window.actions_by_name["sample"].trigger()
    assert "pets" in start.model_text, "it looks again afterwards"
    table.settings.set("model", "name", "demo")  # on purpose, though it runs already
    table.controller.close_source()
    assert start.model_text == "", "this shelf has none of that name"
    table.settings.set("model", "name", "shapes")
    assert "drawn shapes only" in start.model_text
    table.settings.set("model", "name", "gone")
    assert start.model_text == ""


def test_space_pauses_and_goes_on(table: Desk) -> None:
    session = table.open(VIDEO)
    view = table.window.stage.view
    table.qtbot.keyClick(view, Qt.Key.Key_Space)
    table.qtbot.waitUntil(lambda: session.state is LiveState.PAUSED)
    table.qtbot.keyClick(view, Qt.Key.Key_Space)
    assert session.names()[1:] == ["pause", "resume"]


def test_keys_belong_to_the_control_in_focus(table: Desk) -> None:
    session = table.open(VIDEO)
    slider = table.window.panel.editors["detection", "threshold"].slider  # type: ignore[attr-defined] # a NumberEditor
    slider.setFocus()
    table.qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert table.settings.current.detection.threshold == pytest.approx(0.51)
    assert session.names() == ["start", "set_threshold"]


def test_letters_stay_shortcuts_after_a_model_was_chosen(table: Desk) -> None:
    table.open(VIDEO)
    combo = table.window.panel.editors["model", "name"].combo  # type: ignore[attr-defined] # a ChoiceEditor
    combo.setFocus()
    before = table.settings.current.overlay.show_labels
    table.qtbot.keyClick(combo, Qt.Key.Key_T)
    assert table.settings.current.overlay.show_labels != before


def test_a_note_on_one_source_does_not_stay_for_the_next(table: Desk) -> None:
    table.open(VIDEO).on_event(SourceNote("Damaged parts are skipped."))
    table.qtbot.waitUntil(table.services.banner.isVisible)
    table.window.open_source("/films/other.mp4")
    assert not table.services.banner.isVisible()


def test_seek_slider_seeks_where_it_is_clicked(table: Desk) -> None:
    session = table.open(VIDEO)
    slider = table.window.stage.playback.slider
    table.qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() // 2, slider.height() // 2))
    name, seconds = session.calls[-1]
    assert name == "seek"
    assert float(seconds) == pytest.approx(5.0, abs=0.3)  # type: ignore[arg-type]


def test_settings_go_where_they_belong(table: Desk) -> None:
    session = table.open(VIDEO)
    result = make_result(make_candidates((10, 10, 60, 60, 0.9, 0), (100, 10, 160, 60, 0.6, 1)))
    table.give(result)
    view = table.window.stage.view
    assert len(view.marks()) == 2
    table.settings.set("detection", "threshold", 0.8)
    assert len(view.marks()) == 1
    assert session.calls[1:] == [("set_threshold", 0.8)]
    table.settings.set("detection", "iou", 0.7)
    table.settings.set("model", "name", "other")
    table.settings.set("source", "resolution", "640x480")
    assert session.names()[2:] == ["set_iou", "switch_model", "set_threshold"], (
        "a file is not opened again for a camera's size"
    )
    camera = table.open(CAMERA, "camera:0")
    table.settings.set("source", "resolution", "1280x720")
    assert camera.names()[-1] == "start"


def test_threshold_keys(table: Desk) -> None:
    table.window.actions_by_name["higher"].trigger()
    assert table.settings.current.detection.threshold == pytest.approx(0.55)
    for _ in range(20):
        table.window.actions_by_name["lower"].trigger()
    assert table.settings.current.detection.threshold == 0.0


def test_another_source_in_place_of_the_first(table: Desk) -> None:
    first = table.open(VIDEO)
    table.open(CAMERA, "camera:0")
    assert table.sessions == [first], "the model stays loaded"
    assert first.names() == ["start", "start"]
    assert table.settings.current.source.recent == ("camera:0", "/films/street.mp4")


def test_failed_source_tells_why_and_goes_back_to_the_start_page(table: Desk) -> None:
    table.window.open_source("camera:7")
    table.session.on_event(SourceTrouble("Camera 7 is in use.", "Close the other program.", retrying=False))
    table.session.enter(LiveState.FAILED)
    banner = table.services.banner
    table.qtbot.waitUntil(banner.isVisible)
    assert banner.words == ("Camera 7 is in use.", "Close the other program.")
    assert banner.kind == "error"
    assert table.window.stage.start.isVisible()
    assert table.settings.current.source.recent == (), "what never opened is not remembered"


def test_lost_source_keeps_its_last_frame_and_the_banner_leaves_when_it_is_back(table: Desk) -> None:
    session = table.open(CAMERA, "camera:0")
    table.give(make_result())
    session.on_event(SourceTrouble("The camera was unplugged.", "Plug it in again.", retrying=True))
    banner = table.services.banner
    table.qtbot.waitUntil(banner.isVisible)
    assert banner.kind == "warning"
    assert table.window.stage.shows_source
    session.open_as(CAMERA, model=False)
    table.qtbot.waitUntil(lambda: not banner.isVisible())


def test_failed_model_is_told_and_the_old_one_goes_on(table: Desk) -> None:
    session = table.open(VIDEO)
    table.qtbot.waitUntil(lambda: table.controller.model is not None)
    session.on_event(ModelLoading("broken"))
    session.on_event(ModelFailed("broken is truncated.", "Import it again.", "demo"))
    banner = table.services.banner
    table.qtbot.waitUntil(banner.isVisible)
    assert "demo goes on running." in banner.words[1]
    assert "demo" in table.window.status.shown()["model"]


def test_demo_is_labelled_and_another_model_is_not(table: Desk) -> None:
    session = table.open(VIDEO)
    view = table.window.stage.view
    table.qtbot.waitUntil(lambda: view.is_demo)
    from dataclasses import replace

    session.on_event(ModelReady(replace(SPEC, demo=False, name="faces"), "openvino", "cpu", "bf16", (), 1.0))
    table.qtbot.waitUntil(lambda: not view.is_demo)
    assert table.window.status.shown()["model"] == "faces  ·  cpu  ·  bf16"


def test_demo_stays_labelled_after_a_source_that_failed(table: Desk) -> None:
    session = table.open(VIDEO)
    view = table.window.stage.view
    table.qtbot.waitUntil(lambda: view.is_demo)
    table.window.open_source("/films/none.mp4")
    session.on_event(SourceTrouble("none.mp4: no such file.", "", retrying=False))
    table.qtbot.waitUntil(table.window.stage.start.isVisible)
    table.window.open_source("/films/street.mp4")
    assert view.is_demo, "the model is still loaded, so it is not announced again"
    assert table.window.status.shown()["model"].startswith("demo")


def test_notes_of_the_engine_are_shown(table: Desk) -> None:
    session = table.open(VIDEO)
    note = "No GPU was found; the CPU is used."
    session.on_event(ModelReady(SPEC, "torch_cpu", "cpu", "fp32", (note,), 1.0))
    table.qtbot.waitUntil(lambda: table.services.banner.words[0] == note)


def test_good_news_never_hides_a_failure(table: Desk) -> None:
    banner = table.services.banner
    banner.tell("error", "It failed.", topic="source")
    banner.tell("success", "Saved.")
    assert banner.words[0] == "It failed."


def test_end_of_the_video_shows_play(table: Desk) -> None:
    session = table.open(VIDEO)
    session.on_event(Ended())
    session.enter(LiveState.PAUSED)
    table.qtbot.waitUntil(lambda: table.window.stage.playback.play.accessibleName() == "Play")


def test_closing_the_source(table: Desk) -> None:
    session = table.open(VIDEO)
    table.window.actions_by_name["close_source"].trigger()
    assert session.names()[-1] == "stop"
    assert table.settings.current.source.last == "", "it is not opened again at the next start"
    assert table.window.stage.start.isVisible()
    assert not table.window.stage.playback.isVisible()
    again = table.open(VIDEO)
    assert again is not session


def test_one_wake_up_for_many_results(table: Desk) -> None:
    session = table.open(VIDEO)
    table.qtbot.waitUntil(lambda: not table.background.busy)
    bridge = table.controller.bridge
    assert bridge is not None
    posts, paints = bridge.results.posts, table.window.stage.view.paints
    for _ in range(500):
        session.results.put(make_result())
        bridge.results_ready()
    assert bridge.results.posts == posts + 1
    table.qtbot.waitUntil(lambda: table.window.stage.view.result is not None)
    table.window.stage.view.repaint()
    assert table.window.stage.view.paints - paints <= 3


@pytest.mark.parametrize(("fraction", "what"), [(0.25, "watch"), (0.75, "export")])
def test_dropped_video_is_watched_or_exported(table: Desk, tmp_path: Path, fraction: float, what: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"")
    where = QPoint(round(table.window.width() * fraction), table.window.height() // 2)
    _drop(table, [path], where)
    if what == "watch":
        assert table.session.calls[0][1] == str(path)
    else:
        dialog = table.window.exports.dialog
        assert dialog is not None
        assert dialog.form.source.path == path
        assert table.sessions == []


def test_dropped_folder_and_image_are_opened(table: Desk, tmp_path: Path) -> None:
    picture = tmp_path / "bird.JPG"
    picture.write_bytes(b"")
    left = QPoint(200, table.window.height() // 2)
    _drop(table, [tmp_path], left)
    _drop(table, [picture], left)
    assert [call[1] for call in table.session.calls] == [str(tmp_path), str(picture)]


def test_dropped_weights_are_shown_before_they_go_to_the_library(table: Desk, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(b"no weights at all")
    _drop(table, [path], QPoint(200, 200))
    dialog = table.window.models_dialog
    assert dialog is not None
    sheet = dialog.sheet
    assert sheet is not None
    table.qtbot.waitUntil(sheet.trouble.isVisible, timeout=30_000)
    assert "net.pth" in sheet.trouble.text()
    assert not sheet.go.isEnabled()
    assert table.sessions == []


def test_dropped_text_is_refused(table: Desk) -> None:
    _drop(table, [], QPoint(200, 200))
    assert table.sessions == []


def test_drops_by_name(tmp_path: Path) -> None:
    assert classify([]).kind == "nothing"
    assert classify([tmp_path]).kind == "folder"
    assert classify([Path("a.MOV")]).kind == "video"
    assert classify([Path("a.unknown")]).kind == "video", "the reader says what is wrong with it"
    assert classify([Path("a.png"), Path("b.jpg")]).kind == "image"
    assert classify([Path("a.png"), Path("b.mp4")]).kind == "mixed"
    assert classify([Path("a.safetensors")]).kind == "weights"
    assert classify([tmp_path / "model.json", tmp_path / "group1-shard1of1.bin"]).paths == (tmp_path / "model.json",)
    (tmp_path / "model.json").touch()
    assert classify([tmp_path]).kind == "weights", "the folder of a TensorFlow.js model"


def test_names_for_the_library() -> None:
    assert free_name(Path("/x/Modèle n°1.pth"), set()) == "Mod-le-n-1"
    assert free_name(Path("a.pth"), {"A", "a-2"}) == "a-3"
    assert free_name(Path("°°.pth"), set()) == "model"
    assert free_name(Path("/x/coco-ssd/model.json"), set()) == "coco-ssd"


def test_snapshot_writes_both_images(table: Desk) -> None:
    table.open(VIDEO)
    table.give(make_result(make_candidates((10, 10, 60, 60, 0.9, 0))))
    table.window.actions_by_name["snapshot"].trigger()
    banner = table.services.banner
    table.qtbot.waitUntil(lambda: banner.kind == "success", timeout=20_000)
    from app.core.paths import pictures_dir

    written = sorted(pictures_dir().iterdir())
    assert [path.suffix for path in written] == [".png", ".png"]
    assert [path.stem.endswith("-clean") for path in written] == [True, False]
    assert written[0].read_bytes() != written[1].read_bytes()


def test_snapshot_into_a_folder_that_cannot_be_made(
    table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    monkeypatch.setattr("app.core.paths.pictures_dir", lambda: blocked / "inside")
    table.open(VIDEO)
    table.give(make_result())
    table.window.actions_by_name["snapshot"].trigger()
    banner = table.services.banner
    table.qtbot.waitUntil(lambda: banner.kind == "error", timeout=20_000)
    assert table.window.isVisible()


def test_shortcuts_are_unique_and_do_something(table: Desk) -> None:
    keys = [key for spec in ACTIONS for key in spec.keys]
    assert len(keys) == len(set(keys))
    assert {spec.name for spec in ACTIONS} == set(table.window.actions_by_name)
    for action in table.window.findChildren(QAction):
        for shortcut in action.shortcuts():
            assert shortcut.toString(), action.text()


def test_help_sheet_and_about_name_everything(table: Desk) -> None:
    from PySide6.QtWidgets import QLabel

    from app.ui.about import COMPONENTS, AboutDialog
    from app.ui.help_sheet import HelpSheet

    words = {label.text() for label in HelpSheet(table.window).findChildren(QLabel)}
    for spec in ACTIONS:
        if spec.keys:
            assert spec.text.removesuffix("…") in words
    about = " ".join(label.text() for label in AboutDialog(table.window).findChildren(QLabel))
    for name, _, licence in COMPONENTS:
        assert name in about
        assert licence in about


def test_escape_leaves_full_screen_then_dismisses(table: Desk) -> None:
    table.open(VIDEO)
    table.services.banner.tell("error", "It failed.")
    table.window.actions_by_name["fullscreen"].trigger()
    assert table.window.isFullScreen()
    assert not table.window.top_bar.isVisible()
    assert not table.window.panel.isVisible()
    table.window.actions_by_name["escape"].trigger()
    assert not table.window.isFullScreen()
    assert table.window.top_bar.isVisible()
    assert table.window.panel.isVisible()
    assert table.window.stage.playback.isVisible()
    table.window.actions_by_name["escape"].trigger()
    assert not table.services.banner.isVisible()


def test_panel_makes_room_in_a_narrow_window(table: Desk) -> None:
    window = table.window
    assert window.panel.isVisible()
    window.resize(500, 400)
    assert not window.panel.isVisible()
    assert not window.actions_by_name["panel"].isChecked()
    window.actions_by_name["panel"].trigger()
    assert window.panel.isVisible()
    assert window.stage.width() == window.split.width(), "the panel lies over the picture"
    window.resize(1200, 700)
    assert window.panel.isVisible()
    assert window.stage.width() + window.panel.width() == window.split.width()


def test_theme_follows_the_setting(table: Desk) -> None:
    table.settings.set("window", "theme", "light")
    assert not table.theme.is_dark
    table.settings.set("window", "theme", "dark")
    assert table.theme.is_dark


def test_settings_and_place_are_kept_at_close(qtbot: QtBot, tmp_path: Path) -> None:
    with desk(qtbot, tmp_path) as table:
        table.open(VIDEO)
        table.window.resize(700, 560)
        table.settings.set("detection", "threshold", 0.8)
    kept = table.saved[-1]
    assert kept.detection.threshold == 0.8
    assert kept.source.last == "/films/street.mp4"
    assert table.session.names()[-1] == "stop"
    with desk(qtbot, tmp_path, Settings(window=WindowSettings(geometry=kept.window.geometry))) as again:
        assert again.window.size().toTuple() == (700, 560)


def test_broken_geometry_is_ignored(qtbot: QtBot, tmp_path: Path) -> None:
    with desk(qtbot, tmp_path, Settings(window=WindowSettings(geometry="not ♥ base64"))) as table:
        assert table.window.isVisible()


@pytest.mark.expects_log
def test_full_disk_does_not_keep_the_window_open(table: Desk) -> None:
    def fail(_settings: Settings) -> None:
        raise AppError("The disk is full.")

    table.save = fail
    table.settings.set("detection", "threshold", 0.9)
    assert table.window.close()
    assert not table.window.isVisible()


def test_recent_sources_open_from_the_start_page(qtbot: QtBot, tmp_path: Path) -> None:
    recent = ("/films/a.mp4", "rtsp://user:secret@host/one")
    with desk(qtbot, tmp_path, Settings(source=SourceSettings(recent=recent))) as table:
        from app.ui.view.start_page import RecentRow

        rows = table.window.stage.start.findChildren(RecentRow)
        assert len(rows) == 2
        assert "secret" not in rows[1].toolTip() + rows[1].accessibleName()
        rows[0].click()
        assert table.session.calls[0][1] == "/films/a.mp4"


def test_camera_menu_lists_cameras_off_the_gui_thread(table: Desk) -> None:
    import threading

    from app.core.sources.cameras import CameraInfo

    asked: list[threading.Thread] = []

    def listing() -> list[CameraInfo]:
        asked.append(threading.current_thread())
        return [CameraInfo(0, "Front & back", "usb-1", 200)]

    menu = table.window.camera_menu
    table.list_cameras = listing
    menu.refresh()
    table.qtbot.waitUntil(lambda: any(action.data() == "camera:usb-1" for action in menu.actions()))
    assert asked[0] is not threading.main_thread()
    next(action for action in menu.actions() if action.data() == "camera:usb-1").trigger()
    assert table.session.calls[0][1] == "camera:usb-1"


@pytest.fixture
def loop(qtbot: QtBot) -> Iterator[None]:
    """For tests that run the application's own loop: a request to quit ends that of the test that made it, no other."""

    def forget() -> None:
        application = QApplication.instance()
        assert application is not None
        QCoreApplication.removePostedEvents(application, QEvent.Type.Quit.value)

    forget()
    yield
    forget()
    # One that was heard between two loops stays in force until the next begins: waits of later tests would end at once.
    QTimer.singleShot(0, QApplication.instance(), QApplication.quit)
    QApplication.exec()
    forget()


def test_run_opens_and_closes(loop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.core.paths import settings_file
    from app.core.settings_store import load_settings

    settings_file().parent.mkdir(parents=True)
    settings_file().write_text("{ broken")
    seen: list[str] = []

    def close() -> None:
        from app.ui.main_window import MainWindow

        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, MainWindow):
                seen.append(widget.services.banner.words[0])
                widget.close()

    QTimer.singleShot(400, QApplication.instance(), close)
    assert run((), {"detection": {"threshold": 0.25}}) == 0
    assert "damaged" in seen[0]
    settings, problems = load_settings(settings_file())
    assert problems == []
    assert settings.chosen.thresholds == {}, "it was asked for this run, not chosen"


def test_a_remembered_model_that_is_no_more_is_said_at_the_start(loop: None) -> None:
    from app.core.paths import settings_file

    settings_file().parent.mkdir(parents=True)
    settings_file().write_text('{"model": {"name": "voc"}}')
    seen: list[tuple[str, str]] = []

    def close() -> None:
        from app.ui.main_window import MainWindow

        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, MainWindow):
                seen.append((widget.services.banner.words[0], widget.services.settings.current.model.name))
                widget.close()

    QTimer.singleShot(400, QApplication.instance(), close)
    assert run() == 0
    (said, runs), *_ = seen
    assert "voc" in said
    assert runs == default_model()


def test_ctrl_c_ends_an_idle_window(loop: None) -> None:
    import os
    import signal
    import threading

    # From another thread: the GUI thread waits in Qt then, where Python's handlers do not run by themselves.
    strike = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    QTimer.singleShot(0, QApplication.instance(), strike.start)
    patience = QTimer()
    patience.timeout.connect(QApplication.quit)
    patience.start(20_000)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite run in the background ignores it
    try:
        assert run() == 130
        strike.join()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        patience.stop()
        signal.signal(signal.SIGINT, before)


def test_quitting_during_an_export_asks_first(table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.core.export.request import ExportRequest

    table.window.exports.show_one(None)
    table.exports.start(ExportRequest(tmp_path / "a.mp4", tmp_path / "b.mp4"))
    table.qtbot.waitUntil(lambda: bool(table.jobs) and table.jobs[0].started.is_set())
    answers = iter((False, True))
    monkeypatch.setattr("app.ui.main_window.confirmed", lambda *_a, **_k: next(answers))
    assert not table.window.close()
    assert table.window.isVisible()
    assert table.window.close()
    assert table.jobs[0].cancelled
    assert table.window.exports.dialog is not None
    assert not table.window.exports.dialog.isVisible()  # else Qt closes it as the last window: it asks, and never ends
    assert not table.exports.running


def test_stuck_call_does_not_keep_the_process_alive(repository: Path) -> None:
    import subprocess

    code = (
        "import threading; from PySide6.QtCore import QTimer; from PySide6.QtWidgets import QApplication;"
        "app = QApplication([]);"
        "from app.core.settings import Settings; from app.ui.main import build_window;"
        "window = build_window(app, Settings(), None); window.show();"
        "window.services.background.run('stuck', threading.Event().wait, print);"
        "QTimer.singleShot(100, window, window.close);"
        "raise SystemExit(app.exec())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
