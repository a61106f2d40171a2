"""Exports the window began and did not finish: a small file for each, so that its next start can resume them.

The file is there while the export runs, locked by whoever runs it, and goes when it is done. What is left unlocked was
interrupted: by a crash, a power cut, a full disk, by closing the window or by cancel. Any thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from app.core import paths
from app.core.candidate_cache.lookup import unfinished_store
from app.core.errors import AppError
from app.core.export.history import find_finished
from app.core.export.job_protocol import ExportWork
from app.core.export.request import ExportReport, ExportRequest
from app.core.export.request_json import MAX_BYTES, request_from_json, request_to_json
from app.core.export.targets import same_file
from app.core.export.tracking_filter import needs_tracking
from app.core.export_queue.collisions import avoid_collisions, location_of
from app.core.muxing.video_options import VideoOptions
from detector.file_lock import open_locked
from detector.part_file import PART_SUFFIX, remove_abandoned_part

_log = logging.getLogger(__name__)
_MAX_MARKS = 200


@dataclass(frozen=True, slots=True)
class InterruptedExport:
    """An interrupted export.

    Attributes:
        mark: Its file.
        request: All that was asked for.
        again: The same, with other names where files came to be under its names since: they are not replaced.
        store: What it has found so far.
        part_done: 0 to 1; None when the source does not say how long it is.
    """

    mark: Path
    request: ExportRequest
    again: ExportRequest
    store: Path
    part_done: float | None


class MarkedJob:
    """A job that leaves its mark until it is done.

    Args:
        request: What it does.
        job: The job.
    """

    def __init__(self, request: ExportRequest, job: ExportWork) -> None:
        self._request = request
        self._job = job
        self.cancel, self.pause, self.resume = job.cancel, job.pause, job.resume

    def run(self) -> ExportReport:
        """See ``ExportJob.run``."""
        with _marked(self._request):
            return self._job.run()


def marks_dir() -> Path:
    """The folder of the marks."""
    return paths.models_dir().parent / "exports"


@contextlib.contextmanager
def _marked(request: ExportRequest) -> Iterator[None]:
    """A locked mark, which goes when the block succeeds; none where it cannot be written: that stops no export."""
    mark, descriptor = marks_dir() / f"{uuid.uuid4().hex}.json", -1
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        descriptor = open_locked(mark)
        os.write(descriptor, request_to_json(request))
    except OSError as error:
        _log.info("an export is not remembered: %s", error)
    done = False
    try:
        yield
        done = True
    finally:
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                if done:
                    os.ftruncate(descriptor, 0)  # who looks at it in the next moment finds nothing in it
            os.close(descriptor)
            with contextlib.suppress(OSError):
                if done:
                    mark.unlink()  # not before: Windows removes no open file


def interrupted_exports() -> tuple[InterruptedExport, ...]:
    """The exports that can be gone on with, the newest first; marks of others are taken away."""
    with contextlib.suppress(OSError):
        marks = sorted(marks_dir().glob("*.json"), key=lambda mark: mark.stat().st_mtime, reverse=True)
        seen: dict[Path, InterruptedExport] = {}
        for mark in marks[:_MAX_MARKS]:
            export = _read_mark(mark)
            if export is not None and seen.setdefault(export.store, export) is not export:
                mark.unlink(missing_ok=True)  # begun twice
        return tuple(seen.values())
    return ()


def _read_mark(mark: Path) -> InterruptedExport | None:
    try:
        descriptor = open_locked(mark)
    except OSError:  # it runs, in another window
        return None
    try:
        request = request_from_json(os.read(descriptor, MAX_BYTES + 1))
        began_ns = os.fstat(descriptor).st_mtime_ns
        found = None
        makes_files = request.analysis is not None or any(request.targets())
        if makes_files and find_finished(request) is None:  # it may have been asked for once more
            found = unfinished_store(request.store_folder, request.source)
    except (AppError, OSError) as error:
        _log.info("%s: %s", mark, error)
        found = None
    finally:
        os.close(descriptor)
    if found is None:
        mark.unlink(missing_ok=True)
        return None
    store, frames, expected = found
    part_done = min(1.0, frames / expected) if expected else None
    return InterruptedExport(mark, request, _beside_newer(request, began_ns), store, part_done)


def _beside_newer(request: ExportRequest, began_ns: int) -> ExportRequest:
    """The request with other names where files came later; older ones may be replaced, as was agreed to."""
    newer = set()
    for path in request.targets():
        with contextlib.suppress(OSError):
            if path.stat().st_mtime_ns > began_ns:
                newer.add(location_of(path))
    return avoid_collisions(request, newer)


def interrupted_export_of(source: Path) -> InterruptedExport | None:
    """The newest export of that video that can be gone on with; None for none."""
    return next((one for one in interrupted_exports() if same_file(one.request.source, source)), None)


def goes_on_with(request: ExportRequest, begun: ExportRequest) -> bool:
    """Returns whether an export surely uses what ``begun``, an interrupted one, has found."""

    def what_is_found(one: ExportRequest) -> tuple[object, ...]:
        folder = next((target.parent for target in one.targets()), None)
        reading = VideoOptions(deinterlace=one.video.deinterlace, images_per_s=one.video.images_per_s)
        plain = ExportRequest(one.source, None)  # whose values stand for all that comes after the network
        return folder, replace(
            one,
            output=plain.output,
            data=plain.data,
            detection=plain.detection,
            overlay=plain.overlay,
            video=reading,
            cache=plain.cache,
            highlights=plain.highlights,
            masks=plain.masks,
        )

    deep_enough = request.detection.threshold >= begun.detection.threshold
    deep_enough = deep_enough and (needs_tracking(begun) or not needs_tracking(request))  # which looks further down
    return what_is_found(request) == what_is_found(begun) and deep_enough


def resume_request(export: InterruptedExport) -> ExportRequest:
    """Go on with it: the mark goes, as its job makes one of its own."""
    export.mark.unlink(missing_ok=True)
    return export.again


def discard(export: InterruptedExport) -> None:
    """Give it up, with the unfinished files and what was found; a complete cache stays."""
    export.mark.unlink(missing_ok=True)
    store = [export.store.with_suffix("")] if export.store.suffix == PART_SUFFIX else []
    for target in (*store, *export.request.targets()):
        remove_abandoned_part(target)
