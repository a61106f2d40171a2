"""Panel and Preferences: every visible setting has an editor in one of them that shows it and writes it back."""

from __future__ import annotations

import threading
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.core.settings import SettingInfo, Settings
from app.core.settings_store import from_dict, to_dict
from app.ui.services.background import Background
from app.ui.services.settings_model import SettingsModel, setting_info
from app.ui.settings.class_filter import ClassFilter
from app.ui.settings.class_list import COUNT
from app.ui.settings.preferences import TITLES, Preferences
from app.ui.settings.settings_panel import SettingsPanel
from app.ui.widgets.editors import ChoiceEditor, Editor, NumberEditor, SwitchEditor, TextEditor, make_editor
from tests.support.qt_checks import settle, show_active

_VISIBLE = [
    (section.name, field.name)
    for section in fields(Settings)
    for field in fields(getattr(Settings(), section.name))
    if not field.metadata["setting"].hidden
]
_DAILY = [("model", "name"), ("detection", "threshold"), ("detection", "classes")]


@pytest.fixture
def model(qtbot: QtBot) -> SettingsModel:
    return SettingsModel(Settings(), None, Background())


@pytest.fixture
def panel(qtbot: QtBot, model: SettingsModel) -> SettingsPanel:
    made = SettingsPanel(model)
    qtbot.addWidget(made)
    made.set_classes(("car", "person", "dog"))
    made.set_choices("models", (("demo", "demo (demo: drawn shapes only)"), ("faces", "faces")))
    made.resize(made.width(), 700)
    show_active(qtbot, made)
    return made


@pytest.fixture
def preferences(qtbot: QtBot, model: SettingsModel, panel: SettingsPanel) -> Preferences:
    made = Preferences(model, panel)
    made.set_choices("devices", (("auto", "auto"), ("cpu", "CPU")))
    made.show()
    return made


def _use(editor: Editor) -> Any:
    """Change the editor as a user would; returns the value it should now have."""
    if isinstance(editor, NumberEditor):
        before, third = editor.slider.value(), editor.slider.maximum() // 3
        editor.slider.setValue(third if third != before else third + 1)  # a default may lie just there
        return editor.spin.value()
    if isinstance(editor, SwitchEditor):
        editor.check.click()
        return editor.check.isChecked()
    if isinstance(editor, TextEditor):
        editor.line.setText(" http://proxy:3128 ")
        editor.line.editingFinished.emit()
        return "http://proxy:3128"
    if isinstance(editor, ClassFilter):
        editor.list.item(1).setCheckState(Qt.CheckState.Unchecked)
        return ("car", "dog")
    assert isinstance(editor, ChoiceEditor)
    last = editor.combo.count() - 1
    editor.combo.setCurrentIndex(last if editor.combo.currentIndex() != last else 0)
    editor.combo.activated.emit(editor.combo.currentIndex())
    return editor.combo.currentData()


def test_the_panel_has_what_is_changed_every_day_and_preferences_the_rest(
    panel: SettingsPanel, preferences: Preferences
) -> None:
    assert list(panel.editors) == _DAILY
    assert set(preferences.editors) == set(_VISIBLE) - set(_DAILY)
    assert set(TITLES) == {section for section, _ in preferences.editors}


@pytest.mark.parametrize(("section", "name"), _VISIBLE)
def test_editor_writes_back_and_follows(
    panel: SettingsPanel, preferences: Preferences, model: SettingsModel, section: str, name: str
) -> None:
    told: list[tuple[str, str]] = []
    model.changed.connect(lambda *which: told.append(which))
    expected = _use({**panel.editors, **preferences.editors}[section, name])
    assert model.value(section, name) == expected
    assert type(model.value(section, name)) is type(getattr(getattr(Settings(), section), name))
    assert told == [(section, name)]
    assert from_dict(to_dict(model.current))[1] == [], "what is set must survive the file"
    model.reset(section, (name,))
    assert model.value(section, name) == getattr(getattr(Settings(), section), name)
    assert len(told) == 2


def test_reset_button_of_a_section_leaves_the_panel_alone(preferences: Preferences, model: SettingsModel) -> None:
    model.set("detection", "threshold", 0.9)
    model.set("detection", "iou", 0.9)
    model.set("overlay", "fill", 30.0)
    button = next(b for b in preferences.findChildren(QPushButton) if b.accessibleName() == "Reset Detection")
    button.click()
    assert model.current.detection.iou == 0.45
    assert model.current.detection.threshold == 0.9
    assert model.current.overlay.fill == 30.0


def test_names_and_fields_of_preferences_stand_on_one_grid(preferences: Preferences) -> None:
    settle()
    editors = preferences.editors.values()
    assert len({editor.mapTo(preferences, QPoint()).x() for editor in editors}) == 1
    assert len({editor.width() for editor in editors}) == 1
    assert len({editor.title.mapTo(preferences, QPoint()).x() for editor in editors}) == 1


def test_the_threshold_goes_back_to_the_recommended_one(panel: SettingsPanel, model: SettingsModel) -> None:
    model.know_thresholds({model.current.model.name: 0.38})
    assert not panel.recommended.isVisible()
    model.set("detection", "threshold", 0.9)
    assert panel.recommended.isVisible()
    panel.recommended.click()
    assert model.current.detection.threshold == 0.38
    assert not panel.recommended.isVisible()


def test_wheel_over_a_slider_scrolls_instead_of_changing_it(panel: SettingsPanel, model: SettingsModel) -> None:
    editor = panel.editors["detection", "threshold"]
    assert isinstance(editor, NumberEditor)
    editor.slider.clearFocus()
    where = QPointF(editor.slider.rect().center())
    event = QWheelEvent(
        where, QPointF(editor.slider.mapToGlobal(where.toPoint())), QPoint(), QPoint(0, -120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(editor.slider, event)
    assert model.current.detection.threshold == 0.5


def _rows(editor: ClassFilter) -> list[str]:
    return [editor.list.item(row).text() for row in range(editor.list.count())]


def test_class_search_hides_rows_but_keeps_choices(panel: SettingsPanel, model: SettingsModel) -> None:
    labels = tuple(f"class {index}" for index in range(80))
    panel.set_classes(labels)
    editor = panel.classes
    editor.list.item(3).setCheckState(Qt.CheckState.Unchecked)
    editor.search.setText("CLASS 7")
    shown = [row for row in range(editor.list.count()) if not editor.list.item(row).isHidden()]
    assert shown == [7, *range(70, 80)]
    editor.list.item(70).setCheckState(Qt.CheckState.Unchecked)
    assert model.current.detection.classes == tuple(name for name in labels if name not in ("class 3", "class 70"))
    editor.findChild(QPushButton).click()
    assert model.current.detection.classes == ()


def test_all_classes_are_ticked_when_nothing_is_filtered(panel: SettingsPanel, model: SettingsModel) -> None:
    items = [panel.classes.list.item(row) for row in range(3)]
    assert all(item.checkState() == Qt.CheckState.Checked for item in items)
    items[0].setCheckState(Qt.CheckState.Unchecked)
    assert model.current.detection.classes == ("person", "dog")
    items[0].setCheckState(Qt.CheckState.Checked)
    assert model.current.detection.classes == (), "all of them are no filter, also for the next model"


def test_the_last_class_stays_ticked_and_says_why(panel: SettingsPanel, model: SettingsModel) -> None:
    model.set("detection", "classes", ("dog",))
    dog = panel.classes.list.item(2)
    dog.setCheckState(Qt.CheckState.Unchecked)
    assert dog.checkState() == Qt.CheckState.Checked
    assert model.current.detection.classes == ("dog",)
    assert panel.classes.hint.isVisible()


def test_the_link_of_a_row_shows_its_class_alone_and_then_all(
    panel: SettingsPanel, model: SettingsModel, qtbot: QtBot
) -> None:
    rows = panel.classes.list
    for chosen in (("person",), ()):
        qtbot.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=rows.link_rect(1).center())
        assert model.current.detection.classes == chosen
    rows.setCurrentRow(2)
    for chosen in (("dog",), ()):
        qtbot.keyClick(rows, Qt.Key.Key_Return)
        assert model.current.detection.classes == chosen


def test_classes_in_view_come_first_with_their_counts(panel: SettingsPanel) -> None:
    labels = tuple(f"class {index}" for index in range(80))
    panel.set_classes(labels)
    editor = panel.classes
    panel.set_counts({70: 2, 5: 1})
    assert _rows(editor)[:3] == ["class 5", "class 70", "class 0"]
    assert [editor.list.item(row).data(COUNT) for row in range(3)] == [1, 2, 0]
    assert editor.list.item(1).data(Qt.ItemDataRole.AccessibleTextRole) == "class 70, 2 in view"
    panel.set_counts({5: 1})
    assert _rows(editor)[1] == "class 70", "one that flickers keeps its place"
    for _ in range(10):
        panel.set_counts({5: 1})
    assert _rows(editor)[:2] == ["class 5", "class 0"]
    editor.list.setFocus()
    panel.set_counts({60: 1})
    assert _rows(editor)[:2] == ["class 5", "class 0"], "nothing moves under the keyboard"


def test_few_classes_keep_their_order(panel: SettingsPanel) -> None:
    panel.set_counts({2: 1})
    assert _rows(panel.classes) == ["car", "person", "dog"]


def test_words_of_a_search_do_not_outlive_the_search_field(panel: SettingsPanel) -> None:
    editor = panel.editors["detection", "classes"]
    assert isinstance(editor, ClassFilter)
    panel.set_classes(tuple(f"class {index}" for index in range(80)))
    editor.search.setText("class 7")
    panel.set_classes(("person", "vehicle"))
    assert not any(editor.list.item(row).isHidden() for row in range(2))


@pytest.mark.parametrize("beside", [True, False])
def test_a_click_on_a_class_ticks_it_once(
    panel: SettingsPanel, model: SettingsModel, qtbot: QtBot, beside: bool
) -> None:
    panel.set_classes(("person", "vehicle"))
    panel.show()
    editor = panel.editors["detection", "classes"]
    assert isinstance(editor, ClassFilter)
    row = editor.list.visualItemRect(editor.list.item(1))
    where = QPoint(row.left() + (90 if beside else 14), row.center().y())
    for chosen in (("person",), ()):
        qtbot.mouseClick(editor.list.viewport(), Qt.MouseButton.LeftButton, pos=where)
        assert model.current.detection.classes == chosen


def test_unknown_stored_choice_stays(qtbot: QtBot) -> None:
    editor = make_editor(SettingInfo("Model", "Which.", dynamic="models"), "gone")
    qtbot.addWidget(editor)
    assert isinstance(editor, ChoiceEditor)
    editor.set_choices((("demo", "demo"),))
    assert editor.combo.currentData() == "gone"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_numbers_never_leave_their_limits(model: SettingsModel, value: float) -> None:
    for name in ("threshold", "iou"):
        model.set("detection", name, value)
        assert 0.0 <= model.value("detection", name) <= 1.0
    model.set("detection", "max_detections", int(value))
    assert 1 <= model.value("detection", "max_detections") <= 1000
    assert isinstance(model.value("detection", "max_detections"), int)


def test_unknown_setting_is_an_error() -> None:
    with pytest.raises(KeyError):
        setting_info(Settings(), "detection", "nonsense")


def test_saving_waits_for_a_pause_and_writes_the_last_state(qtbot: QtBot) -> None:
    written: list[Settings] = []
    threads: list[threading.Thread] = []

    def save(value: Settings) -> None:
        threads.append(threading.current_thread())
        written.append(value)

    background = Background()
    model = SettingsModel(Settings(), save, background)
    for step in range(50):
        model.set("detection", "threshold", step / 100)
    assert written == []
    qtbot.waitUntil(lambda: bool(written))
    qtbot.waitUntil(lambda: not background.busy)
    assert [value.detection.threshold for value in written] == [0.49]
    assert threads[0] is not threading.main_thread()
    model.flush()
    assert len(written) == 1, "nothing changed since"
    model.set("detection", "threshold", 0.1)
    model.flush()
    assert written[-1].detection.threshold == 0.1
    background.close()


def test_remembered_sources_are_newest_first_without_repeats(model: SettingsModel) -> None:
    for number in range(12):
        model.remember_source(f"/{number}")
    model.remember_source("/5")
    recent = model.current.source.recent
    assert recent[:3] == ("/5", "/11", "/10")
    assert len(recent) == len(set(recent)) == 10


def test_a_camera_rate_that_is_left_alone_says_so(preferences: Preferences, model: SettingsModel) -> None:
    editor = preferences.editors["source", "fps"]
    assert isinstance(editor, NumberEditor)
    assert editor.spin.text() == "Auto"
    editor.spin.setValue(30)
    assert editor.spin.text() == "30 fps"
    assert model.current.source.fps == 30
