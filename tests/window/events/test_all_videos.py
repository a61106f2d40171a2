"""One list over all videos: filled by looking at them and from folders; each event is a click away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.settings import ModelSettings, Settings
from tests.support.kept_events import MODEL, labels, make_analysed
from tests.support.qt_fakes import VIDEO, Desk, desk
from tests.window.events.test_event_list import classes, panel_of


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
    table.qtbot.waitUntil(panel.nothing.isVisible)
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
