"""``evaluate --report --plots``: written where asked, refused before any work where it could not be."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.command_line import Capture, check_one_line, run
from tests.support.report_page import read_page


@pytest.fixture
def data(tmp_path: Path) -> list[str | Path]:
    """A COCO set of two images, and detections: one right, one of the wrong class."""
    (tmp_path / "images").mkdir()
    for name in ("1.jpg", "2.jpg"):
        content = cv2.imencode(".jpg", np.full((120, 160, 3), 90, np.uint8))[1]
        (tmp_path / "images" / name).write_bytes(content.tobytes())
    truth = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 160, "height": 120} for n in (1, 2)],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 7, "bbox": [20, 20, 80, 60], "area": 4800, "iscrowd": 0}
            for n in (1, 2)
        ],
        "categories": [{"id": 7, "name": "dog"}, {"id": 9, "name": "cat"}],
    }
    found = [
        {"image_id": 1, "category_id": 7, "bbox": [20, 20, 80, 60], "score": 0.9},
        {"image_id": 2, "category_id": 9, "bbox": [20, 20, 80, 60], "score": 0.45},
    ]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps(found))
    return ["--data", tmp_path / "truth.json", "--detections", tmp_path / "found.json"]


def test_a_report_and_plots_lie_where_they_were_asked_for(
    capsys: Capture, tmp_path: Path, data: list[str | Path]
) -> None:
    page, plots = tmp_path / "out.html", tmp_path / "a" / "b"
    options = ("--report", page, "--plots", plots, "--plot-format", "svg", "--shown", "0.4")
    code, out, _ = run(capsys, "evaluate", *data, *options)
    assert code == 0
    assert f"Report: {page}" in out
    assert f"Plots: 4 files in {plots}" in out
    assert {path.suffix for path in plots.iterdir()} == {".svg"}
    report = read_page(page.read_text(encoding="utf-8"))
    assert list(report.sections) == ["Taken for another class (1)"]
    assert report.sections["Taken for another class (1)"][0].tags() == ["dog", "cat 0.45"]


def test_with_json_on_stdout_nothing_else_is_there(capsys: Capture, tmp_path: Path, data: list[str | Path]) -> None:
    code, out, _ = run(capsys, "evaluate", *data, "--report", tmp_path / "out.html", "--json", "-")
    assert code == 0
    assert json.loads(out)["metric"] == "coco"
    assert list(read_page((tmp_path / "out.html").read_text(encoding="utf-8")).sections) == ["Missed (1)"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--plot-format", "svg"), "no effect"),
        (("--report", "nowhere/out.html"), "does not exist"),
        (("--plots", "found.json"), "is a file"),
        (("--report", "truth.json"), "never overwritten"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line_before_any_work(
    capsys: Capture,
    tmp_path: Path,
    data: list[str | Path],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(capsys, "evaluate", *data, *options)
    assert code in (1, 2)
    assert out == ""
    check_one_line(err, said)
    assert sorted(tmp_path.rglob("*")) == before
