"""Opens and uses the window in another process, so that a crash or hang there stays there.

That process (``app.ui.self_test``) plays the sample clip and writes its findings to a file. It is killed if it takes
too long. Without a display it draws into memory.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.core.system_libraries import missing_library, package_hint
from app.lab.self_test.checks import Check

CHILD_FLAG, STARTED_FLAG = "--window-child", "--started"
TOO_LONG_S = 90.0
_MAX_OUTPUT = 300  # characters quoted from the end of a process's output


def window() -> Iterator[Check]:
    """Checks that the window shows the sample clip with boxes."""
    yield look(TOO_LONG_S)


def look(too_long_s: float) -> Check:
    """Opens the window, waits for at most ``too_long_s``."""
    environment = shown_on(os.environ)
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "app"]
    with TemporaryDirectory(prefix="ssd-viewer-self-test-", ignore_cleanup_errors=True) as folder:
        answer = Path(folder, "window.json")
        try:
            done = subprocess.run(
                [*program, "self-test", CHILD_FLAG, str(answer), STARTED_FLAG, repr(time.time())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                env=environment,
                timeout=too_long_s,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            said = late.stderr.decode("utf-8", "replace") if isinstance(late.stderr, bytes) else late.stderr or ""
            return Check("window", False, _with_text(f"not done after {too_long_s:.0f} s, and stopped", said))
        except OSError as error:
            return Check("window", False, f"did not start: {error.strerror}")
        seen = _read(answer)
    if seen is not None and seen.get("failure"):
        return Check("window", False, str(seen["failure"]))
    if seen is None or done.returncode:
        return Check("window", False, _with_text(_ending(done.returncode), done.stderr))
    return Check("window", True, words(seen))


def shown_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment for the window: offscreen on Linux without a display."""
    asked = any(environment.get(name) for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"))
    here = {} if asked or not sys.platform.startswith("linux") else {"QT_QPA_PLATFORM": "offscreen"}
    return {**environment, **here}


def words(seen: Mapping[str, Any]) -> str:
    """Describes the findings of the other process."""
    return (
        f"Qt {seen['qt']} on {seen['platform']}: up after {seen['window_s']:.2f} s, "
        f"first detection after {seen['detection_s']:.2f} s, {seen['frames']} frames shown, "
        f"{seen['objects']} objects in the last; closed in {seen['closed_s']:.2f} s"
    )


def _read(answer: Path) -> dict[str, Any] | None:
    try:
        seen = json.loads(answer.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return seen if isinstance(seen, dict) else None


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


def _with_text(what: str, said: str) -> str:
    library = missing_library(said)
    if library:
        return " ".join(filter(None, (f"{library} is missing.", package_hint(said))))
    last = " ".join(said.split())[-_MAX_OUTPUT:]
    return f"{what}: {last}" if last else what
