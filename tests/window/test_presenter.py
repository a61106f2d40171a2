"""What the window says of sources and models that come, fail and go."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from PySide6.QtCore import Qt

from app.core.live.events import Ended, LiveState, ModelFailed, ModelLoading, ModelReady, SourceNote, SourceTrouble
from app.ui.view.notice_feed import NO_MODEL_TEXT
from tests.support.qt_fakes import CAMERA, SPEC, VIDEO, Desk, make_frame, make_result


def test_a_note_on_one_source_does_not_stay_for_the_next(table: Desk) -> None:
    table.open(VIDEO).on_event(SourceNote("Damaged parts are skipped."))
    table.qtbot.waitUntil(table.services.banner.isVisible)
    table.window.open_source("/films/other.mp4")
    assert not table.services.banner.isVisible()


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


def test_a_source_that_takes_long_to_open_is_named_and_can_be_left(table: Desk) -> None:
    table.window.open_source("rtsp://jane:secret@10.0.0.9/live")
    waiting = table.window.stage.view.waiting
    table.qtbot.waitUntil(waiting.isVisible)
    assert "10.0.0.9/live" in waiting.words
    assert "secret" not in waiting.words
    table.qtbot.mouseClick(waiting.cancel, Qt.MouseButton.LeftButton)
    assert table.session.names()[-1] == "stop"
    assert table.window.stage.start.isVisible()
    assert not waiting.isVisible()


def test_a_frame_ends_the_waiting(table: Desk) -> None:
    table.open(CAMERA, "camera:0")
    waiting = table.window.stage.view.waiting
    table.qtbot.waitUntil(waiting.isVisible)
    table.give(make_result())
    assert not waiting.isVisible()


def test_the_end_of_a_video_is_told_from_a_pause(table: Desk) -> None:
    session = table.open(VIDEO)
    last = make_result(frame=make_frame(index=9, pts_s=Fraction(9)))
    table.give(last)
    session.on_event(Ended())
    session.enter(LiveState.PAUSED)
    table.qtbot.waitUntil(lambda: table.controller.playback.at_end and table.controller.playback.is_paused)
    table.give(replace(last, detect_ms=7.0))
    assert table.controller.playback.at_end, "the last frame again, with its boxes"
    table.give(make_result(frame=make_frame(index=8, pts_s=Fraction(8))))
    assert not table.controller.playback.at_end


def test_a_view_without_a_model_says_so(table: Desk) -> None:
    session = table.open(VIDEO)
    table.give(make_result())
    session.on_event(ModelFailed("demo failed.", "Choose another.", ""))
    notice = table.window.stage.view.notice
    table.qtbot.waitUntil(lambda: notice.words == NO_MODEL_TEXT)
    notice.button.click()
    assert table.window.dialogs.models is not None
    assert table.window.dialogs.models.isVisible()
    session.on_event(ModelLoading("other"))
    table.qtbot.waitUntil(lambda: not notice.words)
