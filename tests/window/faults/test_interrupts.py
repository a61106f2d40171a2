"""Signals close the window from Qt's loop, at no other time: real signals, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")

# Strikes in the midst of the Nth call of one of Qt's own callbacks, while the window is made, shown or laid out.
STRIKES = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite run in the background ignores it
from app.ui.main import run
from {module} import {name} as struck
calls, own = 0, struck.{callback}
def strike(self, *arguments):
    global calls
    calls += 1
    if calls == {nth}:
        os.kill(os.getpid(), signal.SIG{signal})
    return own(self, *arguments)
struck.{callback} = strike
raise SystemExit(run())
"""


@pytest.mark.parametrize(
    ("module", "name", "callback", "nth"),
    [
        ("app.ui.view.start_page", "StartPage", "resizeEvent", 1),
        ("app.ui.widgets.flow_layout", "FlowLayout", "heightForWidth", 4),
        ("app.ui.widgets.texts", "WrappedLabel", "heightForWidth", 2),
        ("app.ui.top_bar", "TopBar", "resizeEvent", 1),
    ],
)
@pytest.mark.parametrize(("signal", "code"), [("INT", 130), ("TERM", 143)])
def test_while_qt_lays_the_window_out(
    repository: Path, module: str, name: str, callback: str, nth: int, signal: str, code: int
) -> None:
    script = STRIKES.format(module=module, name=name, callback=callback, nth=nth, signal=signal)
    done = subprocess.run([sys.executable, "-c", script], cwd=repository, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (code, "")
