"""One list over all videos: filled by looking at them and from folders; each event is a click away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.cases.case import check_case
from app.core.errors import AppError
from app.core.events.index import EventIndex, IndexedVideo
from app.core.events.listing import ListedEvent
from app.core.events.question import Question
from app.core.events.scene import Scene
from app.core.paths import event_index_file
from app.core.settings import ModelSettings, Settings
from app.ui.events.all_case import AllAnswers
from tests.support.command_line import Capture, run
from tests.support.kept_events import FPS, FRAMES, MODEL, SIZE, keep_events, labels, make_analysed
from tests.support.media import make_video
from tests.support.qt_fakes import VIDEO, Desk, desk
from tests.window.events.test_event_list import classes, panel_of

_ANYTHING = (Question(), 0.45, lambda _: Scene(), lambda _: ())


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    with desk(qtbot, tmp_path, Settings(model=ModelSettings(name=MODEL))) as made:
        made.settings.set("detection", "threshold", 0.25)
        yield made


def show_all(table: Desk) -> None:
    window = table.window
    window.show_events()
    window.side.show_page(window.events.all_panel)


def test_what_was_looked_at_is_in_the_list_of_all(table: Desk, tmp_path: Path) -> None:
    panel = table.window.events.all_panel
    show_all(table)
    table.qtbot.waitUntil(panel.page.nothing.isVisible)
    assert not panel.filters.isVisible()
    video = make_analysed(tmp_path)
    panel_of(table, video)
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 3)
    assert {row.video for row in panel.list.events.rows} == {video}
    panel.filters.score.field.setValue(0.6)
    table.qtbot.waitUntil(lambda: classes(panel) == [labels()[0], labels()[1]])


def test_a_folder_fills_it_and_a_click_opens_the_video_at_the_event(table: Desk, tmp_path: Path) -> None:
    window = table.window
    panel = window.events.all_panel
    video = make_analysed(tmp_path)
    show_all(table)
    with table.qtbot.waitSignal(window.events.all.filled, check_params_cb=lambda _, name: not name):
        panel.folder_chosen.emit(tmp_path)
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 3)
    assert panel.add.isVisible()
    panel.list.choose(1)
    table.qtbot.waitUntil(lambda: bool(table.sessions) and ("start", str(video)) == table.session.calls[0][:2])
    table.session.open_as(VIDEO)
    table.qtbot.waitUntil(lambda: "seek" in table.session.names())
    present = window.events.panel.list.present()
    assert present is not None
    assert (present.number, present.label) == (2, labels()[0])
    window.actions_by_name["next_event"].trigger()
    table.qtbot.waitUntil(lambda: window.events.panel.list.currentIndex().row() == 2)
    assert panel.list.currentIndex().row() == 2


def test_a_video_that_was_moved_is_found_and_one_that_is_gone_is_said(table: Desk, tmp_path: Path) -> None:
    window = table.window
    panel = window.events.all_panel
    video = make_analysed(tmp_path)
    show_all(table)
    panel.folder_chosen.emit(tmp_path)
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 3)
    moved = video.rename(tmp_path / "renamed.mp4")
    panel.list.choose(0)
    table.qtbot.waitUntil(lambda: bool(table.sessions) and table.session.calls[0][:2] == ("start", str(moved)))
    table.qtbot.waitUntil(lambda: {row.video for row in panel.list.events.rows} == {moved})
    moved.unlink()
    panel.list.choose(1)
    table.qtbot.waitUntil(lambda: "renamed.mp4" in table.services.banner.words[0])


def test_events_of_all_videos_can_be_judged_there(table: Desk, tmp_path: Path) -> None:
    window = table.window
    panel, video = window.events.all_panel, make_analysed(tmp_path)
    one = panel_of(table, video)
    show_all(table)
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 3)
    panel.list.choose(1)
    table.qtbot.waitUntil(lambda: one.list.present() is not None)
    panel.page.reject.click()
    table.qtbot.waitUntil(lambda: [row.verdict.rejected for row in panel.list.events.rows] == [False, True, False])
    assert panel.page.reject.text() == "Accept"
    assert panel.page.count.text().endswith("1 rejected")
    table.qtbot.waitUntil(lambda: [row.verdict.rejected for row in one.list.events.rows] == [False, True, False])
    panel.page.reject.click()
    table.qtbot.waitUntil(lambda: not any(row.verdict.rejected for row in panel.list.events.rows))
    table.qtbot.waitUntil(lambda: not any(row.verdict.rejected for row in one.list.events.rows))
    (video_of,) = EventIndex(event_index_file()).read().videos
    assert video_of.frame == SIZE


def test_a_case_of_several_videos(table: Desk, tmp_path: Path, capsys: Capture) -> None:
    window = table.window
    panel = window.events.all_panel
    other = make_video(tmp_path / "b.mp4", frames=FRAMES, fps=FPS, size=SIZE, gop=6)
    keep_events(other)
    videos = [make_analysed(tmp_path, "a.mp4"), other]
    show_all(table)
    panel.folder_chosen.emit(tmp_path)
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 6 and panel.page.make_case.isVisible())
    panel.filters.score.field.setValue(0.6)
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 4)
    panel.page.make_case.click()
    dialog = window.events.cases.dialog
    assert dialog is not None
    dialog.all.setChecked(True)
    dialog.folder.line.setText(str(tmp_path / "incident"))
    with table.qtbot.waitSignal(dialog.written):
        dialog.make.click()
    case = json.loads((tmp_path / "incident" / "events.json").read_text())
    asked = ("--min-score", "0.6", "--threshold", "0.25", "--json", "-")
    code, out, _ = run(capsys, "events", *videos, "--model", MODEL, *asked)
    assert code == 0
    assert case == json.loads(out)
    assert len(case["events"]) == 4
    assert check_case(tmp_path / "incident").is_sound


def test_a_case_whose_events_are_others_by_now_says_so(tmp_path: Path) -> None:
    store = make_analysed(tmp_path)
    (video,) = [IndexedVideo("0", store, 1, MODEL, 0.25)]
    answers = AllAnswers((video, replace(video, path=tmp_path / "b.mp4", model="other")), *_ANYTHING)
    row = ListedEvent(2, 0, labels()[0], 0.5, 2.7, 0.65, 0.0, Fraction(1), (0, 0, 1, 1), video=store)
    assert [event.id for _, event in answers.answer([row], lambda: None).each()] == [2]
    with pytest.raises(AppError, match="analysed anew"):
        answers.answer([replace(row, start_s=0.1)], lambda: None)
    with pytest.raises(AppError, match="several models"):
        answers.answer([row, replace(row, video=tmp_path / "b.mp4")], lambda: None)
    assert answers.choice([replace(row, video=None)], []) is None
