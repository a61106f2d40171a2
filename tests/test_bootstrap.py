"""``make run`` without a screen annotates the sample and says what to type; ``make test`` has parts side by side."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
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


_LANES = """
import os, sys
from tools import bootstrap

bootstrap.PATIENCE_S = 0.1
lanes = [[([sys.executable, "-c", code], dict(os.environ)) for code in lane] for lane in {lanes!r}]
sys.exit(bootstrap.side_by_side(lanes))
"""


def _start(lanes: list[list[str]], repository: Path) -> subprocess.Popen[str]:
    """Parts in Python, in a process group of their own as from a terminal."""
    return subprocess.Popen(
        [sys.executable, "-c", _LANES.format(lanes=lanes)],
        cwd=repository, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


@pytest.mark.skipif(os.cpu_count() == 1, reason="on one core the parts run in turn")
def test_parts_run_at_the_same_time_and_are_shown_one_after_another(tmp_path: Path, repository: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    os.mkfifo(there)
    os.mkfifo(back)
    # Each waits for the other in the middle of what it says.
    first = f"print(1, flush=True); open({str(there)!r}).read(); open({str(back)!r}, 'w').close(); print(2)"
    second = f"print(3, flush=True); open({str(there)!r}, 'w').close(); open({str(back)!r}).read(); print(4)"
    with _start([[first], [second, "print(5)"]], repository) as process:
        assert process.communicate(timeout=60)[0].split() == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (["", ""], 0),
        (["", "raise SystemExit(5)"], 5),
        (["raise SystemExit(3)", "raise SystemExit(5)"], 3),
        (["import os; os.abort()", ""], 1),
    ],
)
def test_a_part_that_fails_fails_all_and_keeps_none_from_running(parts: list[str], code: int, repository: Path) -> None:
    with _start([[part, "print('ran')"] for part in parts], repository) as process:
        said = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == code
    assert said.count("ran") == 2
    assert len([line for line in said if "killed by signal 6" in line]) == sum("abort" in part for part in parts)


@pytest.mark.parametrize("to_all", [True, False], ids=["from a terminal", "to the first process alone"])
def test_ctrl_c_ends_all_parts_and_starts_no_more(to_all: bool, tmp_path: Path, repository: Path) -> None:
    path = tmp_path / "running"
    os.mkfifo(path)
    part = f"import signal; pipe = open({str(path)!r}, 'w', buffering=1); print('here', file=pipe); signal.pause()"
    with _start([[part, "print('ran')"], [part, "print('ran')"]], repository) as process, path.open() as running:
        lanes = min(2, os.cpu_count() or 1)
        assert [running.readline() for _ in range(lanes)] == ["here\n"] * lanes
        (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
        assert running.read() == "", "a pipe ends when nobody is left to write"
        assert "ran" not in process.communicate(timeout=60)[0].splitlines()
    assert process.returncode > 0
