"""Trying a packaged program: what works is told, what does not is named. Programs stand in for the executable."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from tools.package.try_bundle import main, packed_megabytes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
Capture = pytest.CaptureFixture[str]


def _bundle(folder: Path, script: str) -> Path:
    folder.mkdir()
    program = folder / "ssd-viewer"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return folder


def test_a_program_that_works_is_used(tmp_path: Path, repository: Path, capsys: Capture) -> None:
    script = f'PYTHONPATH={shlex.quote(str(repository))} exec {shlex.quote(sys.executable)} -m app "$@"'
    bundle = _bundle(tmp_path / "ssd viewer", script)
    assert main([str(bundle), "--only", "evaluate", "--starts", "0"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("0.0 MB on disk\n[ ok ] evaluate, ")
    assert out.endswith("mAP 1.000\n")


def test_a_program_that_fails_is_told_with_its_words(tmp_path: Path, capsys: Capture) -> None:
    script = "echo '[ ok ] av: 18'; echo '[FAIL] export: no sound'; echo 'Does not work here.' >&2; exit 1"
    parts = ["--only", "self-test", "--only", "window", "--starts", "1"]
    assert main([str(_bundle(tmp_path / "bundle", script)), *parts]) == 1
    out, err = capsys.readouterr()
    assert "[FAIL] self-test, " in out
    assert "--self-test ended with 1: [FAIL] export: no sound Does not work here." in out
    assert "the window did not play the clip: Does not work here." in out
    assert err == "Does not work: self-test, window.\n"


def test_where_there_is_no_program(tmp_path: Path, capsys: Capture) -> None:
    assert main([str(tmp_path)]) == 1
    assert "`make bundle` makes one" in capsys.readouterr().err


def test_the_packed_size_is_that_of_an_archive(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path / "bundle", "true")
    (bundle / "noise").write_bytes(bytes(range(256)) * 4000)
    assert 0.0 < packed_megabytes(bundle) < 0.1
