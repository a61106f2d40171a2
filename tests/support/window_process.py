"""The real program in a process of its own, with something done to its window from inside once that is up."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
_PROGRAM = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
import app.ui.main
from app.cli import program

build = app.ui.main.build_window

def act(window):
{act}

def built(*arguments):
    window = build(*arguments)
    QTimer.singleShot(0, window, lambda: act(window))
    return window

app.ui.main.build_window = built
if __name__ == "__main__":
    program()
"""


def start(act: str, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start it.

    Args:
        act: Statements, run with ``window`` when the event loop begins.
        arguments: Of the command line.
        environment: Added to this process's.
    """
    code = _PROGRAM.format(act=textwrap.indent(textwrap.dedent(act).strip(), "    "))
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    act: str, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Start it and wait for its end, not for ever."""
    with start(act, *arguments, environment=environment) as process:
        try:
            out, err = process.communicate(timeout=PATIENCE_S)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
