"""Remembers what a window's queue has not done yet, beyond a restart, a crash and a power cut. Any thread.

Each window has one file in the user's folder, replaced as a whole whenever the list changes, and a lock beside it that
ends with the window. A file nobody holds any more is what an earlier window left. What of it had begun has a mark as
well (``interrupted``), which knows how far it came.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import AppError
from app.core.export.history import find_finished
from app.core.export.request import ExportRequest
from app.core.export.request_json import MAX_QUEUE_BYTES, requests_from_json, requests_to_json
from app.core.export_queue.collisions import avoid_collisions, existing_targets
from app.core.export_queue.interrupted import marks_dir
from app.core.files.atomic_file import write_atomically
from app.core.files.regular_file import open_regular
from detector.file_lock import open_locked
from detector.part_file import remove_abandoned_part

_log = logging.getLogger(__name__)
_ENDING, _LOCK = ".queue", ".lock"
_MAX_FILES = 200


class SavedQueue:
    """The unfinished queue of one window, on disk."""

    def __init__(self) -> None:
        self._file = marks_dir() / f"{uuid.uuid4().hex}{_ENDING}"
        self._lock = threading.Lock()
        self._descriptor = -1
        self._closed = False

    def keep(self, requests: Sequence[ExportRequest]) -> bool:
        """Remember exactly these, in this order. False: it could not be written, or came too late."""
        with self._lock:
            if self._closed:
                return False
            try:
                if requests:
                    self._file.parent.mkdir(parents=True, exist_ok=True)
                    if self._descriptor < 0:
                        self._descriptor = open_locked(_lock_of(self._file))
                    write_atomically(self._file, requests_to_json(requests))
                else:
                    self._remove()
            except (OSError, AppError) as error:
                _log.info("the queue is not remembered: %s", error)
                return False
            return True

    def close(self) -> None:
        """The window ends; what it remembers is now left for the next one."""
        with self._lock:
            self._closed = True
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _remove(self) -> None:
        self._file.unlink(missing_ok=True)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            _lock_of(self._file).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class AbandonedQueue:
    """Exports that earlier windows left waiting.

    Attributes:
        requests: In order; those that are done, or begun and marked, are not among them.
        files: Where that is remembered.
        damaged: How many lists could not be read; they are gone.
    """

    requests: tuple[ExportRequest, ...] = ()
    files: tuple[Path, ...] = ()
    damaged: int = 0


def abandoned_queue(offered: Collection[ExportRequest] = ()) -> AbandonedQueue:
    """Collects the queues that no running window holds.

    Args:
        offered: Exports that are offered anyway, as they are marked.
    """
    known = list(offered)
    requests: list[ExportRequest] = []
    files: list[Path] = []
    damaged = 0
    for file in _unheld(marks_dir()):
        try:
            with open_regular(file) as content:
                listed = requests_from_json(content.read(MAX_QUEUE_BYTES + 1))
        except (OSError, AppError) as error:
            _log.info("%s: %s", file, error)
            damaged += 1
            forget_lists([file])
            continue
        abandoned = [request for request in listed if request not in known and find_finished(request) is None]
        known += abandoned
        if abandoned:
            files.append(file)
            requests += map(_beside_others, abandoned)
        else:
            forget_lists([file])
    return AbandonedQueue(tuple(requests), tuple(files), damaged)


def forget_lists(files: Collection[Path]) -> None:
    """Remove lists that were left."""
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
            _lock_of(file).unlink(missing_ok=True)
            remove_abandoned_part(file)


def _unheld(folder: Path) -> list[Path]:
    """The lists whose window is gone, the oldest first; what a crash left besides is cleared away."""
    found = []
    with contextlib.suppress(OSError):
        for lock in sorted(folder.glob(f"*{_ENDING}{_LOCK}"), key=lambda lock: lock.stat().st_mtime)[:_MAX_FILES]:
            file = lock.with_name(lock.name.removesuffix(_LOCK))
            try:
                os.close(open_locked(lock))
            except OSError:  # its window is open
                continue
            if file.is_file():
                found.append(file)
            else:
                forget_lists([file])
    return found


def _beside_others(request: ExportRequest) -> ExportRequest:
    """The request with other names, where files came under its names since it was asked for."""
    return avoid_collisions(request, existing_targets(request))


def _lock_of(file: Path) -> Path:
    return file.with_name(file.name + _LOCK)
