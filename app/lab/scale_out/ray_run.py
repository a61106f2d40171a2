"""Hands the tasks of a large job to Ray and collects their outcomes. Called on the main thread.

Ray schedules, moves and repeats tasks; ``tasks`` and ``worker`` make repetition harmless. Ray is imported only when it
is used, and reports to nobody: its usage statistics and its dashboard stay off.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from app.core.errors import AppError
from app.lab.scale_out.tasks import ExportTask, TaskOutcome
from detector.errors import Remedy

log = logging.getLogger(__name__)

_ADDRESS = re.compile(r"local|auto|(?:[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9a-fA-F:.]{2,45}\]):(?P<port>\d{1,5})")
_RETRIES = 5
_SLICE_S = 0.5
_END_S = 20.0
_STORE_BYTES = 100 * 2**20  # tasks and outcomes are a few kilobytes; Ray would take a third of the memory
_CPUS = 2.0


def is_address(text: str) -> bool:
    """Returns whether ``text`` is "local", "auto" or HOST:PORT."""
    match = _ADDRESS.fullmatch(text)
    return match is not None and (match["port"] is None or 0 < int(match["port"]) < 65_536)


def load_ray() -> Any:
    """Imports Ray.

    Raises:
        AppError: It is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise AppError("Ray is not installed.", "Install it: pip install 'ssd-viewer[ray]'.") from error
    return ray


def run_on_ray(
    tasks: Sequence[ExportTask],
    address: str,
    on_outcome: Callable[[TaskOutcome], None],
    cpus: float | None = None,
    gpus: float = 0.0,
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Runs the tasks on the cluster at ``address``.

    Args:
        tasks: The tasks.
        address: "local" for this computer alone, "auto" for the cluster it belongs to, or HOST:PORT of one.
        on_outcome: Called on this thread with each outcome, in order of completion.
        cpus: CPUs per task; None for 2, or as many as the largest computer has if fewer.
        gpus: GPUs per task; may be a fraction.
        stopped: Polled a few times a second; True cancels the remaining tasks.

    Returns:
        False if it was stopped.

    Raises:
        AppError: Ray or the cluster is missing, or none of its computers has enough CPUs and GPUs for a task.
    """
    ray = load_ray()
    from app.lab.scale_out.worker import run_task  # with it come PyAV and OpenCV

    with contextlib.redirect_stdout(_OwnWords(sys.stdout)), _cluster(ray, address):
        wanted = {"num_cpus": _cpus(ray, cpus, gpus), "num_gpus": gpus}
        remote = ray.remote(max_retries=_RETRIES, scheduling_strategy="SPREAD", **wanted)(run_task)
        waiting = {remote.remote(task): task for task in tasks}
        while waiting:
            ready, _ = ray.wait(list(waiting), num_returns=1, timeout=_SLICE_S)
            for reference in ready:
                on_outcome(_outcome(ray, reference, waiting.pop(reference)))
            if stopped():
                _give_up(ray, list(waiting))
                return False
    return True


class _OwnWords:
    """Standard output without the messages that Ray's threads print there: it may carry the command's JSON."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._own = threading.get_ident()

    def write(self, text: str) -> int:
        """Passes on what this thread writes."""
        if threading.get_ident() == self._own:
            return int(self._stream.write(text))
        log.info("Ray: %s", text.strip())
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _cluster(ray: Any, address: str) -> Iterator[None]:
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        options |= {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        ray.init(**options)
    except Exception as error:  # Ray raises many kinds here, a bare Exception among them
        log.info("ray.init(%r): %s", address, error)
        if address == "local":
            raise AppError("Ray could not be started on this computer.", _first_line(error)) from error
        hint = "Begin one with: ray start --head --disable-usage-stats"
        raise AppError(f"No Ray cluster can be joined at {address}.", hint) from error
    try:
        yield
    finally:
        ray.shutdown()


def _cpus(ray: Any, asked: float | None, gpus: float) -> float:
    """Returns the CPUs for a task.

    Raises:
        AppError: No computer has that many; Ray would wait for one forever.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fit = [node.get("CPU", 0.0) for node in nodes if node.get("GPU", 0.0) >= gpus]
    most = max(fit, default=0.0)
    cpus = min(_CPUS, most) if asked is None else asked
    if not fit or cpus > most or most <= 0:
        raise AppError(
            f"No computer of the cluster has {cpus:g} CPUs" + (f" and {gpus:g} GPUs." if gpus else "."),
            "Ask for less.",
            Remedy("ray-cpus"),
            Remedy("ray-gpus"),
        )
    return float(cpus)


def _outcome(ray: Any, reference: Any, task: ExportTask) -> TaskOutcome:
    """Returns the outcome of a task, or a failure if its worker kept dying or could not start."""
    try:
        outcome = ray.get(reference)
    except ray.exceptions.RayError as error:
        hint = "Is this version of ssd-viewer on every computer, and memory enough?"
        return TaskOutcome(str(task.request.source), "failed", error=f"Ray gave it up: {_first_line(error)}", hint=hint)
    assert isinstance(outcome, TaskOutcome)
    return outcome


def _first_line(error: Exception) -> str:
    """Returns the first line; Ray's explanations go on for pages."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _give_up(ray: Any, references: list[Any]) -> None:
    """Cancels all, and gives running tasks the time to leave their journal in order."""
    for reference in references:
        ray.cancel(reference)
    if references:
        ray.wait(references, num_returns=len(references), timeout=_END_S)
