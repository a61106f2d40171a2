"""`models optimise` as it is typed: the table, the JSON, what can be missing. The work itself is tested elsewhere."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import app.core.optimise.run
from app.core.model_cards import speeds_of
from app.core.models import user_library
from detector.model_file import ModelEntry
from detector.runtime import openvino_runtime
from detector.runtime.calibrate import Frames
from detector.runtime.format_measurements import MeasuredFormat, Optimised
from detector.runtime.other_process import WorkStoppedError
from detector.runtime.quantise import OptimisedModel, Places
from detector.spec import Int8
from detector.weights import describe_anew
from tests.support.command_line import Capture, check_one_line, run
from tests.support.tiny_models import save_random

DONE = Optimised(
    "2026-11-22",
    "NNCF 3.4.0",
    "street.mp4",
    160,
    80,
    321,
    0.5,
    (MeasuredFormat("fp32", 10.0), MeasuredFormat("bf16", 18.0, None, None), MeasuredFormat("int8", 26.0, 0.988, 0.01)),
)


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> list[Frames]:
    """NNCF's work is done at once; the images it would have had are kept."""
    seen: list[Frames] = []

    def quantise(
        entry: ModelEntry,
        given: Frames,
        _places: Places,
        on_step: Callable[[str, int, int], None],
        _stop: threading.Event,
        *,
        keep_ranges: bool,
    ) -> OptimisedModel:
        seen.append(given)
        on_step("calibrate", 1, 2)
        assert not keep_ranges
        return OptimisedModel(entry, DONE)

    monkeypatch.setattr(app.core.optimise.run, "quantise", quantise)
    return seen


def test_the_table_says_what_is_gained_and_lost(capsys: Capture, frames: list[Frames], repository: Path) -> None:
    code, out, err = run(capsys, "models", "optimise", "demo", "--calibrate", repository / "assets" / "demo.mp4")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()[1:4]] == [
        ["fp32", "10.0", "-", "-"],
        ["bf16", "18.0", "-", "-"],
        ["int8", "26.0", "98.80%", "0.0100"],
    ]
    assert "321 objects that fp32 finds with a score of at least 0.50 in 80 images (street.mp4)" in out
    assert "--precision auto: int8 is used: 2.6 times as fast" in out
    assert frames[0].source == "demo.mp4"
    path = user_library().find("demo").path
    assert path is not None
    assert [(speed.precision, speed.frames_per_s) for speed in speeds_of(path)] == [
        ("fp32", 10.0),
        ("bf16", 18.0),
        ("int8", 26.0),
    ]


def test_the_result_for_programs(capsys: Capture, frames: list[Frames], repository: Path) -> None:
    clip = repository / "assets" / "demo.mp4"
    code, out, _ = run(capsys, "models", "optimise", "demo", "--calibrate", clip, "--json", "-")
    result = json.loads(out)
    assert code == 0
    assert (result["model"], result["auto"], result["agreement_asked_for"]) == ("demo", "int8", 0.97)
    assert result["formats"][2] == {
        "precision": "int8",
        "frames_per_s": 26.0,
        "agreement": 0.988,
        "score_difference": 0.01,
    }


def test_info_shows_what_was_measured(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(run(capsys, "models", "info", "demo", "--json", "-")[1])["optimised"] is None
    monkeypatch.setattr("detector.runtime.format_measurements.read_optimised", lambda _model, _cache: DONE)
    out = run(capsys, "models", "info", "demo")[1]
    assert "optimised: 2026-11-22; in agreement with fp32 on 80 images (street.mp4): int8 98.8%; auto is int8" in out


def test_info_tells_what_the_models_file_says_of_int8(capsys: Capture, tmp_path: Path) -> None:
    spec = save_random(tmp_path / "m.safetensors")
    int8 = Int8({"images": (-1.0, 1.0)}, "trying", "photographs", 20, 10, 33, 0.5, 0.991)
    describe_anew(tmp_path / "m.safetensors", replace(spec, int8=int8))
    told = json.loads(run(capsys, "models", "info", tmp_path / "m.safetensors", "--json", "-")[1])["int8"]
    assert (told["agreement"], told["objects"]) == (0.991, 33)
    assert "ranges" not in told
    out = run(capsys, "models", "info", tmp_path / "m.safetensors")[1]
    assert "int8: 99.1% in agreement with fp32 on 10 images (photographs)" in out
    save_random(tmp_path / "plain.safetensors")
    assert json.loads(run(capsys, "models", "info", tmp_path / "plain.safetensors", "--json", "-")[1])["int8"] is None


def test_without_openvino_it_says_what_to_install(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_runtime, "is_installed", lambda: False)
    code, _, err = run(capsys, "models", "optimise", "demo")
    assert code == 1
    check_one_line(err, "needs OpenVINO", "pip install")


def test_images_that_are_none_are_a_line(capsys: Capture, frames: list[Frames], tmp_path: Path) -> None:
    code, _, err = run(capsys, "models", "optimise", "demo", "--calibrate", tmp_path)
    assert code == 1
    check_one_line(err, "holds no images")
    assert frames == []


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to itself")
def test_ctrl_c_ends_with_130_and_changes_nothing(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def optimise(_entry: ModelEntry, _source: Path | None, _show: object, stop: threading.Event) -> OptimisedModel:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(60)
        raise WorkStoppedError("It was stopped.")

    monkeypatch.setattr(app.core.optimise.run, "optimise", optimise)
    code, _, err = run(capsys, "models", "optimise", "demo")
    assert code == 130
    check_one_line(err, "Interrupted. Nothing was changed.")
