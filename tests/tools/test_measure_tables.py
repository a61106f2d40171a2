"""The script that fills the tables of docs/performance.md: what it writes, and that every table has its place."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.cli.bench import prepare
from app.core.sources.video import VideoReader
from app.lab.bench.bench_report import as_json
from tests.support.bench_report import REPORT
from tools.measure import tables

EXPORT = {
    "video_s": 60.0,
    "frames": 1800,
    "width": 1280,
    "height": 720,
    "device": "cpu",
    "precision": "int8",
    "encoder": "libx264",
    "steps_frames_per_s": {"decode": 600.0, "detect": 25.0, "paint": 2000.0, "encode": 150.0, "write": 140.0},
    "frames_per_s": 22.5,
    "cpu_ms_per_frame": {"decode": 2.0, "detect": 80, "paint": 0.4, "encode": 8, "write": 8.4, "whole": 88},
    "share_of_slowest_step": 0.9,
    "share_of_possible": 0.97,
}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The page before anything was measured; the table of GPUs is another tool's (``tools.gpu.first_run``)."""
    path = tmp_path / "page.md"
    shown = tables.PAGE.read_text(encoding="utf-8")
    blank = "\\1\nNot measured yet: `tables --only \\2`\n\n\\3"
    path.write_text(
        re.sub(r"(<!-- table (?!card)(\S+) -->\n).*?(<!-- end of \2 -->)", blank, shown, flags=re.DOTALL),
        encoding="utf-8",
    )
    return path


def answered(monkeypatch: pytest.MonkeyPatch, content: dict[str, Any] | None) -> list[list[str]]:
    """Instead of measuring, every command answers with ``content``, or fails; they are kept."""
    asked: list[list[str]] = []

    def run(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        assert (cwd / "app" / "__main__.py").is_file()
        asked.append(command)
        if content is None:
            return subprocess.CompletedProcess(command, 1, "", "ssd-viewer: It broke.\n")
        if "--json" in command:
            Path(command[-1]).write_text(json.dumps(content), encoding="utf-8")
        return subprocess.CompletedProcess(command, 0, "painting 1 ms\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_every_table_is_written_to_its_place(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = answered(monkeypatch, {**as_json(REPORT), "export": EXPORT})
    video = tmp_path / "mine.mp4"
    video.write_bytes(b"")
    assert tables.main(["--page", str(page), "--video", str(video), "--export-seconds", "600"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "Not measured yet" not in text
    assert "| ssd-viewer cpu int8 | typical | 1 | 25.0 | 40.00 | 74.00 | 7.50 | 93% | 180 | 97.0% |" in text
    assert "| ssd-viewer cpu int8 | typical | 0.70 | 39.00 | 0.50 |" in text
    assert "| **the export, all at once** | **22.5** |" in text
    assert "--source VIDEO --export 600" in text
    assert str(tmp_path) not in text
    assert "painting 1 ms" in text
    assert len(asked) == len(tables.TABLES) + 1
    before = text.count("\n")
    tables.main(["--page", str(page), "--video", str(video), "--export-seconds", "600"])
    assert page.read_text(encoding="utf-8").count("\n") == before


def test_a_table_that_cannot_be_made_says_why(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, None)
    tables.main(["--page", str(page), "--only", "everyday"])
    text = page.read_text(encoding="utf-8")
    assert "Not measured: It broke." in text
    assert "tables --only loads" in text  # left alone
    with pytest.raises(ValueError, match="no place for the table nonsense"):
        tables.put(page, "nonsense", [])


def test_what_happens_to_one_table_is_no_matter_to_the_others(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = answered(monkeypatch, {**as_json(REPORT), "export": {}})
    run = subprocess.run

    def sometimes(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if "ssd512-vgg16-coco" in command:
            raise subprocess.TimeoutExpired(command, options["timeout"])
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", sometimes)
    monkeypatch.setattr(tables, "drawn_video", lambda _folder: Path("drawn.mp4"))
    assert tables.main(["--page", str(page), "--seconds", "0"]) == 1
    text = page.read_text(encoding="utf-8")
    assert "Not measured: it takes longer than 15 minutes here." in text
    assert "KeyError: 'frames'" in capsys.readouterr().out  # of the exports
    assert text.count("Not measured yet") == 2
    assert "painting 1 ms" in text
    assert asked[0][-4:-2] == ["--seconds", "0"]


def test_its_commands_are_ones_that_bench_knows() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    prepare(parser)
    for table in tables.TABLES:
        parser.parse_args([each.format(video="v.mp4", seconds=60) for each in table.options])


def test_the_drawn_video_is_one(tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), grey, np.uint8) for grey in (40, 200)]
    reader = VideoReader(tables.drawn_video(tmp_path, 1, lambda: frames))
    try:
        shown = [float(image.image_bgr.mean()) for image in iter(reader.read_frame, None)]
    finally:
        reader.close()
    assert len(shown) == tables.VIDEO_FPS
    assert shown[:5] == pytest.approx([40, 200, 200, 40, 40], abs=12)
