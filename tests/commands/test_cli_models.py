"""`models` and `cameras`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.core.paths import models_dir, settings_file, speeds_file
from app.core.settings_store import load_settings
from app.core.speeds import MeasuredSpeed, record_speed
from detector.bundled_files import default_model
from tests.support.command_line import Capture, check_one_line, install_fake_model, run, write_photos
from tests.support.model_files import put_model
from tests.support.shared_data import shared
from tests.support.tiny_models import save_random


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model "fake" in the library; whatever is opened is it."""
    install_fake_model(monkeypatch)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Two readable images and, between them, a broken one."""
    return write_photos(tmp_path / "photos")


def test_models_are_listed_explained_imported_and_removed(capsys: Capture) -> None:
    file = shared("weights/ultraface/version-slim-320.pth")
    assert run(capsys, "models", "import", file, "--name", "faces", "--quiet") == (0, "", "")
    code, out, _ = run(capsys, "models", "--json", "-", "list")
    listed = {model["name"]: model for model in json.loads(out)["models"]}
    assert code == 0
    assert listed["faces"]["status"] == "imported"
    assert listed["faces"]["size_bytes"] > 1_000_000
    assert listed["ssd300-vgg16-coco"]["status"] == "not downloaded"
    code, out, _ = run(capsys, "models", "info", "faces")
    assert code == 0
    assert "labels: face" in out
    code, _, err = run(capsys, "models", "import", file, "--name", "faces")
    assert code == 1
    check_one_line(err, "already")
    assert run(capsys, "models", "remove", "faces")[0] == 0
    code, _, err = run(capsys, "models", "remove", "faces")
    assert code == 1
    check_one_line(err, "no model faces")


def test_a_model_is_renamed_chosen_and_the_choice_follows_it(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    save_random(file)
    assert run(capsys, "models", "import", file, "--name", "mine", "--quiet") == (0, "", "")
    assert run(capsys, "models", "default", "mine") == (0, "The window starts with mine.\n", "")
    assert load_settings(settings_file())[0].model.name == "mine"
    assert run(capsys, "models", "rename", "mine", "street") == (0, "mine is called street now.\n", "")
    assert load_settings(settings_file())[0].model.name == "street"
    code, _, err = run(capsys, "models", "rename", "street", "demo")
    assert code == 1
    check_one_line(err, "already")
    code, out, _ = run(capsys, "models", "--json", "-", "default", file)
    assert (code, json.loads(out)) == (0, {"default": str(file)})
    assert run(capsys, "models", "default", "street")[0] == 0
    assert run(capsys, "models", "remove", "street")[0] == 0
    assert load_settings(settings_file())[0].model.name == default_model(), "what is gone is not started with"
    code, _, err = run(capsys, "models", "default", "street")
    assert code == 1
    check_one_line(err, "no model street")


def test_who_detects_a_dog_and_how_fast_it_was_here(capsys: Capture, tmp_path: Path) -> None:
    put_model(models_dir(), "pets", ("cat", "dog"))
    record_speed(
        speeds_file(),
        models_dir() / "pets.safetensors",
        MeasuredSpeed(34.25, "openvino", "cpu", "fp32", "2026-11-22"),
    )
    (models_dir() / "torn.safetensors").write_bytes(b"torn")
    _, out, _ = run(capsys, "models", "--json", "-", "list", "--detects", "Dog")
    names = [model["name"] for model in json.loads(out)["models"]]
    assert "pets" in names
    assert "ssd300-vgg16-coco" in names
    assert not {"demo", "torn", "ultraface-slim-320"} & set(names)
    _, out, _ = run(capsys, "models", "info", "pets")
    assert "speed here: 34.2 frames/s on cpu (openvino, fp32), 2026-11-22" in out
    _, out, _ = run(capsys, "models", "--json", "-", "info", "ssd300-vgg16-coco")
    assert json.loads(out)["speed_here"] == []


def test_a_known_model_without_weights_says_how_to_get_them(capsys: Capture, photos: list[Path]) -> None:
    code, _, err = run(capsys, "detect", photos[0], "--model", "ssd300-vgg16-coco")
    assert code == 1
    check_one_line(err, "not on this computer")
    code, out, _ = run(capsys, "models", "info", "ultraface-slim-320")
    assert code == 0
    assert "how to get" in out


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"not a model", "x.pth"), (b"", "x.safetensors"), (b"<html>", "x.xml"), (b"\x80\x04.", "x.pth")],
)
def test_a_file_that_is_no_model_is_refused_in_one_line(
    capsys: Capture, tmp_path: Path, content: bytes, name: str
) -> None:
    (tmp_path / name).write_bytes(content)
    code, _, err = run(capsys, "models", "import", tmp_path / name, "--name", "mine")
    assert code == 1
    check_one_line(err)


def test_cameras(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.core.sources import cameras

    found = [cameras.CameraInfo(0, "Front Cam", "usb-front", 200, ("1280x720 30 fps",))]
    monkeypatch.setattr(cameras, "list_cameras", lambda **_: found)
    code, out, _ = run(capsys, "cameras")
    assert code == 0
    assert [line.split("  ") for line in out.splitlines()[1:2]] == [["0", "Front Cam", "usb-front"]]
    assert out.splitlines()[2].strip() == "1280x720 30 fps"
    _, out, _ = run(capsys, "cameras", "--json", "-")
    assert json.loads(out)["cameras"] == [
        {"index": 0, "name": "Front Cam", "stable_id": "usb-front", "formats": ["1280x720 30 fps"]}
    ]
    found.clear()
    assert run(capsys, "cameras") == (0, "No camera is connected.\n", "")
