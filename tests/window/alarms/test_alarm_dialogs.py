"""What a person says of alarms: rules and ways to tell, as they are typed, refused and kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QImage
from PySide6.QtWidgets import QLineEdit

from app.core.alarms.alarm_store import AlarmRule, AlarmStore
from app.core.alarms.message import AlarmMessage
from app.core.alarms.rules import Rule
from app.core.alarms.ways import AlarmWays
from app.core.events.scene import Scene, Zone
from app.core.paths import alarms_file
from app.ui.alarms.notice import WindowNotice, picture_of
from app.ui.alarms.rule_dialog import RuleDialog
from app.ui.alarms.rule_text import deeds_text, rule_text
from app.ui.alarms.time_field import TimeField
from app.ui.alarms.ways_dialog import WaysDialog
from app.ui.widgets.notify import Failed
from tests.support.qt_fakes import CAMERA, Desk

SECRET = "hunter2"
STEP = Zone("step", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0)))


def opened(table: Desk) -> Desk:
    """Looks at a camera with a zone, of which nothing else is known."""
    table.open(CAMERA, "camera:front")
    table.qtbot.waitUntil(lambda: table.window.alarms.model.source is not None and table.scenes.loaded)
    table.scenes.replace(Scene((STEP,)))
    return table


def rule_dialog(table: Desk) -> RuleDialog:
    dialog = table.window.alarms.dialog
    assert isinstance(dialog, RuleDialog)
    return dialog


def ways_dialog(table: Desk) -> WaysDialog:
    table.window.alarms.panel.ways.click()
    dialog = table.window.alarms.dialog
    assert isinstance(dialog, WaysDialog)
    return dialog


def test_a_rule_is_added_changed_and_taken_away_and_kept(table: Desk) -> None:
    panel = opened(table).window.alarms.panel
    panel.add.click()
    dialog = rule_dialog(table)
    assert dialog.classes.names == ("person",)
    dialog.classes.setText("person, dog")
    dialog.zone.setCurrentIndex(dialog.zone.findData("step"))
    dialog.lasts.show_seconds(3.0)
    dialog.every.show_seconds(300.0)
    dialog.tell["sound"].setChecked(True)
    dialog.save.click()
    rule = Rule("seen", ("person", "dog"), "step", 3.0, 300.0, True, True, frozenset({"notify", "sound"}))
    assert table.window.alarms.model.rules == (AlarmRule(rule),)
    panel.rules.setCurrentRow(0)
    panel.edit.click()
    rule_dialog(table).what.setCurrentIndex(2)
    rule_dialog(table).save.click()
    changed = table.window.alarms.model.rules
    assert (changed[0].rule.what, changed[0].rule.classes, changed[0].rule.zone) == ("gone", (), "")
    table.qtbot.waitUntil(lambda: AlarmStore().rules_of("camera:front") == changed)
    panel.rules.setCurrentRow(0)
    panel.remove.click()
    table.qtbot.waitUntil(lambda: AlarmStore().rules_of("camera:front") == ())
    assert panel.rules.count() == 0


def test_a_class_that_the_model_does_not_know_is_not_saved(table: Desk) -> None:
    opened(table).window.alarms.panel.add.click()
    dialog = rule_dialog(table)
    dialog.classes.setText("unicorn")
    assert "unicorn" in dialog.trouble.text()
    assert not dialog.save.isEnabled()
    dialog.what.setCurrentIndex(2)  # a source that is gone has no classes
    assert dialog.save.isEnabled()


def test_what_needs_an_address_is_offered_once_there_is_one(table: Desk) -> None:
    panel = opened(table).window.alarms.panel
    panel.add.click()
    offered = [rule_dialog(table).tell[way].isEnabled() for way in ("notify", "sound", "command", "post")]
    dialog = ways_dialog(table)
    assert dialog.fields["post"].echoMode() == QLineEdit.EchoMode.PasswordEchoOnEdit
    dialog.fields["post"].setText(f"https://jane:{SECRET}@web/x")
    dialog.save.click()
    panel.add.click()
    assert offered == [True, True, False, False]
    assert rule_dialog(table).tell["post"].isEnabled()
    table.qtbot.waitUntil(lambda: AlarmStore().ways() == AlarmWays(post=f"https://jane:{SECRET}@web/x"))


@pytest.mark.parametrize(
    ("way", "typed"),
    [
        ("command", "play 'x"),
        ("command", "no-such-program"),
        ("post", "ftp://x"),
        ("post", "http://[::1"),
        ("mqtt", f"mqtt://jane:{SECRET}[@host"),
    ],
)
def test_what_cannot_be_used_is_said_and_not_kept(table: Desk, way: str, typed: str) -> None:
    dialog = ways_dialog(opened(table))
    dialog.fields[way].setText(typed)
    dialog.save.click()
    assert dialog.isVisible()
    assert dialog.trouble.text()
    assert SECRET not in dialog.trouble.text()
    assert table.window.alarms.model.ways == AlarmWays()


def test_alarms_that_cannot_be_saved_hold_until_the_end(table: Desk) -> None:
    alarms_file().parent.parent.mkdir(parents=True, exist_ok=True)
    alarms_file().parent.touch()  # a file where the folder should be
    opened(table).window.alarms.model.replace((AlarmRule(Rule()),))
    table.qtbot.waitUntil(lambda: "alarms" in table.services.banner.words[0])
    assert table.window.alarms.model.rules == (AlarmRule(Rule()),)


@pytest.mark.parametrize(
    ("seconds", "unit"),
    [(0.0, "s"), (0.5, "s"), (90.0, "min"), (59.0, "s"), (600.0, "min"), (5400.0, "h"), (3660.0, "min")],
)
def test_a_time_comes_back_as_it_was_in_a_unit_that_suits_it(table: Desk, seconds: float, unit: str) -> None:
    field = TimeField("For")
    field.show_seconds(seconds)
    assert (field.seconds, field.unit.currentText()) == (seconds, unit)


def test_rules_in_words() -> None:
    every = frozenset({"notify", "mqtt"})
    assert rule_text(Rule("seen", ("person", "dog"), "step", 3.0)) == "Person or dog in step for 3 s"
    assert rule_text(Rule("absent", ("person",), "", 600.0)) == "No person for 10 min"
    assert rule_text(Rule("gone", for_s=30.0)) == "Source gone for 30 s"
    assert deeds_text(Rule(every_s=300.0, ways=every)) == "Clip, picture, notification, MQTT · at most every 5 min"
    assert deeds_text(Rule("gone", snapshot=False, ways=frozenset())) == "Only listed"


def test_the_window_notifies_with_the_picture_where_no_program_does(table: Desk, tmp_path: Path) -> None:
    image = QImage(640, 480, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    path = str(tmp_path / "a.png")
    assert image.save(path)
    notice = WindowNotice(table.window)
    told: list[tuple[str, str, bool]] = []
    failures: list[bool] = []
    notice.failed.connect(lambda: failures.append(True))

    def tell(title: str, words: str, _failed: Failed, picture: QIcon | None = None) -> bool:
        told.append((title, words, picture is not None and not picture.isNull()))
        return len(told) == 1

    notice.tray = notice.portal = tell  # whoever runs the tests has a desktop of their own
    message = AlarmMessage("person", "2026-11-30T08:15:00+01:00", "door", path, "", {}, "began")
    assert [notice.wants(message), notice.wants(message.with_clip("b.mp4"))] == [True, False]
    notice.send(message)
    table.qtbot.waitUntil(lambda: len(told) == 1)
    assert (told, failures) == ([("person", "door, 08:15:00", True)], [])
    notice.send(message)
    table.qtbot.waitUntil(lambda: failures == [True])
    assert [title for title, _, _ in told] == ["person"] * 3  # the tray refused, then the portal
    notice.close()


def test_pictures_are_read_small(tmp_path: Path) -> None:
    QImage(640, 480, QImage.Format.Format_RGB32).save(str(tmp_path / "a.png"))
    assert picture_of(str(tmp_path / "a.png"), QSize(100, 100)).size() == QSize(100, 75)
    assert picture_of(str(tmp_path / "none.png"), QSize(100, 100)).isNull()
