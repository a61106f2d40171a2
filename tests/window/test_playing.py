"""Playing a source: the controls, the sample, what goes wrong, and what the session is told."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QPushButton

from app.core.live.events import Ended, LiveState, ReplacementFailed, SourceOpened, SourceReplaced
from app.core.settings import SourceSettings
from tests.support.qt_checks import settle
from tests.support.qt_fakes import CAMERA, VIDEO, Desk, make_candidates, make_frame, make_result


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


def test_space_pauses_and_goes_on(table: Desk) -> None:
    session = table.open(VIDEO)
    view = table.window.stage.view
    table.qtbot.keyClick(view, Qt.Key.Key_Space)
    table.qtbot.waitUntil(lambda: session.state is LiveState.PAUSED)
    table.qtbot.keyClick(view, Qt.Key.Key_Space)
    assert session.names()[1:] == ["pause", "resume"]


def test_seek_slider_seeks_where_it_is_clicked(table: Desk) -> None:
    session = table.open(VIDEO)
    slider = table.window.stage.playback.slider
    table.qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() // 2, slider.height() // 2))
    name, seconds = session.calls[-1]
    assert name == "seek"
    assert float(seconds) == pytest.approx(5.0, abs=0.3)  # type: ignore[arg-type]


@pytest.mark.parametrize("off_centre", [-14, 0, 14])
def test_seek_slider_drags_at_any_height(table: Desk, off_centre: int) -> None:
    session = table.open(VIDEO)
    bar = table.window.stage.playback
    slider = bar.slider
    assert slider.height() >= bar.height() - 2, "all but the hairline of the bar"
    y = slider.height() // 2 + off_centre
    left, length = slider.axis
    table.qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(round(left + length / 2), y))
    table.qtbot.mouseMove(slider, QPoint(round(left + length * 0.8), y))
    assert slider.isSliderDown()
    bar.set_position(1.0)
    assert slider.value() == pytest.approx(slider.maximum() * 0.8, abs=30), "what plays meanwhile leaves it alone"
    table.qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(round(left + length * 0.8), y))
    assert not slider.isSliderDown()
    sought = [float(call[1]) for call in session.calls if call[0] == "seek"]  # type: ignore[arg-type]
    assert sought == [pytest.approx(5.0, abs=0.1), pytest.approx(8.0, abs=0.1)]


def test_a_handle_taken_at_its_edge_does_not_jump(table: Desk) -> None:
    session = table.open(VIDEO)
    table.window.stage.playback.set_position(5.0)
    slider = table.window.stage.playback.slider
    left, length = slider.axis
    table.qtbot.mouseClick(
        slider, Qt.MouseButton.LeftButton, pos=QPoint(round(left + length / 2) + 4, slider.height() // 2)
    )
    assert session.names() == ["start"]


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
    assert session.names()[2:] == ["set_iou", "switch_model", "set_threshold", "set_iou"], (
        "limits belong to a model; a file is not opened again for a camera's size"
    )
    camera = table.open(CAMERA, "camera:0")
    table.settings.set("source", "resolution", "1280x720")
    assert camera.names()[-1] == "start"


def test_another_source_in_place_of_the_first(table: Desk) -> None:
    first = table.open(VIDEO)
    table.open(CAMERA, "camera:0")
    assert table.sessions == [first], "the model stays loaded"
    assert first.names() == ["start", "start"]
    assert table.settings.current.source.recent == ("camera:0", "/films/street.mp4")


def test_what_cannot_be_opened_leaves_the_old_one_playing(table: Desk) -> None:
    session = table.open(VIDEO)
    result = make_result()
    table.give(result)
    session.goes_on = True
    table.window.open_source("/films/broken.mp4")
    view, banner = table.window.stage.view, table.services.banner
    assert (view.result, table.controller.uri) == (result, "/films/street.mp4")
    session.on_event(ReplacementFailed("/films/broken.mp4", "broken.mp4 is no video.", "Get it again."))
    table.qtbot.waitUntil(banner.isVisible)
    assert banner.kind == "error"
    assert banner.words == ("broken.mp4 is no video.", "Get it again. street.mp4 stays open.")
    assert table.window.stage.shows_source
    assert (view.result, table.controller.info) == (result, VIDEO)
    assert "street.mp4" in table.window.windowTitle()
    assert table.settings.current.source.last == "/films/street.mp4"
    table.window.actions_by_name["step_forward"].trigger()
    assert session.calls[-1] == ("step", 1), "it is still the one that the controls are for"
    next(button for button in banner.findChildren(QPushButton) if button.text() == "Try again").click()
    assert session.calls[-1][:2] == ("start", "/films/broken.mp4"), "Try again"


def test_another_source_takes_the_place_once_it_is_open(table: Desk) -> None:
    session = table.open(VIDEO)
    table.give(make_result())
    session.goes_on = True
    table.window.open_source("/films/other.mp4")
    assert table.controller.awaited == "/films/other.mp4"
    other = replace(VIDEO, name="other.mp4")
    session.on_event(SourceReplaced("/films/other.mp4"))
    session.enter(LiveState.STARTING)
    session.open_as(other, model=False)
    table.qtbot.waitUntil(lambda: table.controller.info is other)
    assert table.window.stage.view.result is None, "nothing of the old one is left"
    assert (table.controller.uri, table.controller.awaited) == ("/films/other.mp4", "")
    assert table.settings.current.source.last == "/films/other.mp4"


@pytest.mark.parametrize("by", ["button", "Esc"])
def test_what_takes_long_to_open_can_be_given_up(table: Desk, by: str) -> None:
    session = table.open(VIDEO)
    session.goes_on = True
    table.window.open_source("rtsp://10.0.0.9/live")
    banner = table.services.banner
    table.qtbot.waitUntil(banner.isVisible)
    assert "10.0.0.9" in banner.words[0]
    assert "street.mp4" in banner.words[1]
    assert not banner.leaves
    if by == "Esc":
        table.window.actions_by_name["escape"].trigger()
    else:
        next(button for button in banner.findChildren(QPushButton) if button.text() == "Cancel").click()
    assert session.names() == ["start", "start", "keep_source"]
    assert (table.controller.awaited, table.controller.uri) == ("", "/films/street.mp4")
    assert not banner.isVisible()
    table.window.actions_by_name["escape"].trigger()
    assert session.names()[-1] == "keep_source", "nothing is awaited any more"
    assert len(session.names()) == 3


def test_the_offer_to_give_up_ends_when_the_source_is_open(table: Desk) -> None:
    session = table.open(VIDEO)
    session.goes_on = True
    table.window.open_source("rtsp://10.0.0.9/live")
    table.qtbot.waitUntil(table.services.banner.isVisible)
    session.on_event(SourceReplaced("rtsp://10.0.0.9/live"))
    session.open_as(replace(CAMERA, kind="stream", name="10.0.0.9"), model=False)
    table.qtbot.waitUntil(lambda: not table.services.banner.isVisible())


def test_a_frame_never_comes_before_the_event_that_announces_its_source(table: Desk) -> None:
    session = table.open(VIDEO)
    session.goes_on = True
    table.window.open_source("/films/photo.png")
    photo = replace(VIDEO, kind="image", name="photo.png", duration_s=None, seekable=False)
    bridge = table.controller.bridge
    assert bridge is not None
    bridge.results_ready()  # a wake-up that is on its way already, for a frame of the old source
    for event in (SourceReplaced("/films/photo.png"), SourceOpened(photo)):
        session.on_event(event)
    only = make_result()
    session.results.put(only)
    table.qtbot.waitUntil(lambda: table.controller.info is photo)
    settle()
    assert table.window.stage.view.result is only


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


def test_snapshot_writes_both_images_and_the_boxes(table: Desk) -> None:
    table.open(VIDEO)
    table.give(make_result(make_candidates((10, 10, 60, 60, 0.9, 0))))
    table.window.actions_by_name["snapshot"].trigger()
    banner = table.services.banner
    table.qtbot.waitUntil(lambda: banner.kind == "success")
    from app.core.paths import pictures_dir

    written = sorted(pictures_dir().iterdir())
    assert [path.suffix for path in written] == [".png", ".json", ".png"]
    clean, data, annotated = written
    assert clean.stem == f"{annotated.stem}-clean" == f"{data.stem}-clean"
    assert clean.read_bytes() != annotated.read_bytes()


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
    table.qtbot.waitUntil(lambda: banner.kind == "error")
    assert table.window.isVisible()
