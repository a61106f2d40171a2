"""A case out of the list: the same events as the command line answers, rejected ones listed as rejected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.cases.case import check_case
from app.core.settings import ModelSettings, Settings
from app.ui.events.case_dialog import CaseDialog
from app.ui.events.case_work import answer_of
from tests.support.command_line import Capture, run
from tests.support.kept_events import MODEL, labels, make_analysed
from tests.support.qt_fakes import VIDEO, Desk, desk
from tests.window.events.test_event_list import classes

_SCENE = {"zones": [{"name": "left", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}],
          "lines": [{"name": "gate", "points": [[0.3, 0], [0.3, 1]]}]}  # fmt: skip


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return make_analysed(tmp_path)


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path, video: Path) -> Iterator[Desk]:
    with desk(qtbot, tmp_path, Settings(model=ModelSettings(name=MODEL))) as made:
        made.settings.set("detection", "threshold", 0.25)
        made.window.show_events()
        made.open(VIDEO, str(video))
        qtbot.waitUntil(lambda: made.window.events.feed.state.kind == "ready")
        yield made


def opened(table: Desk) -> CaseDialog:
    table.window.events.panel.page.make_case.click()
    dialog = table.window.events.cases.dialog
    assert dialog is not None
    assert dialog.isVisible()
    return dialog


def test_the_list_the_command_line_and_the_case_say_the_same(
    table: Desk, video: Path, tmp_path: Path, capsys: Capture
) -> None:
    from app.core.events.scene import scene_from_json

    (tmp_path / "zones.json").write_text(json.dumps(_SCENE))
    table.qtbot.waitUntil(lambda: table.services.scenes.loaded)
    table.services.scenes.replace(scene_from_json(json.dumps(_SCENE).encode()))
    panel = table.window.events.panel
    table.qtbot.waitUntil(lambda: panel.filters.zone.isVisible())
    panel.list.choose(1)
    panel.page.reject.click()
    table.qtbot.waitUntil(lambda: panel.list.events.rows[1].verdict.rejected)
    panel.filters.zone.set_value("left")
    panel.filters.zone.changed.emit()
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 2)
    dialog = opened(table)
    dialog.folder.line.setText(str(tmp_path / "incident"))
    dialog.all.setChecked(True)
    with table.qtbot.waitSignal(dialog.written):
        dialog.make.click()
    asked = ("--zones", tmp_path / "zones.json", "--zone", "left", "--threshold", "0.25", "--json", "-")
    code, out, _ = run(capsys, "events", video, "--model", MODEL, *asked)
    assert code == 0
    told = json.loads(out)
    case = json.loads((tmp_path / "incident" / "events.json").read_text())
    assert case == told
    assert [event["rejected"] for event in case["events"]] == [True, False]
    assert case["lines"]["gate"] == {"in": 0, "out": 1}
    assert check_case(tmp_path / "incident").is_sound
    made = table.window.events.feed.current
    assert made is not None
    hashes = [case["sources"][0]["sha256"]]
    assert answer_of(made, frozenset(row.number for row in made.listed)).as_dict(hashes) == told


def test_only_what_is_selected(table: Desk, tmp_path: Path) -> None:
    panel = table.window.events.panel
    panel.list.choose(2)
    dialog = opened(table)
    dialog.folder.line.setText(str(tmp_path / "one"))
    dialog.chosen.setChecked(True)
    with table.qtbot.waitSignal(dialog.written):
        dialog.make.click()
    (event,) = json.loads((tmp_path / "one" / "events.json").read_text())["events"]
    assert (event["id"], event["label"]) == (3, labels()[1])
    assert dialog.open_folder.isVisible()


def test_a_case_can_be_cancelled_and_leaves_nothing(table: Desk, tmp_path: Path) -> None:
    dialog = opened(table)
    dialog.folder.line.setText(str(tmp_path / "incident"))
    dialog.make.click()
    dialog.cancel.click()
    table.qtbot.waitUntil(dialog.make.isVisible)
    assert [path.name for path in tmp_path.iterdir() if "incident" in path.name] == []


def test_a_folder_that_cannot_be_says_why(table: Desk, tmp_path: Path) -> None:
    dialog = opened(table)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    dialog.folder.line.setText(str(tmp_path / "mine"))
    dialog.make.click()
    table.qtbot.waitUntil(lambda: dialog.make.isVisible() and "mine" in dialog.line.text())
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    dialog.folder.line.setText("")
    dialog.make.click()
    assert dialog.make.isVisible()
