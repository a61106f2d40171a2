"""Matching the class names of models, detections and data sets. Pure.

What counts as the same name is told by ``detector.class_names``; what does not match is named, and can be joined by
hand.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from detector.class_names import find_name
from detector.errors import DetectorError, Remedy
from detector.evaluation.issues import printable, shortened
from detector.evaluation.results import Ids

MAX_NAME = 100
"""Characters; what is longer is cut."""


def cleaned(name: str) -> str:
    """A class name from a file as it is shown: white space reduced to single spaces, printable, not endless."""
    return printable(" ".join(name.split()))[:MAX_NAME]


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Classes of one list found in another.

    Attributes:
        ids: Int32[N], for each name of the first list its index in the second; -1 for none.
        notes: Which names were left without a partner, one line for each side.
    """

    ids: Ids
    notes: tuple[str, ...]


def match_names(
    own: Sequence[str], data: Sequence[str], renames: Mapping[str, str], owner: str = "The model"
) -> Matched:
    """Find each class of ``own`` among those of ``data``.

    Args:
        own: Class names of a model or of detections.
        data: Class names of the data set.
        renames: From a name in ``own`` to one in ``data``; wins over equal names.
        owner: How ``own`` is spoken of.

    Raises:
        DetectorError: A name in ``renames`` is unknown, or no class matches at all.
    """
    chosen = known_names(list(renames), own, owner)
    wanted = dict(zip(chosen, known_names(list(renames.values()), data, "The data"), strict=True))
    ids = np.array([find_name(wanted.get(name, name), data) for name in own], np.int32)
    if not np.any(ids >= 0):
        raise DetectorError(
            f"{owner} and the data have no class in common.",
            f"{owner}: {_listed(own)}. The data: {_listed(data)}. Join those that mean the same.",
            Remedy("map", "OWN=DATA"),
        )
    return Matched(ids, tuple(_unmatched(own, data, ids, owner)))


def known_names(names: Sequence[str], known: Sequence[str], owner: str) -> list[str]:
    """Each name as it is spelled in ``known``.

    Raises:
        DetectorError: ``owner`` has no such class; says which may be meant.
    """
    found = [(name, find_name(name, known)) for name in names]
    return [known[place] if place >= 0 else _unknown(name, known, owner) for name, place in found]


def _unknown(name: str, known: Sequence[str], owner: str) -> NoReturn:
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    verb = "know" if owner.endswith("s") else "knows"
    raise DetectorError(f"{owner} {verb} no class {shortened(name)!r}.", f"{meant}Known: {_listed(known)}.")


def _unmatched(own: Sequence[str], data: Sequence[str], ids: Ids, owner: str) -> list[str]:
    notes = []
    strangers = [name for name, index in zip(own, ids, strict=True) if index < 0]
    if strangers:
        notes.append(
            f"Classes of {owner.lower()} that are not among those measured, not counted: {_listed(strangers)}."
        )
    found = set(ids.tolist())
    unknown = [name for index, name in enumerate(data) if index not in found]
    if unknown:
        notes.append(
            f"Classes of the data that are not among those of {owner.lower()}, score 0: {_listed(unknown)}. "
            "To leave them out of the mean, choose the classes to measure."
        )
    return notes


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(shortened, names[:8]))
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown or "none"
