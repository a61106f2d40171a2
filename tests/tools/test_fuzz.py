"""Readers of untrusted files against damaged ones: a short run of what ``python -m tools.fuzz`` does at length."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from detector.errors import DetectorError
from tools.fuzz.evaluation import EVALUATION_TARGETS
from tools.fuzz.mutations import damage
from tools.fuzz.run import Report, Target, run, save_findings
from tools.fuzz.targets import TARGETS

INPUTS = {
    "caffe-import": 100,
    "caffe-graph": 100,
    "tfjs-import": 100,
    "export": 60,
    "openvino-survival": 60,
    **dict.fromkeys(EVALUATION_TARGETS, 300),
}


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_every_damaged_file_gives_a_result_or_one_line(name: str, tmp_path: Path) -> None:
    inputs = INPUTS.get(name, 600)
    report = run(TARGETS[name](), inputs, seed=1, folder=tmp_path, slow_s=60)
    assert report.findings == {}
    assert report.refused > min(50, inputs // 8)


@pytest.mark.parametrize("name", sorted(set(TARGETS) - {"caffe-import", "tfjs-import"}))
def test_whole_files_are_read(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]()
    whole = Target(target.suffix, target.read, target.seeds, (lambda content, _random: content,))
    assert run(whole, 20, seed=0, folder=tmp_path, slow_s=60).accepted == 20


class Clock:
    """Goes on when told to, not by itself: how long a busy machine takes proves nothing."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


def test_what_goes_wrong_is_found_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("tools.fuzz.run.time", clock)

    def faulty(path: Path) -> None:
        content = path.read_bytes()
        if content.startswith(b"A"):
            raise DetectorError("plain")
        if content.startswith(b"B"):
            raise DetectorError("two\nlines")
        if content.startswith(b"C"):
            raise KeyError("c")
        if content.startswith(b"D"):
            clock.now_s += 2.0

    target = Target(".x", faulty, (b"A", b"B", b"C", b"D", b"E"), (lambda content, _random: content,))
    report = run(target, 60, seed=0, folder=tmp_path, slow_s=1.0)
    assert report.refused > 0
    assert report.accepted > 0
    kinds = {content: fault.split(" ")[0] for fault, content in report.findings.items()}
    assert kinds == {b"B": "a", b"C": "KeyError", b"D": "slow"}
    lines = save_findings(report, tmp_path / "found", ".x")
    assert {path.read_bytes() for path in (tmp_path / "found").iterdir()} == set(kinds)
    assert all(".x: " in line for line in lines)
    assert save_findings(Report(), tmp_path / "none", ".x") == []
    assert not (tmp_path / "none").exists()


def test_damage_is_the_same_for_the_same_seed_and_other_for_another() -> None:
    content = bytes(range(200))
    inputs = [damage(content, Random(seed)) for seed in range(50)]
    assert inputs == [damage(content, Random(seed)) for seed in range(50)]
    assert len(set(inputs)) > 45
    assert damage(b"", Random(0)) is not None
