"""Cards that show each model of the library. Reads files: for workers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.core.paths import optimised_dir, speeds_file
from app.core.speeds import MeasuredSpeed, Speeds, fingerprint, load_speeds
from detector.errors import ExplainedError
from detector.library import ModelLibrary
from detector.model_file import ModelEntry
from detector.registry import RECOMMENDED
from detector.runtime.format_measurements import Optimised, read_optimised
from detector.runtime.quantisable import check_can_quantise
from detector.spec import ModelSpec

_log = logging.getLogger(__name__)

CardStatus = Literal["bundled", "imported", "absent", "broken"]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model, or one file that should be one.

    Attributes:
        name: As in the library.
        status: "bundled" came with the program, "imported" is the user's, "absent" is known but its weights are not
            here, "broken" is in the library and cannot be used.
        spec: What it is; None for a broken one.
        path: Its file or folder; None for an absent one.
        size_bytes: Size of its file, or of the published one; 0 where that is not known.
        reason: Why it is broken.
        part_bytes: Bytes that an interrupted download of an absent one left.
        bundled: Cannot be removed or renamed.
        speeds: Measured on this computer, newest first.
        optimised: What was measured when it was optimised for this computer; None where it was not.
        not_optimisable: Why it cannot be optimised here, and what is needed; None where it can.
        recommended: The one to download first.
    """

    name: str
    status: CardStatus
    spec: ModelSpec | None = None
    path: Path | None = None
    size_bytes: int = 0
    reason: str = ""
    part_bytes: int = 0
    bundled: bool = False
    speeds: tuple[MeasuredSpeed, ...] = ()
    optimised: Optimised | None = None
    not_optimisable: ExplainedError | None = None
    recommended: bool = False

    @property
    def usable(self) -> bool:
        """Returns whether it can run."""
        return self.status in ("bundled", "imported")

    @property
    def downloadable(self) -> bool:
        """Returns whether its weights are published somewhere and not here."""
        return self.status == "absent" and self.spec is not None and self.spec.weights is not None


def model_cards(library: ModelLibrary, speeds: Speeds) -> tuple[ModelCard, ...]:
    """The whole library: what came with the program, the user's, what is broken, what could be fetched."""
    from app.core.downloads import fetched_so_far  # brings the network's modules

    here, absent = [], []
    for entry in library.list():
        if entry.path is None:
            size = entry.spec.weights.size_bytes if entry.spec.weights is not None else 0
            part = fetched_so_far(entry.spec.weights, library) if entry.spec.weights is not None else 0
            absent.append(
                ModelCard(
                    entry.name,
                    "absent",
                    entry.spec,
                    size_bytes=size,
                    part_bytes=part,
                    recommended=entry.name == RECOMMENDED,
                )
            )
        else:
            status: CardStatus = "bundled" if entry.bundled else "imported"
            measured = _measured(entry.path, speeds)
            here.append(
                ModelCard(
                    entry.name,
                    status,
                    entry.spec,
                    entry.path,
                    size_of(entry.path),
                    bundled=entry.bundled,
                    speeds=measured,
                    optimised=read_optimised(entry.path, optimised_dir()),
                    not_optimisable=_not_optimisable(entry),
                )
            )
    broken = [ModelCard(b.name, "broken", None, b.path, size_of(b.path), b.reason, b.bundled) for b in library.broken()]
    return (*here, *broken, *absent)


def _not_optimisable(entry: ModelEntry) -> ExplainedError | None:
    try:
        check_can_quantise(entry)
    except ExplainedError as error:
        return error
    return None


def size_of(path: Path) -> int:
    """Bytes of a model file, or of an IR folder's files; 0 where it cannot be told."""
    try:
        files = [path] if path.is_file() else [part for part in path.rglob("*") if part.is_file()]
        return sum(file.stat().st_size for file in files)
    except OSError as error:
        _log.info("size of %s: %s", path, error)
        return 0


def published_hash(sha256: str) -> str:
    """Returns how well the hash of published weights is known, as text."""
    if not sha256:
        return "Not published; remembered after the first download"
    return sha256 if len(sha256) == 64 else f"{sha256}… (only its beginning is published)"


def speeds_of(path: Path) -> tuple[MeasuredSpeed, ...]:
    """Returns how fast the model in ``path`` ran on this computer, newest first."""
    return _measured(path, load_speeds(speeds_file()))


def _measured(path: Path, speeds: Speeds) -> tuple[MeasuredSpeed, ...]:
    if not speeds:
        return ()
    try:
        return speeds.get(fingerprint(path), ())
    except OSError as error:
        _log.info("fingerprint of %s: %s", path, error)
        return ()
