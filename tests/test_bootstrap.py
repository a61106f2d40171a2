"""``make run`` where there is no screen: the sample is annotated, and what to type next is said."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import Capture, run
from tools import bootstrap


def test_without_a_display_the_sample_is_annotated_and_real_commands_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    asked: list[list[str]] = []

    def done(command: list[object], **_options: object) -> subprocess.CompletedProcess[str]:
        asked.append([str(word) for word in command])
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr(bootstrap, "has_display", lambda: False)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap.subprocess, "run", done)
    assert bootstrap.run([]) == 0
    assert asked[0][2:5] == ["app", "annotate", str(tmp_path / "assets" / "demo.mp4")]
    assert asked[0][asked[0].index("--model") + 1] == "demo"
    monkeypatch.undo()
    said = capsys.readouterr().out
    advised = [shlex.split(words) for words in re.findall('ARGS="([^"]+)"', said)]
    assert {command[0] for command in advised} == {"annotate", "detect"}
    for command in advised:
        assert run(capsys, *command, "--help")[0] == 0
        code, _, err = run(capsys, *command)
        assert code == 1, "there is no such file, and nothing else is wrong"
        assert command[1] in err


def test_what_was_asked_for_runs_as_it_is(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    asked: list[list[str]] = []

    def failed(command: list[object], **_options: object) -> subprocess.CompletedProcess[str]:
        asked.append([str(word) for word in command])
        return subprocess.CompletedProcess([], 3)

    monkeypatch.setattr(bootstrap, "has_display", lambda: False)
    monkeypatch.setattr(bootstrap.subprocess, "run", failed)
    assert bootstrap.run(["cameras"]) == 3
    assert asked[0][1:] == ["-m", "app", "cameras"]
    assert bootstrap.run([]) == 3
    assert "make run" not in capsys.readouterr().out, "what failed is not praised"
