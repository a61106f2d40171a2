"""Finds the stores of a video: their names, the complete one to render from, the unfinished one to go on with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store import SUFFIX, CandidateStore
from app.core.candidate_cache.store_facts import StoreError, StoreFacts
from app.core.errors import AppError
from detector.errors import Remedy
from detector.part_file import PART_SUFFIX, part_path

_MAX_NUMBERS = 99

FROM_CACHE = Remedy("from-cache", omit=True)
RUN_THE_NETWORK = ("Run the network on it.", FROM_CACHE)
"""Hint and remedy where kept detections cannot be used."""


@dataclass(frozen=True, slots=True)
class CachedDetections:
    """A complete store that was found.

    Attributes:
        path: Where.
        facts: Its head.
    """

    path: Path
    facts: StoreFacts


def find_cached(source: SourceContent, folders: Sequence[Path], model: str = "", reading: str = "") -> CachedDetections:
    """The newest complete store of this video.

    Args:
        source: The video.
        folders: Where to look.
        model: Name of the model it must be of; "" for any.
        reading: As ``StoreFacts.reading``.

    Raises:
        AppError: There is none; says what there is instead.
    """
    found: list[tuple[int, CachedDetections]] = []
    others: set[str] = set()
    cut = ""
    for path in dict.fromkeys(path for folder in folders for path in _stores_in(folder, source.path.name)):
        try:
            with CandidateStore.open(path) as store:
                facts, complete, source_sha256 = store.facts, store.complete, store.source_sha256
            changed = path.stat().st_mtime_ns
        except (StoreError, OSError):
            continue
        if facts.reading != reading or not source.is_same_as(facts.source, source_sha256):
            continue
        if model and facts.model != model:
            others.add(facts.model)
        elif not complete:
            cut = path.name
        else:
            found.append((changed, CachedDetections(path, facts)))
    if found:
        return max(found, key=lambda pair: pair[0])[1]
    raise _no_cache(source, model, others, cut)


def _no_cache(source: SourceContent, model: str, others: set[str], cut: str) -> AppError:
    name = source.path.name
    if source.why_uncacheable:
        return AppError(f"No detections are kept: {source.why_uncacheable}.", *RUN_THE_NETWORK)
    if cut:
        return AppError(f"Not all frames of {name} were analysed yet.", "Finish its export first.", FROM_CACHE)
    if others:
        return AppError(
            f"No detections by {model} are kept of {name}.", f"There are some by {', '.join(sorted(others))}."
        )
    return AppError(f"No detections are kept of {name}.", *RUN_THE_NETWORK)


def store_paths(folder: Path, name: str) -> Iterator[Path]:
    """``NAME.ssdv``, ``NAME (2).ssdv``... in ``folder``."""
    yield folder / f"{name}{SUFFIX}"
    for number in range(2, _MAX_NUMBERS + 1):
        yield folder / f"{name} ({number}){SUFFIX}"


def complete_stores(folders: Sequence[Path], name: str) -> Iterator[Path]:
    """The stores in ``folders`` that have their final names, each once."""
    for folder in dict.fromkeys(folders):
        for path in store_paths(folder, name):
            if not path.exists():
                break
            yield path


def unfinished_store(folder: Path, source: Path) -> tuple[Path, int, int | None] | None:
    """The store an interrupted run left in ``folder``, the frames in it, and how many ``source`` says it has.

    Its store is complete where it was interrupted in its last moments, while the files were finished; how far it was is
    not known then. None when there is nothing, or its source is not there any more.
    """
    with contextlib.suppress(AppError):
        content = SourceContent(source)
        stores = list(_stores_in(folder, source.name))
        for path in sorted(stores, key=lambda path: path.suffix != PART_SUFFIX):
            with contextlib.suppress(StoreError), CandidateStore.open(path) as store:
                if store.frames and content.is_same_as(store.facts.source, store.source_sha256):
                    return path, store.frames, None if store.complete else store.facts.expected_frames
    return None


def _stores_in(folder: Path, name: str) -> Iterator[Path]:
    for target in store_paths(folder, name):
        paths = [path for path in (target, part_path(target)) if path.exists()]
        if not paths:
            return
        yield from paths
