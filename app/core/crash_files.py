"""Reports of native crashes: a file that Python's faulthandler writes to while the process dies. No Qt; main thread.

Each run of the window has a file of its own in the folder of crash reports, locked as long as it runs. A run that
ends takes it away. One that is still there and not locked belongs to a run that was cut short: with nothing in it but
its first line (killed, or the power went) it is removed; with the stacks of a crash it is kept as a report, under
another name, by whoever finds it first. So a crash is offered once, however many windows start.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import platform
import sys
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app import __version__
from app.core.paths import crashes_dir
from detector.file_lock import open_locked

_log = logging.getLogger(__name__)
_RUNNING, _REPORT = "running-", "crash-"
_END_OF_HEAD = b"\n\n"
_MAX_BYTES = 200_000
_MAX_LOOKED_AT = 100
_MAX_KEPT = 10


@dataclass(frozen=True, slots=True)
class CrashReport:
    """The report of one crash.

    Attributes:
        path: Its file.
        text: Versions, and the Python stack of each thread.
    """

    path: Path
    text: str

    @property
    def cause(self) -> str:
        """The system's name for it, e.g. "Segmentation fault"."""
        for line in self.text.splitlines():
            for sign in ("Fatal Python error: ", "Windows fatal exception: "):
                if line.startswith(sign):
                    return line.removeprefix(sign).strip()
        return "unknown"


class CrashFile:
    """The file of this run; faulthandler writes to it from now on.

    Args:
        folder: Where it and the reports are; None for the user's.

    Raises:
        OSError: It cannot be written there.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or crashes_dir()
        folder.mkdir(parents=True, exist_ok=True)
        # Of a name that never was: two windows, or a process number that came round again, do not meet.
        self.path = folder / f"{_RUNNING}{os.getpid()}-{uuid.uuid4().hex[:12]}.txt"
        self._descriptor = open_locked(self.path)
        self._was_on = faulthandler.is_enabled()
        try:
            os.write(self._descriptor, _head() + _END_OF_HEAD)
            faulthandler.enable(self._descriptor, all_threads=True)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """The run ends, without a crash: nothing is left of it. Never raises."""
        faulthandler.disable()
        if self._was_on and sys.__stderr__ is not None:  # as the environment asked for
            with contextlib.suppress(OSError, ValueError):  # it is closed
                faulthandler.enable(sys.__stderr__)
        # Emptied first: between closing and removing, another start may look at it. Windows removes no open file.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
        with contextlib.suppress(OSError):
            self.path.unlink()


def begin_crash_file() -> CrashFile | None:
    """The file of this run; None where it cannot be written: the program runs without."""
    try:
        return CrashFile()
    except OSError as error:
        _log.info("a crash would leave no report: %s", error)
        return None


def new_reports(folder: Path | None = None) -> tuple[CrashReport, ...]:
    """Crashes nobody was told of yet, the newest first. From now on they count as told. Looks at the disk."""
    folder = folder or crashes_dir()
    found: list[CrashReport] = []
    with contextlib.suppress(OSError):
        left = sorted(folder.glob(f"{_RUNNING}*.txt"), key=_changed, reverse=True)
        for path in left[:_MAX_LOOKED_AT]:
            report = _take(path)
            if report is not None:
                found.append(report)
        for old in sorted(folder.glob(f"{_REPORT}*.txt"), key=_changed, reverse=True)[_MAX_KEPT:]:
            old.unlink(missing_ok=True)
    return tuple(found)


def _take(path: Path) -> CrashReport | None:
    """The crash in ``path``, which becomes a report; None where there was none, or where the run still goes on."""
    try:
        descriptor = open_locked(path)
    except OSError:  # it runs
        return None
    try:
        content = os.read(descriptor, _MAX_BYTES)
        when = datetime.fromtimestamp(os.fstat(descriptor).st_mtime)
    except OSError as error:
        _log.info("%s: %s", path.name, error)
        return None
    finally:
        os.close(descriptor)  # Windows renames no open file
    kept = path.with_name(f"{_REPORT}{when:%Y-%m-%d-%H%M%S}-{path.stem.rpartition('-')[2]}.txt")
    try:
        if content.partition(_END_OF_HEAD)[2].strip():
            path.replace(kept)  # of several starts that found it, one succeeds
            return CrashReport(kept, content.decode("utf-8", errors="replace"))
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.info("%s: %s", path.name, error)
    return None


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another start took it
        return 0.0


def _head() -> bytes:
    """One line; what a report without a log needs most."""
    when = datetime.now().astimezone().isoformat(" ", "seconds")
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"ssd-viewer {__version__}, Python {platform.python_version()}, {system}, begun {when}".encode()
