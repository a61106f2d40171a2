"""`detect`: exactly the promised JSON, the rest goes on, and no input is ever touched."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.command_line import Capture, check_one_line, install_fake_model, run, write_photos
from tools.fixtures.coded_images import coded_image


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model "fake" in the library; whatever is opened is it."""
    install_fake_model(monkeypatch)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Two readable images and, between them, a broken one."""
    return write_photos(tmp_path / "photos")


def test_detect_gives_exactly_the_promised_json(capsys: Capture, fake_model: None, photos: list[Path]) -> None:
    code, out, err = run(capsys, "detect", photos[0], "--model", "fake", "--json", "-")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert result == {
        "model": "fake",
        "device": "cpu",
        "precision": "fp32",
        "threshold": 0.5,
        "images": [
            {
                "path": str(photos[0]),
                "width": 200,
                "height": 100,
                "detections": [
                    {"label": "car", "class_id": 0, "score": 0.9, "box": [40.0, 20.0, 160.0, 80.0]},
                    {"label": "person", "class_id": 1, "score": 0.6, "box": [20.0, 60.000004, 60.000004, 90.0]},
                ],
            }
        ],
    }


def test_an_empty_folder_does_not_keep_the_rest_from_being_done(
    capsys: Capture, fake_model: None, photos: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    code, out, err = run(capsys, "detect", tmp_path / "empty", photos[0], "--model", "fake")
    assert code == 1
    check_one_line(err, "The folder empty holds no images")
    assert "a.png: 2 objects" in out


def test_detect_reports_what_it_cannot_read_and_does_the_rest(
    capsys: Capture, fake_model: None, photos: list[Path], tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    output = tmp_path / "copies"
    code, out, err = run(capsys, "detect", *photos, "--model", "fake", "--output", output, "--json", result)
    assert code == 1
    check_one_line(err, "broken.jpg is not a readable image")
    assert [Path(i["path"]).name for i in json.loads(result.read_text())["images"]] == ["a.png", "é b.jpg"]
    assert "a.png: 2 objects" in out
    assert sorted(path.name for path in output.iterdir()) == ["a.annotated.png", "é b.annotated.jpg"]
    copy = cv2.imdecode(np.frombuffer((output / "a.annotated.png").read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert copy is not None
    assert np.any(copy != coded_image(0, (200, 100)))


def test_detect_takes_a_folder_and_never_touches_its_images(
    capsys: Capture, fake_model: None, photos: list[Path]
) -> None:
    before = {path: path.read_bytes() for path in photos}
    assert run(capsys, "detect", photos[0].parent, "--model", "fake", "--output", photos[0].parent)[0] == 1
    assert {path: path.read_bytes() for path in photos} == before
    assert run(capsys, "detect", photos[0], "--model", "fake", "--json", photos[0])[0] == 1
    assert photos[0].read_bytes() == before[photos[0]]


def test_two_images_of_one_name_give_two_copies(
    capsys: Capture, fake_model: None, photos: list[Path], tmp_path: Path
) -> None:
    twin = tmp_path / "other" / "a.png"
    twin.parent.mkdir()
    twin.write_bytes(photos[0].read_bytes())
    assert run(capsys, "detect", photos[0], twin, "--model", "fake", "--output", tmp_path / "o")[0] == 0
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["a.annotated (2).png", "a.annotated.png"]


def test_quiet_says_nothing(capsys: Capture, fake_model: None, photos: list[Path]) -> None:
    assert run(capsys, "detect", photos[0], "--model", "fake", "--quiet") == (0, "", "")


def test_a_result_that_cannot_be_written_is_one_line(
    capsys: Capture, fake_model: None, photos: list[Path], tmp_path: Path
) -> None:
    code, _, err = run(capsys, "detect", photos[0], "--model", "fake", "--json", tmp_path / "gone" / "x.json")
    assert code == 1
    check_one_line(err, "does not exist")


def test_a_demo_says_that_it_is_one(capsys: Capture, tmp_path: Path) -> None:
    image = tmp_path / "grey.png"
    cv2.imwrite(str(image), np.full((32, 32, 3), 128, np.uint8))
    code, _, err = run(capsys, "detect", image, "--model", "demo")
    assert code == 0
    check_one_line(err, "drawn shapes only", "--model")
    assert run(capsys, "detect", image, "--model", "demo", "--quiet") == (0, "", "")
