"""A case: chosen events as a folder that speaks for itself, and the check that nothing in it changed since.

    report.html  events.json  events.csv  zones.json  clips/  snapshots/  manifest.json

Where each video has zones of its own there are ``zones-0.json``, ``zones-1.json``..., by ``source`` of the events.

``manifest.json`` has the SHA-256 of every file, of every video and of the model. Whoever can rewrite the folder can
rewrite the manifest too: its own SHA-256, noted elsewhere, is what proves it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from app import __version__
from app.core.cases.case_folders import add_clips, add_snapshots
from app.core.cases.images import Look
from app.core.cases.report import report_page
from app.core.cases.tables import events_csv
from app.core.errors import AppError
from app.core.events.answer import Answer, content_sha256
from app.core.events.scene import Scene
from app.core.files.atomic_folder import MARK, AtomicFolder
from app.core.files.regular_file import read_limited
from app.core.models import weights_sha256
from app.core.settings import ModelSettings

MANIFEST = "manifest.json"
_MAX_BYTES = 2**26
_SHA256 = re.compile(r"[0-9a-f]{64}")

State = Literal["unchanged", "changed", "missing", "added", "not here"]


def write_case(
    folder: Path,
    answer: Answer,
    hashes: Sequence[str],
    look: Look,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Writes a case; it is whole under its name, or not there.

    Args:
        folder: Where; a case of ours that nobody touched is replaced.
        answer: The events.
        hashes: The SHA-256 of each video, as ``content_sha256``.
        look: How clips and snapshots are made.
        check: Called before each frame; may raise to stop.

    Raises:
        AppError: It cannot be written, or a video cannot be read; nothing is left.
    """
    part = AtomicFolder(folder)
    try:
        made = datetime.now(UTC).isoformat(timespec="seconds")
        asked = _asked(answer)
        add_clips(part, "clips/", answer, look, check)
        add_snapshots(part, "snapshots/", answer, look, check)
        events = answer.as_dict(hashes)
        part.write("events.json", _json(events))
        part.write("events.csv", events_csv(answer).encode("utf-8", "replace"))
        for name, scene in _scenes(answer):
            part.write(name, _json(scene.as_dict()))
        page = report_page(answer, hashes, look, made, asked, part.path / "snapshots", check)
        part.write("report.html", page.encode("utf-8", "replace"))
        manifest = {
            "files": {name: content_sha256(path, check) for name, path in _files(part.path)},
            "sources": [{**source, "path": str(Path(source["path"]).absolute())} for source in events["sources"]],
            "model": _model(answer),
            "program": __version__,
            "made": made,
            "asked": asked,
        }
        part.write(MANIFEST, _json(manifest))
        part.complete()
        part.commit()
    except BaseException:
        part.discard()
        raise


def _scenes(answer: Answer) -> Iterator[tuple[str, Scene]]:
    """The files of zones: one, or where videos differ one for each, numbered by their place in the list."""
    scenes = [source.scene for source in answer.sources]
    if len(set(scenes)) == 1:
        yield "zones.json", scenes[0]
    else:
        yield from ((f"zones-{place}.json", scene) for place, scene in enumerate(scenes))


def _asked(answer: Answer) -> dict[str, Any]:
    question = {name: value for name, value in asdict(answer.question).items() if value not in ("", None, (), math.inf)}
    return {**question, "threshold": sorted({source.threshold for source in answer.sources})}


def _model(answer: Answer) -> dict[str, Any]:
    facts = answer.sources[0].facts
    about = {"name": facts.model, "sha256": facts.weights_sha256, "engine": facts.engine}
    return {**about, "device": facts.device, "precision": facts.precision}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace") + b"\n"


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below ``folder`` with its name in a manifest; not the manifest, and not our mark."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in (MANIFEST, MARK) and (path.is_symlink() or not path.is_dir()):
            yield name, path


# -- checking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CaseCheck:
    """The state of a case since it was made.

    Attributes:
        manifest_sha256: Of the manifest itself.
        files: State of each file, by name.
        sources: State of each video, by path; "not here" where it does not exist on this computer.
        model: (name, state) of the model.
    """

    manifest_sha256: str
    files: Mapping[str, State]
    sources: Mapping[str, State]
    model: tuple[str, State]

    @property
    def is_sound(self) -> bool:
        """Tells whether the folder is complete and everything in it, and each video found here, is unchanged."""
        states = [*self.files.values(), *self.sources.values(), self.model[1]]
        return all(state in ("unchanged", "not here") for state in states)


def check_case(folder: Path) -> CaseCheck:
    """Compares a case with its manifest.

    Args:
        folder: The case.

    Raises:
        AppError: It is no case, or its manifest is damaged.
    """
    try:
        content = read_limited(folder / MANIFEST, _MAX_BYTES)
    except OSError as error:
        raise AppError(f"{folder} is no case: {MANIFEST} cannot be read ({error.strerror or error}).") from error
    files, sources, model = _read_manifest(content or b"")
    states: dict[str, State] = {}
    here = dict(_files(folder))
    for name, sha256 in files.items():
        path = here.pop(name, None)
        states[name] = "missing" if path is None else _state(path, sha256)
    states |= dict.fromkeys(here, "added")
    found: dict[str, State] = {}
    for name, sha256 in sources.items():
        found[name] = _state(Path(name), sha256) if Path(name).exists() else "not here"
    name, sha256 = model
    own = weights_sha256(ModelSettings(name=name))
    state: State = "not here" if not own else "unchanged" if own == sha256 else "changed"
    return CaseCheck(hashlib.sha256(content or b"").hexdigest(), states, found, (name, state))


def _state(path: Path, sha256: str) -> State:
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        return "changed"  # a link may lead anywhere, a pipe may never end
    return "unchanged" if content_sha256(path) == sha256 else "changed"


def _read_manifest(content: bytes) -> tuple[dict[str, str], dict[str, str], tuple[str, str]]:
    """Files and sources with their hashes, and the model with its."""
    try:
        data = json.loads(content)
        files = {str(name): _hash(value) for name, value in data["files"].items()}
        sources = {str(source["path"]): _hash(source["sha256"]) for source in data["sources"]}
        model = str(data["model"]["name"]), str(data["model"]["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AppError(f"{MANIFEST} is damaged or none of ours.", "Use an untouched copy of the case.") from error
    if any("\0" in name for name in (*files, *sources, model[0])):
        raise AppError(f"{MANIFEST} names a file that cannot be.", "Use an untouched copy of the case.")
    return files, sources, model


def _hash(value: Any) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError("no SHA-256")
    return value
