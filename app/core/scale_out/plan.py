"""Which videos of a large job are left to do, told from the files alone: it may be stopped and begun again at any time.

Every video has files of its own, named after its whole name, and a result file that is written last. A video is done
when its result file speaks of this very source and these very settings, and its files are as it says. No Ray here.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from app import __version__
from app.core.candidate_cache.store_facts import SourceKey, source_key
from app.core.errors import AppError
from app.core.export.request import ExportReport, ExportRequest
from app.core.export_queue.collisions import location_of, target_locations
from app.core.files.atomic_file import write_atomically

_MAX_RESULT = 2**20
_COLUMNS = ("path", "state", "frames", "detections", "seconds", "output", "error")


@dataclass(frozen=True, slots=True)
class Task:
    """One video of the job: everything a worker on another computer needs to know.

    Attributes:
        request: What to export; all paths are absolute.
        result: The result file.
        settings: Hash of all that decides what the files hold.
        weights: SHA-256 of the model's file.
        version: Of the program that planned it.
    """

    request: ExportRequest
    result: Path
    settings: str
    weights: str
    version: str = __version__


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task.

    Attributes:
        path: The video.
        state: "done", "known" (it had been done before) or "failed".
        report: ``ExportReport.as_dict()``; empty after a failure.
        error: Why it failed.
        hint: What to do about it.
        node: Which computer did it.
    """

    path: str
    state: Literal["done", "known", "failed"]
    report: dict[str, Any] = dataclasses.field(default_factory=dict)
    error: str = ""
    hint: str = ""
    node: str = ""


def plan(requests: Iterable[ExportRequest], weights: str) -> tuple[Task, ...]:
    """A task for each request; their files get names that no other run, and no order of files, can change.

    Args:
        requests: With an output folder for each; the names in it are replaced.
        weights: SHA-256 of the model's file.

    Raises:
        AppError: Two videos would be written to the same file, or a source would be.
    """
    tasks = tuple(_task(request, weights) for request in requests)
    owners: dict[str, Path] = {location_of(task.request.source): task.request.source for task in tasks}
    for task in tasks:
        for place in (*sorted(target_locations(task.request)), location_of(task.result)):
            other = owners.setdefault(place, task.request.source)
            if other is not task.request.source:
                raise AppError(
                    f"{task.request.source} and {other} would be written to the same file, {Path(place).name}.",
                    "Run them apart, each with a folder of its own.",
                )
    return tasks


def _task(request: ExportRequest, weights: str) -> Task:
    source = request.source.absolute()
    video = None
    if request.output is not None:
        video = request.output.absolute().with_name(f"{source.name}.annotated{request.output.suffix}")
    data = tuple(
        replace(data, path=data.path.absolute().with_name(f"{source.name}.annotated{data.path.suffix}"))
        for data in request.data
    )
    highlights = request.highlights.renamed(
        lambda path: path.absolute().with_name(f"{source.name}.annotated{path.suffix}")
    )
    moved = replace(request, source=source, output=video, data=data, highlights=highlights)
    folder = next(moved.targets()).parent
    return Task(moved, folder / f"{source.name}.result.json", _settings_hash(moved, weights), weights)


def _settings_hash(request: ExportRequest, weights: str) -> str:
    """Of the request without its places, and of the model."""
    wishes = dataclasses.asdict(request) | {
        "source": "",
        "cache": "",
        "resume": "",
        "output": "" if request.output is None else request.output.suffix,
        "data": [(data.path.suffix, data.format) for data in request.data],
        "evidence": dataclasses.asdict(request.highlights.renamed(lambda path: Path(path.suffix))),
        "weights": weights,
    }
    del wishes["highlights"]  # under its first name there, as in what earlier runs left
    return hashlib.sha256(json.dumps(wishes, sort_keys=True, default=str).encode()).hexdigest()


def outcome_before(task: Task) -> Outcome | None:
    """What an earlier run left, if nothing is to be done any more; None where there is work."""
    try:
        with task.result.open("rb") as file:
            kept = json.loads(file.read(_MAX_RESULT))
        if kept["settings"] != task.settings or kept["files"] != _sizes(task.request):
            return None
        if not _is_source(task.request.source, kept["source"]):
            return None
        report = kept["report"]
        return Outcome(str(task.request.source), "known", dict(report), node=str(kept["node"]))
    except (OSError, ValueError, KeyError, TypeError, AppError, RecursionError):  # missing, damaged, or somebody else's
        return None


def _is_source(path: Path, kept: dict[str, Any]) -> bool:
    """Whether the video is the one that was read; its content is looked at only where its time has changed."""
    facts = path.stat()
    if not path.is_dir() and (kept["size"], kept["mtime_ns"]) == (facts.st_size, facts.st_mtime_ns):
        return True
    source = source_key(path)
    return (kept["size"], kept["sha256"]) == (source.size, source.sha256)


def write_result(task: Task, source: SourceKey, report: ExportReport, node: str) -> Outcome:
    """Say that the task is done; in one step, and after everything else.

    Raises:
        AppError: It cannot be written.
    """
    kept = {
        "source": dataclasses.asdict(source),
        "settings": task.settings,
        "files": _sizes(task.request),
        "report": report.as_dict(),
        "node": node,
    }
    write_atomically(task.result, (json.dumps(kept, indent=2) + "\n").encode())
    return Outcome(str(task.request.source), "done", report.as_dict(), node=node)


def _sizes(request: ExportRequest) -> dict[str, int]:
    """Bytes of each file made; of a folder, how many files it has.

    Raises:
        OSError: One is not there.
    """
    paths = request.targets()
    return {path.name: len(list(path.iterdir())) if path.is_dir() else path.stat().st_size for path in paths}


def write_summary(folder: Path, outcomes: Sequence[Outcome]) -> tuple[Path, Path]:
    """``summary.json`` and ``summary.csv``, a row for each video.

    Raises:
        AppError: They cannot be written.
    """
    rows = [dataclasses.asdict(outcome) for outcome in outcomes]
    states = [outcome.state for outcome in outcomes]
    counts = {state: states.count(state) for state in ("done", "known", "failed")}
    as_json, as_csv = folder / "summary.json", folder / "summary.csv"
    write_atomically(as_json, (json.dumps({**counts, "videos": rows}, indent=2) + "\n").encode())
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(_COLUMNS)
    for outcome in outcomes:
        known = {**outcome.report, "path": outcome.path, "state": outcome.state, "error": outcome.error}
        writer.writerow(["" if known.get(name) is None else known[name] for name in _COLUMNS])
    write_atomically(as_csv, table.getvalue().encode("utf-8", "backslashreplace"))
    return as_json, as_csv
