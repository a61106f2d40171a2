"""Keeps two exports from sharing a file, and one from writing what another reads. Looks at the disk."""

from __future__ import annotations

import os
from collections.abc import Collection
from itertools import count
from pathlib import Path

from app.core.export.request import ExportRequest
from app.core.export.targets import number_of, numbered
from detector.part_file import part_path


def location_of(path: Path) -> str:
    """The location of a file, whether or not it exists: equal for two spellings of one place."""
    return os.path.normcase(os.path.realpath(path))


def target_locations(request: ExportRequest) -> frozenset[str]:
    """The locations of the files that the request writes, finished and while they are written."""
    return frozenset(location_of(name) for path in request.targets() for name in (path, part_path(path)))


def existing_targets(request: ExportRequest) -> frozenset[str]:
    """The locations of targets under whose name there is something already."""
    return frozenset(location_of(path) for path in request.targets() if path.exists() or path.is_symlink())


def avoid_collisions(request: ExportRequest, taken: Collection[str]) -> ExportRequest:
    """The request itself, or with all its files numbered alike where one of them is in ``taken``.

    Args:
        request: As asked for.
        taken: Places that are other exports' sources and targets.
    """
    if not any(place in taken for place in target_locations(request)):
        return request
    for number in count(number_of(request) + 1):
        other = numbered(request, number)
        free = not any(path.exists() or path.is_symlink() for path in other.targets())
        if free and not any(place in taken for place in target_locations(other)):
            return other
    raise AssertionError("count ended")
