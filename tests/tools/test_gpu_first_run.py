"""``tools.gpu.first_run`` rehearsed without a card: its parts, their limits, and the table it fills."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from detector.runtime.cuda_support import why_not_cuda
from tests.support.one_thread import one_thread
from tools.gpu import first_run
from tools.gpu.decoding import measure_decoding
from tools.gpu.first_parts import PARTS, REHEARSED, SIZES, measure_speed, measure_training
from tools.gpu.first_table import table_lines, write_table
from tools.gpu.support import Bench, random_models

_BARE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("av", "PySide6", "platformdirs", "openvino", "cv2_enumerate_cameras"):
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Blocked())
"""


@pytest.mark.timeout(300)
def test_it_is_rehearsed_with_little_installed(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_BARE, encoding="utf-8")  # in every part's process too
    page, out = tmp_path / "page.md", tmp_path / "out"
    page.write_text("<!-- table card -->\n<!-- end of card -->\n", encoding="utf-8")
    command = [sys.executable, "-m", "tools.gpu.first_run", "--rehearse", "--only", "accuracy", "decoding"]
    done = subprocess.run(
        [*command, "--out", str(out), "--page", str(page)],
        cwd=repository,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads((out / first_run.RESULT).read_text(encoding="utf-8"))
    assert list(content["parts"]) == ["card", "accuracy", "decoding"]
    assert content["parts"]["decoding"]["left out"] == "av is not here"
    assert content["failures"] == []
    assert content["parts"]["accuracy"]["rows"][0]["in_common"] > 0.9
    assert "raw outputs off by" in (out / first_run.LOG).read_text(encoding="utf-8")
    assert "one frame, p50 ms" in page.read_text(encoding="utf-8")


def test_without_a_card_it_says_so_and_leaves_the_rest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if not why_not_cuda(9):
        pytest.skip("ten GPUs here")
    assert first_run.main(["--device", "cuda:9", "--out", str(tmp_path)]) == 1
    assert "cuda:9 cannot be used: " in capfd.readouterr().out
    content = json.loads((tmp_path / first_run.RESULT).read_text(encoding="utf-8"))
    assert list(content["parts"]) == ["card"]
    assert len(content["failures"]) == 1


@pytest.mark.parametrize(
    ("program", "code"), [("import signal; print('begun'); signal.pause()", None), ("import os; os._exit(7)", 7)]
)
def test_a_part_that_hangs_or_dies_is_ended_and_told(program: str, code: int | None) -> None:
    log = io.StringIO()
    assert first_run._followed([sys.executable, "-u", "-c", program], 3.0 if code is None else 60.0, log) == code
    assert log.getvalue().splitlines() == (["begun"] if code is None else [])


def test_parts_of_their_own_run_without_a_card() -> None:
    with one_thread(), random_models(["ultraface-slim-320"], REHEARSED) as files:
        kept: list[int] = []
        bench = Bench("cpu", REHEARSED, files, lambda found: kept.append(len(found["rows"])))
        rows = measure_speed(bench, "ultraface-slim-320")["rows"]
        assert [row["batch"] for row in rows] == [1, 2]
        assert all(row["p95"] >= row["p50"] > 0 for row in rows)
        (row,) = measure_training(bench, "ultraface-slim-320")["rows"]
        assert row["steps_per_s"] > 0
        assert row["parts_ms"]["backward"] > 0
        assert kept == [1, 2, 1]  # as they come
        decoding = measure_decoding(bench, "ultraface-slim-320")
        (analysis,) = decoding["rows"]
        assert (analysis["frames_by"], analysis["frames"]) == ("cpu", 12)
        assert analysis["frames_per_s"] > 0
        assert decoding["failures"] == []


def test_it_stays_under_six_minutes_and_the_risky_comes_last() -> None:
    assert [part.name for part in PARTS][:3] == ["card", "accuracy", "speed"]
    assert PARTS[-1].name == "shortage"
    assert [len(part.sizes(SIZES).precisions) for part in PARTS[1:3]] == [2, 1]
    assert first_run._MINUTES < 6


def test_the_page_has_the_estimates_of_the_table(repository: Path, tmp_path: Path) -> None:
    text = (repository / "docs" / "performance.md").read_text(encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    write_table(page, {})
    if "H200, torch" not in text:  # not measured yet
        assert page.read_text(encoding="utf-8") == text
    found: dict[str, Any] = {
        "speed": {"rows": [{"batch": 1, "p50": 0.41}]},
        "card": {"gpu": "G", "torch": 2, "cuda": 1},
        "decoding": {
            "trial": {"host_fps": 800.0, "card_fps": 1500.5},
            "rows": [{"frames_by": "cpu", "frames_per_s": 700.0}, {"frames_by": "cuda", "frames_per_s": 1400.0}],
        },
    }
    lines = list(table_lines(found))
    assert any(line.startswith("| one frame, p50 ms |") and line.endswith("| 0.41 |") for line in lines)
    assert [line.rsplit("| ", 1)[1] for line in lines[-2:]] == ["800, 1500.5 |", "700, 1400 |"]
