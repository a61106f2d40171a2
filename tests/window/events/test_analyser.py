"""Analysing the video that is looked at: progress below it, a timeline that grows, and the result at once."""

from __future__ import annotations

import shutil
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.core.export.request import AUTO, ExportProgress
from app.core.live import LiveSession
from app.core.settings import ModelSettings, Settings, SourceSettings
from app.ui.commands import sample_clip
from app.ui.events.analyser import needed
from app.ui.services.export_runner import make_job
from tests.support.kept_events import MODEL, make_analysed
from tests.support.media import make_video
from tests.support.qt_fakes import CAMERA, VIDEO, Desk, FakeJob, desk


def job_of(table: Desk, video: Path) -> FakeJob:
    """Analyse ``video``; the job is at work when this returns."""
    table.open(VIDEO, str(video))
    table.window.actions_by_name["analyse"].trigger()
    table.qtbot.waitUntil(lambda: table.window.stage.analysis.isVisible())
    table.qtbot.waitUntil(lambda: bool(table.jobs) and table.jobs[-1].started.is_set())
    return table.jobs[-1]


def test_only_a_video_can_be_analysed(table: Desk, tmp_path: Path) -> None:
    action = table.window.actions_by_name["analyse"]
    assert not action.isEnabled()
    table.open(CAMERA, "camera:front")
    assert not action.isEnabled()
    job = job_of(table, make_video(tmp_path / "a.mp4", frames=2))
    assert not action.isEnabled(), "one at a time"
    job.go.set()
    table.qtbot.waitUntil(action.isEnabled)


def test_an_analysis_keeps_what_it_finds_beside_the_video_and_is_shown_when_done(table: Desk, tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", frames=2)
    job = job_of(table, video)
    request = job.request
    assert (request.source, request.analysis, list(request.targets())) == (video, tmp_path, [])
    strip = table.window.stage.analysis
    table.qtbot.waitUntil(lambda: strip.words.text().startswith("25 %"))
    assert table.session.calls[-1] == ("rest", True)
    job.go.set()
    table.qtbot.waitUntil(lambda: not strip.isVisible())
    assert table.services.banner.kind == "success"
    assert set(table.session.calls[-2:]) == {("rest", False), ("look_again",)}


def test_how_often_to_detect_is_chosen_beside_the_button_and_remembered(table: Desk, tmp_path: Path) -> None:
    choice = table.window.events.panel.key_frames
    assert (choice.value, table.settings.current.source.analyse_every) == (1, 1)
    choice.combo.setCurrentIndex(choice.combo.findData(AUTO))
    assert table.settings.current.source.analyse_every == AUTO
    table.settings.set("source", "analyse_every", 7)
    assert choice.value == 7
    choice.number.setValue(4)
    assert job_of(table, make_video(tmp_path / "a.mp4", frames=2)).request.detect_every == 4
    table.jobs[-1].go.set()


def test_frames_that_were_seen_are_not_looked_at_again(tmp_path: Path) -> None:
    video = make_analysed(tmp_path)
    model = ModelSettings(name=MODEL)
    for every in (1, 4, AUTO):
        assert needed(video, Settings(model=model, source=SourceSettings(analyse_every=every))) is None
    seen = make_analysed(tmp_path, "seldom.mp4", detect_every=4)
    wanted = [needed(seen, Settings(model=model, source=SourceSettings(analyse_every=n))) for n in (1, 3, 4, AUTO)]
    assert [request is not None and request.detect_every for request in wanted] == [1, 3, False, False]


def test_an_analysis_can_be_stopped_and_begun_again(table: Desk, tmp_path: Path) -> None:
    job = job_of(table, make_video(tmp_path / "a.mp4", frames=2))
    table.window.stage.analysis.stop.click()
    table.qtbot.waitUntil(lambda: not table.window.stage.analysis.isVisible())
    assert job.cancelled
    assert "look_again" not in table.session.names()
    table.qtbot.waitUntil(table.window.actions_by_name["analyse"].isEnabled)
    table.window.actions_by_name["analyse"].trigger()
    table.qtbot.waitUntil(lambda: len(table.jobs) == 2 and table.jobs[-1].started.is_set())


def test_a_full_disk_says_so_and_can_be_gone_on_from(table: Desk, tmp_path: Path) -> None:
    job = job_of(table, make_video(tmp_path / "a.mp4", frames=2))
    strip = table.window.stage.analysis
    job.on_progress(ExportProgress("paused", 50, 200, remark="The disk is full."))
    table.qtbot.waitUntil(strip.resume.isVisible)
    strip.resume.click()
    assert job.resumed


def test_an_export_of_the_video_that_is_looked_at_is_shown_at_once(table: Desk, tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", frames=2)
    request = job_of(table, video).request
    table.jobs[-1].go.set()
    table.qtbot.waitUntil(lambda: not table.analyses.running)
    looked = table.session.names().count("look_again")
    table.exports.start(request)
    table.qtbot.waitUntil(lambda: len(table.jobs) == 2)
    table.jobs[-1].kept = tmp_path / "a.mp4.ssdv"
    table.jobs[-1].go.set()
    table.qtbot.waitUntil(lambda: table.session.names().count("look_again") == looked + 1)


def test_the_timeline_grows_and_the_kept_detections_are_shown_in_the_end(qtbot: QtBot, tmp_path: Path) -> None:
    """Nothing is faked: the demo model and its clip."""
    video = Path(shutil.copy(sample_clip(), tmp_path / "clip.mp4"))
    settings = Settings(model=ModelSettings(name="demo"))
    with desk(qtbot, tmp_path, settings, LiveSession) as table:
        table.library.refresh_models()
        table.services.analyses._make = make_job
        table.window.open_source(str(video))
        table.qtbot.waitUntil(lambda: table.controller.model is not None)
        table.window.actions_by_name["analyse"].trigger()
        table.qtbot.waitUntil(lambda: bool(table.window.stage.timeline.body.rows))
        table.qtbot.waitUntil(
            lambda: table.controller.model is not None and table.controller.model.kept is not None, timeout=60_000
        )
        assert table.controller.model is not None
        assert table.controller.model.kept == tmp_path / "clip.mp4.ssdv"
        table.window.actions_by_name["analyse"].trigger()
        table.qtbot.waitUntil(lambda: table.services.banner.kind == "info")
        assert not table.analyses.running, "there is nothing left to do"
