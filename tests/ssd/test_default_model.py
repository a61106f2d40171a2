"""Which model runs where nobody chose one: ``everyday`` where it is in the box, else the demo; a choice stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.core.models import user_library, with_model_here
from app.core.paths import settings_file
from app.core.settings import ModelSettings, Settings
from app.core.settings_store import load_settings, save_settings
from app.ui.commands import sample_clip
from detector.bundled_files import default_model
from detector.model_file import ModelEntry
from detector.runtime import open as runtime_open
from tests.support.box import use_box
from tests.support.command_line import Capture, check_one_line, run
from tests.support.model_files import put_model
from tests.support.qt_fakes import VIDEO, desk
from tests.support.steady_detector import FakeDetector


def _opened(entry: ModelEntry, *_args: object, **_kwargs: object) -> FakeDetector:
    """A detector that costs nothing."""
    made = FakeDetector()
    made.spec = entry.spec
    return made


BOTH = pytest.mark.parametrize(("everyday", "name"), [(False, "demo"), (True, "everyday")])


@BOTH
def test_the_best_model_in_the_box_is_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, everyday: bool, name: str
) -> None:
    use_box(monkeypatch, tmp_path / "box", everyday=everyday)
    assert default_model() == ModelSettings().name == Settings().model.name == name
    assert load_settings(settings_file()) == (Settings(), [])
    bundled = [entry.name for entry in user_library().list() if entry.bundled]
    assert bundled == (["everyday", "demo"] if everyday else ["demo"]), "a demo comes last"


@BOTH
def test_who_chose_the_demo_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, everyday: bool, name: str
) -> None:
    use_box(monkeypatch, tmp_path / "box", everyday=everyday)
    save_settings(settings_file(), replace(Settings(), model=ModelSettings(name="demo", device="cpu")))
    assert load_settings(settings_file())[0].model == ModelSettings(name="demo", device="cpu")
    settings_file().write_text(json.dumps({"model": {"device": "cpu"}}))
    assert load_settings(settings_file())[0].model == ModelSettings(name=name, device="cpu")


@BOTH
def test_a_model_that_is_no_more_gives_way_to_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, everyday: bool, name: str
) -> None:
    use_box(monkeypatch, tmp_path / "box", everyday=everyday)
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text(json.dumps({"model": {"name": "voc", "device": "cpu"}, "detection": {"threshold": 0.3}}))
    before, problems = load_settings(settings_file())
    assert problems == []
    settings, lines = with_model_here(before)
    assert settings == replace(before, model=ModelSettings(name=name, device="cpu"))
    assert len(lines) == 1
    assert "voc" in lines[0]
    assert name in lines[0]
    kept = put_model(user_library().user_dir, "voc")
    assert with_model_here(before) == (before, []), "one of the user's own of that name"
    elsewhere = replace(before, model=ModelSettings(name=str(kept)))
    assert with_model_here(elsewhere) == (elsewhere, []), "a file opened by its path"
    kept.write_bytes(b"damaged")
    assert with_model_here(before) == (before, []), "a broken one says itself what is wrong"


@BOTH
def test_the_command_line_uses_it_and_says_if_it_is_a_demo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture, everyday: bool, name: str
) -> None:
    use_box(monkeypatch, tmp_path / "box", everyday=everyday)
    monkeypatch.setattr(runtime_open, "open_detector", _opened)
    image = tmp_path / "grey.png"
    cv2.imwrite(str(image), np.full((32, 32, 3), 128, np.uint8))
    code, out, err = run(capsys, "detect", image, "--json", "-")
    assert (code, json.loads(out)["model"]) == (0, name)
    if everyday:
        assert err == ""
    else:
        check_one_line(err, "drawn shapes only", "--model")
    assert f"(default: {name})" in " ".join(run(capsys, "detect", "--help")[1].split())


@BOTH
@pytest.mark.parametrize("chosen", ["", "demo"])
def test_the_sample_is_shown_by_the_demo_and_changes_no_choice(
    monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, tmp_path: Path, everyday: bool, name: str, chosen: str
) -> None:
    use_box(monkeypatch, tmp_path / "box", everyday=everyday)
    begun = Settings(model=ModelSettings(name=chosen or name))
    with desk(qtbot, tmp_path, begun) as table:
        assert table.settings.current.model.name == (chosen or name)
        table.window.actions_by_name["sample"].trigger()
        table.session.open_as(VIDEO)
        qtbot.waitUntil(lambda: table.controller.info is VIDEO)
        assert table.session.calls[0][1:2] == (str(sample_clip()),)
        assert table.session.calls[0][3] == ModelSettings(name="demo")
        table.settings.set("overlay", "fill", 20.0)
        table.settings.flush()
        assert table.saved[-1].model.name == (chosen or name), "a crash now must not leave the demo chosen"
        table.open(VIDEO, "/films/street.mp4")
        assert table.settings.current.model.name == (chosen or name)
        started = [call for call in table.session.calls if call[0] == "start"]
        assert started[-1][3] == ModelSettings(name=chosen or name)


def test_a_model_chosen_while_the_sample_plays_stays(
    monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, tmp_path: Path
) -> None:
    use_box(monkeypatch, tmp_path / "box", everyday=True)
    with desk(qtbot, tmp_path) as table:
        table.window.actions_by_name["sample"].trigger()
        table.settings.set("model", "name", "demo")  # chosen on purpose, though it runs already
        table.controller.close_source()
        assert table.settings.current.model.name == "demo"
        table.settings.flush()
        assert table.saved[-1].model.name == "demo"
        table.window.actions_by_name["sample"].trigger()
        table.settings.set("model", "name", "everyday")
        table.controller.close_source()
        assert table.settings.current.model.name == "everyday"
