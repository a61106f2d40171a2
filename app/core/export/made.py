"""Which files were made from a store, written behind its last frame: so that a resumed batch does none of them twice.

Any thread. A line of JSON for each export that was finished; reading never fails.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.core.errors import AppError
from app.core.export.kept import candidates_for
from app.core.export.request import ExportRequest
from app.core.export.store import CandidateStore
from app.core.export.store_facts import StoreError, source_key

_MOST_BYTES = 2**18


def note_made(store: Path, request: ExportRequest) -> None:
    """Remember that all files of ``request`` are there; where that cannot be written it is not remembered."""
    with contextlib.suppress(OSError):
        line = json.dumps({"asked": _digest(request), "files": [_state(path) for path in request.targets()]})
        if store.stat().st_size and len(line) < _MOST_BYTES:
            descriptor = os.open(store, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
            try:
                os.write(descriptor, line.encode() + b"\n")
            finally:
                os.close(descriptor)


def was_made(request: ExportRequest) -> bool:
    """Whether an earlier export of this video, asked for the same, left the very files that are there now."""
    with contextlib.suppress(OSError, AppError, StopIteration):
        files = list(request.targets())
        key, asked, states = source_key(request.source), _digest(request), [_state(path) for path in files]
        for path in candidates_for(files[0].parent, request.source.name):
            if not path.exists():
                return False
            with contextlib.suppress(StoreError), CandidateStore.open(path) as store:
                same = store.complete and store.facts.source.same(key)
                if same and {"asked": asked, "files": states} in _lines(store.tail(_MOST_BYTES)):
                    return True
    return False


def _lines(tail: bytes) -> Iterator[Any]:
    for line in tail.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            yield json.loads(line)


def _state(path: Path) -> list[Any]:
    stat = path.stat()  # a folder is the same as long as nothing comes or goes in it
    return [path.name, 0 if path.is_dir() else stat.st_size, stat.st_mtime_ns]


def _digest(request: ExportRequest) -> str:
    """Of all that decides what is in the files."""
    wishes = dataclasses.asdict(request)
    for name in ("source", "output", "data", "cache"):
        del wishes[name]
    return hashlib.sha256(json.dumps(wishes, default=str, sort_keys=True).encode()).hexdigest()
