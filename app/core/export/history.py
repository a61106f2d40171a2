"""Remembers finished exports of a video, so that a resumed batch repeats none and reports all.

Any thread. A line of JSON for each export that was finished stands behind the last frame of its store. Of an export
whose store is not kept, or may not be written, only a hash is remembered, in the user's folder. Reading never fails.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core import paths
from app.core.candidate_cache.lookup import complete_stores
from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_facts import SourceKey, StoreError
from app.core.errors import AppError
from app.core.export.request import ExportReport, ExportRequest
from app.core.export.targets import cache_folders, numbered
from app.core.files.atomic_file import write_atomically
from app.core.files.regular_file import open_regular
from app.core.models import weights_sha256

_MAX_BYTES = 2**23
_MAX_LINE = 2**20
_MAX_NUMBERS = 99
_HASH_LINE = 65
_MAX_HASHES = 20_000


@dataclass(frozen=True, slots=True)
class FinishedExport:
    """An export that was finished before.

    Attributes:
        request: Its request; its files may be numbered.
        report: As ``ExportReport.as_dict``, as far as it is remembered.
        model: Which model found what is in it; "" where that is not remembered.
        device: On which it ran.
        precision: In which it computed.
    """

    request: ExportRequest
    report: dict[str, Any]
    model: str = ""
    device: str = ""
    precision: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Returns plain values, as of an export just finished, and that it was done before."""
        request = self.request
        return self.report | {
            "path": str(request.source),
            "output": None if request.output is None else str(request.output),
            "data": [str(data.path) for data in request.data],
            "done_before": True,
        }


def record_finished(request: ExportRequest, report: ExportReport) -> None:
    """Remember that all files of ``request`` are there; where that cannot be written it is not remembered.

    An analysis is not: its kept detections are themselves the proof.
    """
    with contextlib.suppress(OSError, AppError):
        source = SourceContent(request.source)
        if source.why_uncacheable or request.analysis is not None:
            return
        states = [_state(path) for path in request.targets()]
        asked = _digest(request)
        if not _append_line(asked, states, report):
            _append_hash(_hash(source.key, asked, states))


def _append_line(asked: str, states: list[list[Any]], report: ExportReport) -> bool:
    """Writes it behind the store, and returns whether it could: there may be none, or one that may only be read."""
    about = report.as_dict()
    entry = {"asked": asked, "files": states, "by": [report.model, report.device, report.precision]}
    line = json.dumps({**entry, "report": about})
    if len(line) >= _MAX_LINE:
        about.pop("tracks")  # the only part that may be long
        line = json.dumps({**entry, "report": about})
    if report.cache is None or len(line) >= _MAX_LINE:
        return False
    try:
        append_entry(report.cache, line)
    except OSError:
        return False
    return True


def find_finished(request: ExportRequest) -> FinishedExport | None:
    """The earlier export of this video that was asked for the same and left the very files that are there now.

    Args:
        request: With the names of its files as they are where none is taken; numbered ones are found as well.
    """
    with contextlib.suppress(OSError, AppError):
        if request.analysis is not None or not any(path.exists() for path in request.targets()):
            return None
        asked, source = _digest(request), SourceContent(request.source)
        if source.why_uncacheable:
            return None
        lines = [line for line in _lines(request, source) if isinstance(line, dict)]
        named = []
        for candidate in _candidates(request):
            with contextlib.suppress(OSError):
                named.append((candidate, [_state(path) for path in candidate.targets()]))
        for candidate, states in named:
            for line in lines:
                if (line.get("asked"), line.get("files")) == (asked, states):
                    return _finished(candidate, line)
        hashes = _hashes()
        for candidate, states in named:
            if _hash(source.key, asked, states) in hashes:
                return FinishedExport(candidate, {})
    return None


def _finished(request: ExportRequest, line: dict[str, Any]) -> FinishedExport:
    report, by = line.get("report"), line.get("by")
    if not isinstance(report, dict) or not isinstance(by, list) or len(by) != 3:
        return FinishedExport(request, {})
    if not all(type(report.get(name)) is int for name in ("frames", "detections")):
        return FinishedExport(request, {})
    return FinishedExport(request, report, *map(str, by))


def _candidates(request: ExportRequest) -> Iterator[ExportRequest]:
    """The request, and with its files numbered as they are where names were taken."""
    yield request
    for number in range(2, _MAX_NUMBERS + 1):
        candidate = numbered(request, number)
        if not all(path.exists() for path in candidate.targets()):
            return
        yield candidate


def _lines(request: ExportRequest, source: SourceContent) -> Iterator[Any]:
    """The lines of JSON behind the stores of this video."""
    for path in complete_stores(cache_folders(request), request.source.name):
        with contextlib.suppress(StoreError), CandidateStore.open(path) as store:
            if store.complete and source.is_same_as(store.facts.source, store.source_sha256):
                for line in store.tail(_MAX_BYTES).splitlines():
                    with contextlib.suppress(ValueError, RecursionError):
                        yield json.loads(line)


def _state(path: Path) -> list[Any]:
    stat = path.stat()  # a folder is the same as long as nothing comes or goes in it
    return [path.name, 0 if path.is_dir() else stat.st_size, stat.st_mtime_ns]


def _digest(request: ExportRequest) -> str:
    """Hash of everything that decides what is in the files."""
    settings = dataclasses.asdict(request)
    for name in ("source", "output", "cache", "resume", "highlights", "analysis"):
        del settings[name]
    if not request.masks:  # as it was written when there were none
        del settings["masks"]
    highlights = request.highlights.renamed(_nameless)
    settings["evidence"] = dataclasses.asdict(highlights)  # their name in all that is remembered
    settings["data"] = [data.format for data in request.data]
    if request.cache != "only":  # which may be without the model
        settings["weights"] = weights_sha256(request.model)
    return hashlib.sha256(json.dumps(settings, default=str, sort_keys=True).encode()).hexdigest()


def _nameless(path: Path) -> Path:
    return Path(path.suffix)


# -- without a store ---------------------------------------------------------------------------------------------------


def _hash(source: SourceKey, asked: str, states: list[list[Any]]) -> str:
    """Tells nothing to who does not have the files."""
    return hashlib.sha256(json.dumps([source.sha256, source.stamp, asked, states]).encode()).hexdigest()


def _hashes_file() -> Path:
    return paths.models_dir().parent / "exports" / "made"


def _hashes() -> frozenset[str]:
    with contextlib.suppress(OSError), open_regular(_hashes_file()) as file:
        return frozenset(file.read(_HASH_LINE * _MAX_HASHES).decode("ascii", "replace").split())
    return frozenset()


def _append_hash(value: str) -> None:
    file = _hashes_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    if file.stat().st_size >= _HASH_LINE * _MAX_HASHES:
        write_atomically(file, file.read_bytes()[-_HASH_LINE * (_MAX_HASHES // 2) :])
    append_entry(file, value)


def append_entry(file: Path, line: str) -> None:
    """Write a line at the end of a file that is there, and in no file that a link leads to.

    Raises:
        OSError: It cannot be written.
    """
    flags = (getattr(os, name, 0) for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"))  # a pipe is not waited for
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | sum(flags))
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)
