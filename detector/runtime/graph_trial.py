"""Graphs from outside are first opened in a process that may die.

An engine for somebody else's graph is a large native library, and a file made to harm it, or merely damaged, can end
the process with all that runs in it. So a graph is read, compiled and run once in a process of its own, within limits
of time and memory, before this one opens it. That costs a second, once: content that survived is remembered, by its
hash and the engine's version, in this process and, where there is a folder for it, on the disk. Any thread.

Each format of graphs has a ``GraphFormat`` and goes the same way.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.runtime.network_cache import content_key
from detector.runtime.openvino_runtime import load_openvino
from detector.runtime.other_process import (
    Messages,
    WorkDiedError,
    WorkTookTooLongError,
    call_elsewhere,
    is_other_process,
)

TIME_LIMIT_S = 120.0
"""For one trial; it takes about a second on two idle cores."""

_MEMORY_LIMIT = 4 * 2**30  # bytes that a trial may take, beyond the loaded engine
_MARK = ".survived"
_HARM = "It is damaged, malicious, or too large for this computer; nothing was loaded."
_UNCAUGHT = 1  # exit code of Python

Step = Callable[[Path], None]
"""Takes the path of a graph; raises ``DetectorError``."""

_survived: set[str] = set()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GraphFormat:
    """The way in which graphs of a format are opened for the first time.

    Attributes:
        check: Refuses, without the engine, what must not reach it; raises ``DetectorError``.
        run: Reads, compiles and runs a graph once; a function of a module, for it is called in another process. Raises
            ``DetectorError``.
        engine: Returns the engine's name and version, fit for a file's name.
    """

    check: Step
    run: Step
    engine: Callable[[], str]


def require_survival(
    path: Path, graph_format: GraphFormat, marks: Path | None = None, *, limit_s: float = TIME_LIMIT_S
) -> None:
    """Make sure that opening a graph does not end the process, by trying it in another one unless that is known.

    Args:
        path: The graph's file, or the folder of a model in the library.
        graph_format: Its format.
        marks: Folder where survivals are remembered; None for this process only.
        limit_s: Longest time for a trial.

    Raises:
        DetectorError: It must not be opened, cannot be, or ended the other process.
    """
    if is_other_process():  # may die itself
        graph_format.check(path)
        return
    key = _key(path, graph_format)
    if key in _survived or (marks is not None and (marks / key).is_file()):
        _survived.add(key)
        return
    graph_format.check(path)
    run_on_trial(_run, (graph_format, path), path, limit_s)
    _remember(key, marks)


def run_on_trial(work: Callable[[Any, Messages], None], argument: Any, path: Path, limit_s: float) -> Any:
    """Call ``work(argument, messages)`` where it may die, quiet and within limits of time and memory.

    Args:
        work: A function of a module; answers through its ``Messages``. Raises ``DetectorError``.
        argument: Travels to the other process.
        path: The graph that it opens, for messages.
        limit_s: Longest time.

    Raises:
        DetectorError: The work failed, took too long, or ended the process.
    """
    try:
        return call_elsewhere(
            _limited,
            (work, argument, path.name),
            name="ssdv-graph-trial",
            died=f"{path.name} cannot be used: opening it ended the process that tried it.",
            limit_s=limit_s,
        )
    except WorkTookTooLongError as error:
        raise DetectorError(
            f"{path.name} cannot be used: opening it took more than {limit_s:g} seconds.", _HARM
        ) from error
    except WorkDiedError as error:
        if error.exit_code == _UNCAUGHT:  # not the graph's fault: ``_run`` catches what comes of that
            raise DetectorError(
                f"{path.name} cannot be tried: the process for that does not start.",
                "A script that opens models must do so under: if __name__ == '__main__'",
            ) from error
        raise DetectorError(error.message, _HARM) from error


def remember_survival(path: Path, graph_format: GraphFormat, marks: Path) -> None:
    """Note in ``marks`` that a graph survived, if this process knows that it did, so that the next need not try it."""
    key = _key(path, graph_format)
    if key in _survived:
        _remember(key, marks)


def note_survival(path: Path, graph_format: GraphFormat) -> None:
    """Note for this process that a graph survived: ``run_on_trial`` did with it all that ``GraphFormat.run`` does."""
    _remember(_key(path, graph_format), None)


def _key(path: Path, graph_format: GraphFormat) -> str:
    return f"{content_key(path)}-{graph_format.engine()}{_MARK}"


def _remember(key: str, marks: Path | None) -> None:
    _survived.add(key)
    if marks is None:
        return
    try:
        marks.mkdir(parents=True, exist_ok=True)
        (marks / key).touch()
    except OSError as error:  # it is tried again the next time
        _log.info("that a graph survived cannot be noted: %s", error)


def _run(graph_format_and_path: tuple[GraphFormat, Path], messages: Messages) -> None:
    graph_format, path = graph_format_and_path
    graph_format.run(path)
    messages.answer(None)


def _limited(work: Callable[[Any, Messages], None], argument: Any, name: str, messages: Messages) -> None:
    """The other process: quiet, limited, and without a core file when it dies."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what dies may say so; the one line comes from the parent
    load_openvino()
    _limit()
    try:
        work(argument, messages)
    except DetectorError:
        raise
    except Exception as error:  # whatever an engine makes of nonsense
        messages.fail(f"{name} cannot be used: running it fails ({type(error).__name__}).", _HARM)


def _limit() -> None:
    """Limits memory, on Linux, where the kernel can; elsewhere only time is limited."""
    if sys.platform == "win32":
        import ctypes

        # SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX: no dialog waits for a click when it dies.
        ctypes.windll.kernel32.SetErrorMode(0x0001 | 0x0002)
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + _MEMORY_LIMIT,) * 2)
