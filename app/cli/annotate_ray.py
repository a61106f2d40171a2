"""``annotate`` and ``analyse --ray ADDRESS``: the videos are worked off by a Ray cluster. Main thread."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.annotate_text import all_found, common_threshold
from app.cli.console import Console, UsageError
from app.cli.interrupt import cancel_on_interrupt

if TYPE_CHECKING:
    from app.core.export.request import ExportRequest
    from app.lab.scale_out.tasks import TaskOutcome


def add_ray_flags(parser: argparse.ArgumentParser) -> None:
    """``--ray --ray-cpus --ray-gpus``."""
    ray = parser.add_argument_group("many computers", "A folder all of them share; see docs/many-videos.md.")
    ray.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="let a Ray cluster do it: HOST:PORT, auto (the one this computer is in) or local (just this computer)",
    )
    ray.add_argument("--ray-cpus", type=_amount, metavar="N", help="CPUs of the cluster for each video (default: 2)")
    ray.add_argument("--ray-gpus", type=_amount, metavar="N", help="GPUs for each video, such as 0.5 (default: none)")


def check_ray_flags(options: argparse.Namespace) -> None:
    """Refuse what cannot be meant.

    Raises:
        UsageError: With the reason.
    """
    if options.ray is None:
        if options.ray_cpus is not None or options.ray_gpus is not None:
            raise UsageError("--ray-cpus and --ray-gpus belong to --ray.", "Add --ray ADDRESS.")
        return
    from app.lab.scale_out.ray_run import is_address

    if not is_address(options.ray):
        raise UsageError(f"{options.ray!r} is no address of a Ray cluster.", "Use HOST:PORT, auto or local.")
    if options.output is None or (Path(options.output).suffix and not Path(options.output).is_dir()):
        raise UsageError("With --ray -o must be a folder that all computers share.", "Add -o DIR.")
    if options.jobs != 1:
        raise UsageError("--jobs is for this computer; how many run on a cluster follows from --ray-cpus.")


def run_tasks(options: argparse.Namespace, requests: Sequence[ExportRequest], console: Console) -> int:
    """Do all that is not done yet; returns the exit code.

    Raises:
        KeyboardInterrupt: Ctrl-C; the next run goes on.
    """
    from app.core.export.targets import make_folders
    from app.core.models import weights_sha256
    from app.lab.scale_out.ray_run import load_ray, run_on_ray
    from app.lab.scale_out.tasks import outcome_before, plan_tasks, write_summary

    load_ray()  # before anything is looked at
    folder = Path(options.output).absolute()
    make_folders([folder / "summary.json"])
    tasks = plan_tasks(requests, weights_sha256(requests[0].model))
    outcomes = {str(task.request.source): outcome_before(task) for task in tasks}
    left = [task for task in tasks if outcomes[str(task.request.source)] is None]
    if len(left) < len(tasks):
        console.say(f"{len(tasks) - len(left)} of {len(tasks)} videos were done before")
    presses: list[int] = []
    with _Count(len(left), console.shows_progress) as count, cancel_on_interrupt(lambda: presses.append(1)):

        def came(outcome: TaskOutcome) -> None:
            outcomes[outcome.path] = outcome
            count.step()
            _tell(console, outcome)

        if left:
            run_on_ray(left, options.ray, came, options.ray_cpus, options.ray_gpus or 0.0, lambda: bool(presses))
    known = [outcome for outcome in outcomes.values() if outcome is not None]
    summary, _ = write_summary(folder, known)
    if presses:
        raise KeyboardInterrupt
    failed = sum(outcome.state == "failed" for outcome in known)
    console.say(f"{len(known) - failed} of {len(tasks)} videos done{f', {failed} failed' if failed else ''}: {summary}")
    console.give({"threshold": common_threshold(requests), "videos": [asdict(outcome) for outcome in known]})
    return 1 if failed else 0


def _tell(console: Console, outcome: TaskOutcome) -> None:
    name = Path(outcome.path).name
    if outcome.state == "failed":
        text = f"{outcome.error} {outcome.hint}".strip()
        console.error(text if name in text else f"{name}: {text}")
    else:
        report = outcome.report
        console.say(
            f"{name}: {report['frames']} frames in {report['seconds']:.1f} s; {all_found([report])}; "
            f"{report['output'] or ', '.join(report['data'] or report['folders']) or report['cache']}"
        )


def _amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value <= 4096.0:
        raise argparse.ArgumentTypeError(f"an amount must be a number above 0, not {text!r}")
    return value


class _Count:
    """A bar that counts videos."""

    def __init__(self, total: int, shown: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, unit="video", file=sys.stderr, dynamic_ncols=True, leave=False, disable=not shown)

    def step(self) -> None:
        """One more."""
        self._bar.update(1)

    def __enter__(self) -> _Count:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
