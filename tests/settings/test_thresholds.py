"""One threshold a model: whose value counts, what is remembered, and what the window does when the model changes."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from app.cli import models
from app.cli.options import add_detection_flags, with_own_limits
from app.core.live.events import ModelLoading, ModelReady
from app.core.model_cards import ModelCard
from app.core.paths import settings_file
from app.core.settings import ChosenSettings, DetectionSettings, ModelSettings, Settings
from app.core.settings_store import from_dict, load_settings, save_settings, to_dict
from app.core.thresholds import (
    COMMON,
    COMMON_IOU,
    ModelThreshold,
    iou_for,
    renamed,
    threshold_for,
    with_choice,
    without_choice,
)
from app.ui.models.model_facts import fact_rows
from app.ui.services.background import Background
from app.ui.services.settings_model import SettingsModel
from app.ui.settings.settings_panel import SettingsPanel
from detector.library import ModelLibrary
from detector.spec import InputSpec, ModelSpec
from tests.support.command_line import run
from tests.support.model_files import put_model
from tests.support.qt_fakes import SPEC, desk

SCORES = st.floats(0.0, 1.0)


@given(st.none() | SCORES, st.none() | SCORES, st.none() | SCORES)
def test_what_was_asked_goes_before_what_was_chosen_before_the_models_own(
    own: float | None, chosen: float | None, asked: float | None
) -> None:
    value = threshold_for(own, chosen, asked)
    if asked is not None:
        assert value == asked
    elif chosen is not None:
        assert value == chosen
    else:
        assert value == (COMMON if own is None else own)


def test_choices_are_kept_by_model_and_the_last_ones_stay() -> None:
    chosen: dict[str, float] = {}
    for number in range(150):
        chosen = with_choice(chosen, f"model {number}", number / 150)
    assert len(chosen) == 100
    assert list(chosen)[-1] == "model 149"
    chosen = with_choice(chosen, "model 60", 0.5)
    assert list(chosen)[-1] == "model 60"
    assert "model 60" not in without_choice(chosen, "model 60")
    assert renamed({"a": 0.1, "b": 0.2}, "a", "b") == {"b": 0.1}
    assert renamed({"b": 0.2}, "a", "b") == {}


@pytest.mark.parametrize(
    ("asked", "own", "in_force"), [([], 0.3, 0.3), (["--iou", "0.6"], 0.3, 0.6), ([], None, COMMON_IOU)]
)
def test_the_command_line_takes_a_models_own_limit_unless_it_says_another(
    asked: list[str], own: float | None, in_force: float
) -> None:
    parser = argparse.ArgumentParser()
    add_detection_flags(parser)
    options = parser.parse_args(asked)
    assert with_own_limits(DetectionSettings(), options, None, own).iou == in_force


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_threshold_of_old_becomes_the_choice_for_the_model_that_was_in_use() -> None:
    settings, problems = from_dict({"model": {"name": "faces"}, "detection": {"threshold": 0.31}})
    assert problems == []
    assert settings.chosen.thresholds == {"faces": 0.31}


def test_a_class_filter_of_old_becomes_the_choice_for_the_model_that_was_in_use() -> None:
    old = {"model": {"name": "faces"}, "detection": {"classes": ["face"]}, "chosen": {"thresholds": {"cars": 0.2}}}
    settings, problems = from_dict(old)
    assert problems == []
    assert settings.chosen == ChosenSettings({"cars": 0.2}, {"faces": ("face",)})
    new = {**old, "chosen": {"classes": {}}}
    assert from_dict(new)[0].chosen.classes == {}


def test_a_limit_of_overlaps_of_old_becomes_the_choice_for_the_model_that_was_in_use() -> None:
    settings, problems = from_dict({"model": {"name": "faces"}, "detection": {"iou": 0.6}, "chosen": {"classes": {}}})
    assert problems == []
    assert settings.chosen.ious == {"faces": 0.6}
    assert from_dict({"detection": {"iou": COMMON_IOU}})[0].chosen.ious == {}, "the common one was nobody's choice"
    assert from_dict({"detection": {"iou": 0.6}, "chosen": {"ious": {}}})[0].chosen.ious == {}


def test_the_common_threshold_of_old_was_nobodys_choice() -> None:
    assert from_dict({"detection": {"threshold": 0.5}})[0].chosen.thresholds == {}
    assert from_dict({"detection": {"threshold": "low"}})[0].chosen.thresholds == {}


def test_a_new_file_is_not_taken_for_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    settings = replace(Settings(), detection=DetectionSettings(threshold=0.38))
    save_settings(path, settings)
    assert load_settings(path) == (settings, [])
    settings = replace(settings, chosen=ChosenSettings({"faces": 0.2, "/a/b.safetensors": 1.0}))
    save_settings(path, settings)
    assert load_settings(path) == (settings, [])


@pytest.mark.parametrize("wrong", [[0.5], {"faces": "low"}, {"faces": None}, {f"m{n}": 0.5 for n in range(101)}])
def test_a_damaged_table_is_replaced_and_reported(wrong: object) -> None:
    settings, problems = from_dict({"chosen": {"thresholds": wrong}})
    assert settings.chosen.thresholds == {}
    assert len(problems) == 1
    assert "chosen.thresholds" in problems[0]


def test_a_value_out_of_range_is_brought_within() -> None:
    settings, problems = from_dict({"chosen": {"thresholds": {"faces": 7, "other": 0.25}}})
    assert settings.chosen.thresholds == {"faces": 1.0, "other": 0.25}
    assert len(problems) == 1


# -- the window's settings ---------------------------------------------------------------------------------------------


@pytest.fixture
def model(qtbot: QtBot) -> SettingsModel:
    made = SettingsModel(replace(Settings(), model=ModelSettings(name="first")), None, Background())
    made.know_thresholds({"first": 0.38, "second": 0.62, "third": None})
    return made


def test_a_models_own_limit_of_overlaps_holds_until_it_is_moved(model: SettingsModel) -> None:
    assert iou_for(None) == model.current.detection.iou == COMMON_IOU
    told: list[str] = []
    model.changed.connect(lambda _section, name: told.append(name))
    model.know_ious({"first": 0.3, "second": 0.55, "third": COMMON_IOU})
    assert model.current.detection.iou == 0.3
    model.set("model", "name", "second")
    assert model.current.detection.iou == 0.55
    model.set("detection", "iou", 0.7)
    assert model.iou_of("second") == ModelThreshold(0.7, 0.55)
    model.set("model", "name", "first")
    assert model.current.detection.iou == 0.3, "the choice is the other's"
    assert told.count("iou") == 4
    model.rename_model("second", "cars")
    assert model.iou_of("cars") == ModelThreshold(0.7, 0.55)
    model.set("model", "name", "cars")
    model.reset("detection", ("iou",))
    assert model.current.detection.iou == 0.55
    assert model.current.chosen.ious == {}
    model.set("detection", "iou", 0.2)
    model.forget_model("cars")
    assert model.current.detection.iou == COMMON_IOU, "nothing is known of who comes under that name"


def test_another_model_brings_its_threshold_and_a_choice_holds_for_its_model(model: SettingsModel) -> None:
    told: list[float] = []

    def changed(section: str, name: str) -> None:
        if name == "threshold":
            told.append(model.value(section, name))

    model.changed.connect(changed)
    assert model.current.detection.threshold == 0.38
    model.set("model", "name", "second")
    model.set("detection", "threshold", 0.7)
    model.set("model", "name", "third")
    model.set("model", "name", "first")
    model.set("model", "name", "second")
    assert told == [0.62, 0.7, 0.5, 0.38, 0.7]
    assert model.current.chosen.thresholds == {"second": 0.7}
    model.reset("detection", ("threshold",))
    assert model.current.detection.threshold == 0.62
    assert model.current.chosen.thresholds == {}
    assert from_dict(json.loads(json.dumps(to_dict(model.current))))[0] == model.current


def test_a_class_filter_holds_for_the_model_it_was_set_for(model: SettingsModel) -> None:
    told: list[tuple[str, ...]] = []

    def changed(_section: str, name: str) -> None:
        if name == "classes":
            told.append(model.current.detection.classes)

    model.changed.connect(changed)
    model.set("detection", "classes", ("vehicle",))
    model.set("model", "name", "second")
    assert model.current.detection.classes == ()
    assert model.classes_of("first") == ("vehicle",)
    model.rename_model("first", "best")
    model.set("model", "name", "best")
    assert told == [("vehicle",), (), ("vehicle",)]
    assert from_dict(json.loads(json.dumps(to_dict(model.current))))[0] == model.current
    model.reset("detection", ["classes"])
    assert model.current.detection.classes == ()
    assert model.current.chosen.classes == {}


def test_what_is_asked_for_a_run_wins_until_something_is_chosen(model: SettingsModel) -> None:
    model.ask_threshold(0.2)
    model.set("model", "name", "second")
    assert model.current.detection.threshold == 0.2
    assert model.current.chosen.thresholds == {}
    model.set("detection", "threshold", 0.3)
    model.set("model", "name", "first")
    assert model.current.detection.threshold == 0.38
    model.ask_threshold(0.2)
    model.reset("detection", ("threshold",))
    assert model.current.detection.threshold == 0.38


def test_a_model_that_is_renamed_keeps_what_was_chosen(model: SettingsModel) -> None:
    model.set("detection", "threshold", 0.3)
    model.rename_model("first", "best")
    assert model.current.model.name == "best"
    assert model.threshold_of("best") == ModelThreshold(0.3, 0.38)
    assert model.threshold_of("first").value == 0.38


def test_what_was_chosen_for_a_model_goes_with_it(model: SettingsModel) -> None:
    model.set("detection", "threshold", 0.3)
    model.set("model", "name", "second")
    model.forget_model("first")
    assert model.current.chosen.thresholds == {}
    model.know_thresholds({"first": 0.8})
    model.set("model", "name", "first")
    assert model.current.detection.threshold == 0.8


def test_settings_written_with_another_value_follow_the_model_at_once() -> None:
    stale = replace(Settings(), detection=DetectionSettings(threshold=0.9), chosen=ChosenSettings({"other": 0.1}))
    assert SettingsModel(stale, None, Background()).current.detection.threshold == COMMON


def test_the_slider_marks_what_the_model_recommends(qtbot: QtBot, model: SettingsModel) -> None:
    panel = SettingsPanel(model)
    qtbot.addWidget(panel)
    panel.show()
    slider = panel.threshold.slider
    assert (slider.mark, slider.value()) == (38, 38)
    assert "Recommended for first: 0.38" in slider.accessibleDescription()
    slider.setValue(50)
    assert slider.mark == 38
    model.set("model", "name", "second")
    assert (slider.mark, slider.value()) == (62, 62)
    model.set("model", "name", "third")
    assert [slider.mark, slider.value()] == [None, 50]
    model.know_thresholds({"third": 0.5})
    assert slider.mark == 50
    at = slider.mark_x()
    assert at is not None
    slider.setValue(50)
    assert abs(at - slider.width() / 2) <= 2


def test_a_model_that_comes_up_brings_its_threshold_to_the_session_and_the_frame(qtbot: QtBot, tmp_path: Path) -> None:
    with desk(qtbot, tmp_path, replace(Settings(), model=ModelSettings(name="demo"))) as table:
        session = table.open()
        assert table.settings.current.detection.threshold == COMMON
        spec = ModelSpec("demo", "ssd-vgg16", SPEC.labels, InputSpec(300, 300), threshold=0.27)
        session.on_event(ModelLoading("demo"))
        session.on_event(ModelReady(spec, "torch_cpu", "cpu", "fp32", (), 0.1))
        qtbot.waitUntil(lambda: table.settings.current.detection.threshold == 0.27)
        assert session.calls[-1] == ("set_threshold", 0.27)


def test_what_is_known_of_a_model_tells_what_it_recommends() -> None:
    spec = ModelSpec("best", "ssd-vgg16", SPEC.labels, InputSpec(300, 300), threshold=0.384)
    assert fact_rows(ModelCard("best", "imported", spec), date(2026, 1, 1))["Threshold"] == "0.38 is recommended"
    none = replace(spec, threshold=None)
    assert "Threshold" not in fact_rows(ModelCard("best", "imported", none), date(2026, 1, 1))


def test_a_model_renamed_on_the_command_line_takes_its_choice_along(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_model(tmp_path / "models", "first")
    monkeypatch.setattr(models, "user_library", lambda: ModelLibrary(tmp_path / "models", tmp_path / "none"))
    save_settings(settings_file(), replace(Settings(), chosen=ChosenSettings({"first": 0.2, "other": 0.3})))
    assert run(capsys, "models", "rename", "first", "second")[0] == 0
    assert load_settings(settings_file())[0].chosen.thresholds == {"second": 0.2, "other": 0.3}
