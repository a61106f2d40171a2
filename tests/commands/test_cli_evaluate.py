"""`evaluate`: the promised JSON and table, of a model and of detections; wrong usage and hopeless data are one line."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.cli import evaluate
from detector.evaluation.results import COCO_NUMBERS
from tests.support.command_line import Capture, check_one_line, install_fake_model, run
from tests.support.evaluation_data import coco_dicts, pycocotools_says, random_case
from tools.fixtures.data_sets import write_year


@pytest.fixture
def year(tmp_path: Path) -> Path:
    """Two images of 200 x 100 pixels; one car of two is where the fake model sees it. A dog nobody finds."""
    things = [("car", (41.0, 21.0, 161.0, 81.0), False)]
    other = [("car", (1.0, 1.0, 20.0, 20.0), False), ("dog", (100.0, 5.0, 120.0, 20.0), False)]
    root = write_year(tmp_path / "VOC2007", {"000001": things, "000002": other}, size=(200, 100))
    for stem in ("000001", "000002"):
        cv2.imwrite(str(root / "JPEGImages" / f"{stem}.jpg"), np.zeros((100, 200, 3), np.uint8))
    return root


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model "fake" in the library."""
    install_fake_model(monkeypatch)


def test_a_model_gives_the_promised_json(capsys: Capture, fake_model: None, year: Path) -> None:
    code, out, err = run(capsys, "evaluate", "--model", "fake", "--data", year, "--metric", "voc", "--json", "-")
    assert code == 0
    result = json.loads(out)
    assert result.pop("seconds") > 0
    assert result == {
        "metric": "voc",
        "map": pytest.approx(0.25),
        "per_class": {"car": pytest.approx(0.5), "dog": 0.0},
        "images": 2,
        "threshold": 0.5,
        "at_threshold": {"precision": 0.5, "recall": pytest.approx(1 / 3), "f1": pytest.approx(0.4)},
        "subject": "fake",
        "device": "cpu",
        "data": str(year),
        "format": "voc",
        "split": "test",
        "objects": {"car": 2, "dog": 1},
        "detections": {"car": 2, "dog": 0},
        "notes": ["Classes of the model that are not among those measured, not counted: person."],
    }
    check_one_line(err, "not among those measured, not counted: person")


def test_the_table_is_for_people(capsys: Capture, fake_model: None, year: Path, tmp_path: Path) -> None:
    code, out, _ = run(
        capsys,
        "evaluate",
        "--model",
        "fake",
        "--data",
        year,
        "--format",
        "voc",
        "--split",
        "test",
        "--map",
        "person=dog",
    )
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "fake on VOC test, 2 images; VOC 2007, eleven points, overlap 0.5"
    assert [line.split() for line in lines[2:5]] == [
        ["class", "AP", "objects", "detections"],
        ["car", "0.5455", "2", "2"],
        ["dog", "0.0000", "1", "2"],
    ]
    assert "mAP  0.2727" in lines
    assert run(capsys, "evaluate", "--model", "fake", "--data", year, "--quiet", "--json", tmp_path / "r.json") == (
        0,
        "",
        "",
    )
    assert json.loads((tmp_path / "r.json").read_text())["metric"] == "voc07"


def test_what_is_saved_scores_the_same_without_the_model(
    capsys: Capture, fake_model: None, year: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "found.json"
    _, first, _ = run(capsys, "evaluate", "--model", "fake", "--data", year, "--save", saved, "--json", "-")
    code, second, _ = run(capsys, "evaluate", "--detections", saved, "--data", year, "--json", "-")
    assert code == 0
    assert json.loads(second)["per_class"] == json.loads(first)["per_class"]
    assert json.loads(second)["device"] is None


def test_coco_detections_give_the_twelve_numbers(capsys: Capture, tmp_path: Path) -> None:
    truth, results = coco_dicts(random_case(7, images=10, things=40, found=200))
    (tmp_path / "instances_val2017.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text(json.dumps(results))
    code, out, _ = run(capsys, "evaluate", "--detections", tmp_path / "results.json", "--data", tmp_path, "--json", "-")
    assert code == 0
    said = json.loads(out)
    expected, _ = pycocotools_says(truth, results)
    assert [said["map"], *(said[name] for name in COCO_NUMBERS[1:])] == expected
    assert set(said["per_class"]) == {f"class {n}" for n in range(6)}
    _, out, _ = run(capsys, "evaluate", "--detections", tmp_path / "results.json", "--data", tmp_path)
    assert f"AP50   {expected[1]:.4f}  precision, overlap 0.50" in out
    code, out, _ = run(
        capsys, "evaluate", "--detections", tmp_path / "results.json", "--data", tmp_path, "--classes", "class 2",
        "--metric", "voc07", "--limit", "3", "--json", "-",
    )  # fmt: skip
    assert (code, list(json.loads(out)["per_class"]), json.loads(out)["images"]) == (0, ["class 2"], 3)


def test_numbers_that_are_none_are_null(capsys: Capture, tmp_path: Path) -> None:
    root = write_year(tmp_path / "year", {"000001": [("cat", (1, 1, 9, 9), True)]})
    (tmp_path / "comp4_det_test_cat.txt").write_text("")
    code, out, _ = run(capsys, "evaluate", "--detections", tmp_path, "--data", root, "--json", "-")
    assert code == 0
    assert (json.loads(out)["map"], json.loads(out)["per_class"]) == (None, {"cat": None})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "."], "nothing to measure"),
        (["--model", "fake"], "required"),
        (["--model", "fake", "--data", "/nowhere"], "/nowhere does not exist"),
        (["--model", "fake", "--detections", ".", "--data", "."], "--model has no effect"),
        (["--detections", ".", "--data", ".", "--threshold", "0.5"], "--threshold has no effect"),
        (["--detections", ".", "--data", ".", "--store-threshold"], "needs a model"),
        (["--model", "fake", "--data", ".", "--recommend", "--threshold", "0.5"], "hides"),
        (["--detections", "/nowhere", "--data", "."], "/nowhere does not exist"),
        (["--model", "fake", "--data", ".", "--map", "car"], "OWN=DATA"),
        (["--model", "fake", "--data", ".", "--limit", "0"], "limit must be"),
        (["--model", "fake", "--data", ".", "--save", "x.txt"], "writes a .json file"),
        (["--model", "fake", "--data", ".", "--metric", "mAP"], "invalid choice"),
    ],
)
def test_wrong_usage_is_one_line_and_two(capsys: Capture, fake_model: None, arguments: list[str], words: str) -> None:
    code, out, err = run(capsys, "evaluate", *arguments)
    assert (code, out) == (2, "")
    check_one_line(err, words)


def test_what_cannot_be_measured_is_one_line_and_one(
    capsys: Capture, fake_model: None, year: Path, tmp_path: Path
) -> None:
    unknown = ("evaluate", "--model", "fake", "--data", year, "--classes", "unicorn")
    for arguments, words in (
        ((*unknown,), "no class 'unicorn'"),
        (("evaluate", "--model", "fake", "--data", tmp_path / "VOC2007" / "JPEGImages"), "no VOC and no COCO data"),
        (("evaluate", "--model", "fake", "--data", year, "--split", "val"), "no split 'val'"),
        (("evaluate", "--model", "fake", "--data", year, "--save", tmp_path / "gone" / "x.json"), "does not exist"),
    ):
        code, _, err = run(capsys, *arguments)
        assert code == 1
        check_one_line(err.splitlines()[-1] + "\n", words)


def test_inputs_are_never_overwritten(capsys: Capture, tmp_path: Path) -> None:
    truth, results = coco_dicts(random_case(7, images=4, things=10, found=20))
    truths, found = tmp_path / "instances_val2017.json", tmp_path / "results.json"
    truths.write_text(json.dumps(truth))
    found.write_text(json.dumps(results))
    for flag, target in (("--save", found), ("--json", truths), ("--save", truths)):
        code, _, err = run(capsys, "evaluate", "--detections", found, "--data", tmp_path, flag, target)
        assert code == 1
        check_one_line(err, "never overwritten")
    assert json.loads(truths.read_text()) == truth
    assert json.loads(found.read_text()) == results


def test_the_bar_shows_how_far_it_is(capsys: Capture) -> None:
    with evaluate.EvaluationBar("fake", 3, shown=True) as bar:
        bar.show(1, 2)
        bar.show(2, 2)
        assert (bar._bar.n, bar._bar.total) == (2, 2)  # tqdm's own: what it draws depends on the clock
    assert "fake" in capsys.readouterr().err
