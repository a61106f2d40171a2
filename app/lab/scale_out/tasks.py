"""Plans the tasks of a large job from its files alone, so that it can be stopped and restarted at any time.

Every video has files of its own, named after its full name, and a result file that is written last. A video is done
if its result file names exactly this source and these settings, and its files are as stated. Of an analysis the file is
the store of detections, which has to be of this source and this model itself. Ray is not needed here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from app import __version__
from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store_facts import SourceKey
from app.core.errors import AppError
from app.core.export.analysis import holds_analysis
from app.core.export.request import ExportReport, ExportRequest
from app.core.export_queue.collisions import location_of, target_locations
from app.core.files.atomic_file import write_atomically
from app.core.records.csv_table import as_csv

_MAX_RESULT = 2**20
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AppError, RecursionError)
"""Errors from a result file that is missing, damaged, or written by another program."""
_COLUMNS = ("path", "state", "frames", "detections", "seconds", "output", "error")


@dataclass(frozen=True, slots=True)
class ExportTask:
    """One video of the job, with all that a worker on another computer needs to know.

    Attributes:
        request: The export; all paths are absolute.
        result: The result file.
        settings: Hash of everything that determines the content of the files.
        weights: SHA-256 of the model's file.
        version: Version of the program that planned it.
    """

    request: ExportRequest
    result: Path
    settings: str
    weights: str
    version: str = __version__


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """The outcome of a task.

    Attributes:
        path: The video.
        state: "done", "known" (done by an earlier run) or "failed".
        report: ``ExportReport.as_dict()``; empty after a failure.
        error: Reason of a failure.
        hint: Remedy for a failure.
        node: Name of the computer that did it.
    """

    path: str
    state: Literal["done", "known", "failed"]
    report: dict[str, Any] = dataclasses.field(default_factory=dict)
    error: str = ""
    hint: str = ""
    node: str = ""


def plan_tasks(requests: Iterable[ExportRequest], weights: str) -> tuple[ExportTask, ...]:
    """Returns a task for each request, with file names that depend on nothing but the video.

    Args:
        requests: Each with an output folder, or an analysis; the file names are replaced.
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


def _task(request: ExportRequest, weights: str) -> ExportTask:
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
    analysis = None if request.analysis is None else request.analysis.absolute()
    moved = replace(request, source=source, output=video, data=data, highlights=highlights, analysis=analysis)
    ending = "result" if analysis is None else "analysis"  # both may lie in one folder
    result = moved.store_folder / f"{source.name}.{ending}.json"
    return ExportTask(moved, result, _settings_hash(moved, weights), weights)


def _settings_hash(request: ExportRequest, weights: str) -> str:
    """Hashes the request without its paths, and the model."""
    settings = dataclasses.asdict(request) | {
        "source": "",
        "cache": "",
        "resume": "",
        "output": "" if request.output is None else request.output.suffix,
        "data": [(data.path.suffix, data.format) for data in request.data],
        "evidence": dataclasses.asdict(request.highlights.renamed(lambda path: Path(path.suffix))),
        "weights": weights,
        "analysis": None if request.analysis is None else "",
    }
    del settings["highlights"]  # under its first name there, as in what earlier runs left
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def outcome_before(task: ExportTask) -> TaskOutcome | None:
    """Returns the outcome of an earlier run if it is complete, else None."""
    try:
        with task.result.open("rb") as file:
            kept = json.loads(file.read(_MAX_RESULT))
        report = kept["report"]
        if kept["settings"] != task.settings or kept["files"] != _sizes(task.request, report):
            return None
        if not _is_source(task.request.source, kept["source"], kept["source_sha256"]):
            return None
        if task.request.analysis is not None and not holds_analysis(_store(task.request, report), task.request):
            return None
        return TaskOutcome(str(task.request.source), "known", dict(report), node=str(kept["node"]))
    except _UNREADABLE:
        return None


def _is_source(path: Path, key: dict[str, Any], whole_sha256: str) -> bool:
    """Returns whether the video is the one that was read, also where another computer numbers its files otherwise."""
    return SourceContent(path).is_same_as(SourceKey(**key), whole_sha256)


def write_result(task: ExportTask, source: SourceContent, report: ExportReport, node: str) -> TaskOutcome:
    """Marks the task as done, atomically and after everything else.

    Raises:
        AppError: It cannot be written, or nothing was kept of an analysis.
    """
    if task.request.analysis is not None and report.cache is None:
        raise AppError(f"Of {task.request.source.name} nothing is kept.", " ".join(report.notes))
    about = report.as_dict()
    whole_sha256 = source.whole_sha256()
    kept = {
        "source": dataclasses.asdict(source.key),
        "source_sha256": whole_sha256 if source.unchanged() else "",
        "settings": task.settings,
        "files": _sizes(task.request, about),
        "report": about,
        "node": node,
    }
    write_atomically(task.result, (json.dumps(kept, indent=2) + "\n").encode())
    return TaskOutcome(str(task.request.source), "done", about, node=node)


def _store(request: ExportRequest, report: dict[str, Any]) -> Path:
    """Returns where the detections of an analysis lie; the name is the report's, as the usual one may be taken."""
    return request.store_folder / Path(report["cache"]).name


def _sizes(request: ExportRequest, report: dict[str, Any]) -> dict[str, int]:
    """Returns the size of each output file in bytes, or of a folder the number of its files.

    Raises:
        OSError: A file is missing.
    """
    paths = [*request.targets()]
    if request.analysis is not None:
        paths.append(_store(request, report))
    return {path.name: len(list(path.iterdir())) if path.is_dir() else path.stat().st_size for path in paths}


def write_summary(folder: Path, outcomes: Sequence[TaskOutcome]) -> tuple[Path, Path]:
    """Writes ``summary.json`` and ``summary.csv``, one row for each video.

    Raises:
        AppError: They cannot be written.
    """
    rows = [dataclasses.asdict(outcome) for outcome in outcomes]
    states = [outcome.state for outcome in outcomes]
    counts = {state: states.count(state) for state in ("done", "known", "failed")}
    summary, table = folder / "summary.json", folder / "summary.csv"
    write_atomically(summary, (json.dumps({**counts, "videos": rows}, indent=2) + "\n").encode())
    cells: list[Sequence[object]] = [_COLUMNS]
    for outcome in outcomes:
        known = {**outcome.report, "path": outcome.path, "state": outcome.state, "error": outcome.error}
        cells.append(["" if known.get(name) is None else known[name] for name in _COLUMNS])
    write_atomically(table, as_csv(cells).encode("utf-8", "backslashreplace"))
    return summary, table
