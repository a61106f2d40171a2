"""The threshold on the command line: the model's own unless one is asked for, said in results, measured and stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.bundled_files import bundled_dir
from detector.errors import DetectorError
from detector.graph_spec import GraphSpec
from detector.model_file import IR_BIN, IR_SPEC, IR_XML, ModelEntry, open_file
from detector.spec_json import spec_from_json, spec_to_json
from detector.stored_threshold import refuse_fixed, store_threshold
from detector.weights import load_spec
from tests.support.command_line import Capture, check_one_line, install_fake_model, run
from tests.support.media import make_video
from tests.support.model_files import described, put_model
from tools.fixtures.data_sets import Thing, write_year


@pytest.fixture
def year(tmp_path: Path) -> Path:
    """The fake model finds the one car of the first image, and nothing that is there in the second."""
    things: dict[str, Sequence[Thing]] = {
        "000001": [("car", (41.0, 21.0, 161.0, 81.0), False)],
        "000002": [("car", (1.0, 1.0, 20.0, 20.0), False)],
    }
    root = write_year(tmp_path / "VOC2007", things, size=(200, 100))
    for stem in things:
        cv2.imwrite(str(root / "JPEGImages" / f"{stem}.jpg"), np.zeros((100, 200, 3), np.uint8))
    return root


# Found in every image: a car at 0.9, a person at 0.6; a second car, at 0.55, is suppressed.
@pytest.mark.parametrize(
    ("own", "asked", "threshold", "objects"),
    [
        (None, (), 0.5, 2),
        (0.7, (), 0.7, 1),
        (0.7, ("--threshold", "0.3"), 0.3, 2),
        (0.3, ("--threshold", "0.95"), 0.95, 0),
    ],
)
def test_a_model_brings_its_threshold_and_the_flag_wins(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    own: float | None,
    asked: tuple[str, ...],
    threshold: float,
    objects: int,
) -> None:
    install_fake_model(monkeypatch, threshold=own)
    image = tmp_path / "grey.png"
    cv2.imwrite(str(image), np.full((90, 160, 3), 128, np.uint8))
    code, out, _ = run(capsys, "detect", image, "--model", "fake", "--json", "-", *asked)
    result = json.loads(out)
    assert (code, result["threshold"], len(result["images"][0]["detections"])) == (0, threshold, objects)
    assert result["precision"] == "fp32"
    _, out, _ = run(capsys, "detect", image, "--model", "fake", *asked)
    assert out.splitlines()[-1].endswith(f"fake on cpu, fp32, threshold {threshold:.2f}")
    video = make_video(tmp_path / "in.mp4", frames=4)
    code, out, _ = run(capsys, "annotate", video, "--model", "fake", "--json", "-", *asked)
    result = json.loads(out)
    assert (code, result["threshold"], result["videos"][0]["detections"]) == (0, threshold, 4 * objects)
    _, out, _ = run(capsys, "annotate", video, "--model", "fake", "-o", tmp_path / "two.mp4", *asked)
    assert f"threshold {threshold:.2f}" in out
    code, out, _ = run(capsys, "annotate", video, "--from-cache", "-o", tmp_path / "k.mp4", "--json", "-", *asked)
    result = json.loads(out)
    assert (code, result["threshold"], result["videos"][0]["detections"]) == (0, threshold, 4 * objects)


def test_help_says_whose_threshold_it_is(capsys: Capture) -> None:
    for command in ("detect", "annotate"):
        assert "the model's own, else 0.5" in " ".join(run(capsys, command, "--help")[1].split())


def test_an_evaluation_tells_of_the_models_own_threshold(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, year: Path
) -> None:
    install_fake_model(monkeypatch, threshold=0.95)
    result = json.loads(run(capsys, "evaluate", "--model", "fake", "--data", year, "--json", "-")[1])
    assert (result["threshold"], result["at_threshold"]) == (0.95, {"precision": 0.0, "recall": 0.0, "f1": 0.0})
    assert "recommended" not in result
    again = run(capsys, "evaluate", "--model", "fake", "--data", year, "--shown", "0.9", "--json", "-")[1]
    assert json.loads(again)["at_threshold"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5}


def test_a_threshold_is_recommended_and_stored_in_the_models_file(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, year: Path, tmp_path: Path
) -> None:
    path = put_model(tmp_path / "models", "fake")
    before = path.read_bytes()
    install_fake_model(monkeypatch, path)
    asked = ("evaluate", "--model", "fake", "--data", year, "--limit", "1")
    code, out, _ = run(capsys, *asked, "--recommend", "--json", "-")
    best = {"threshold": 0.9, "precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert (code, json.loads(out)["recommended"]) == (0, best)
    assert path.read_bytes() == before
    code, out, _ = run(capsys, *asked, "--store-threshold")
    assert code == 0
    assert "Recommended threshold 0.90: precision 1.000, recall 1.000, F1 1.000" in out
    assert out.splitlines()[-1] == f"Stored 0.90 in {path}"
    assert load_spec(path).threshold == 0.9
    assert path.read_bytes()[-16:] == before[-16:], "the weights are the same"


def test_what_is_wrong_too_often_gets_no_threshold(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, year: Path, tmp_path: Path
) -> None:
    path = put_model(tmp_path / "models", "fake")
    install_fake_model(monkeypatch, path)
    code, out, err = run(capsys, "evaluate", "--model", "fake", "--data", year, "--store-threshold")
    assert code == 1
    assert "Recommended threshold: none" in out
    assert "F1 is best at 0.90: precision 0.500, recall 0.500" in out
    check_one_line(err.splitlines()[-1] + "\n", "none was stored")
    assert load_spec(path).threshold is None


def test_a_file_that_is_not_to_be_changed_is_refused_before_any_work(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, year: Path, tmp_path: Path
) -> None:
    path = put_model(tmp_path / "models", "fake")
    asked = ("evaluate", "--model", "fake", "--data", year, "--store-threshold")
    install_fake_model(monkeypatch, path, bundled=True)
    code, out, err = run(capsys, *asked)
    assert (code, out) == (2, "")
    check_one_line(err, "came with the program")
    for name in ("voc", "demo"):
        if (bundled_dir() / f"{name}.safetensors").is_file():
            with pytest.raises(DetectorError, match="came with the program"):
                refuse_fixed(open_file(bundled_dir() / f"{name}.safetensors"))
    monkeypatch.undo()
    install_fake_model(monkeypatch, path)
    path.chmod(0o444)
    code, out, err = run(capsys, *asked)
    assert (code, out) == (2, "")
    check_one_line(err, "read-only")
    assert load_spec(path).threshold is None


def test_a_model_in_a_folder_keeps_it_in_its_description(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    for name in (IR_XML, IR_BIN):
        (folder / name).write_bytes(b"x")
    spec = described("net", architecture="graph", config=None, graph=GraphSpec("detection-output"))
    (folder / IR_SPEC).write_text(spec_to_json(spec))
    store_threshold(ModelEntry("net", spec, folder, False), 0.41)
    assert spec_from_json((folder / IR_SPEC).read_text()).threshold == 0.41
    assert sorted(file.name for file in folder.iterdir()) == sorted((IR_BIN, IR_SPEC, IR_XML))
    with pytest.raises(DetectorError, match="no description of its own"):
        refuse_fixed(ModelEntry("net", spec, folder / IR_XML, False))


def test_a_link_to_a_model_stays_one(tmp_path: Path) -> None:
    path = put_model(tmp_path / "elsewhere", "real")
    link = tmp_path / "link.safetensors"
    link.symlink_to(path)
    store_threshold(ModelEntry("link", load_spec(path), link, False), 0.3)
    assert link.is_symlink()
    assert load_spec(path).threshold == 0.3


def test_the_facts_of_a_model_tell_its_threshold(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_model(monkeypatch, threshold=0.38)
    assert json.loads(run(capsys, "models", "info", "fake", "--json", "-")[1])["threshold"] == 0.38
    assert "threshold: 0.38" in run(capsys, "models", "info", "fake")[1].splitlines()
