"""A known model into the library: its published file from the net or a folder, verified, imported, described.

Blocks until done; for workers and the command line. Nothing else in the program uses the network for models.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from app.core import known_files, paths
from app.core.errors import AppError
from app.core.models import user_library
from app.core.settings import NetworkSettings
from app.core.settings_store import load_settings
from detector.download import (
    DownloadStoppedError,
    FetchedFile,
    NetworkOptions,
    OnProgress,
    fetch,
    file_name,
    verify_file,
)
from detector.download.file_check import ChangedFileError
from detector.errors import DetectorError, Remedy
from detector.importers.notes import Note
from detector.library import ModelLibrary
from detector.model_file import ModelEntry
from detector.part_file import part_path
from detector.registry import MODELS
from detector.spec import ModelSpec, WeightsFile
from detector.weights import describe_anew

_FOLDER = ".downloads"  # inside the models' folder: one disk, and hidden from the library
_SAID = {
    "full": "as published",
    "prefix": "which begins as published (more was not); remembered from now on",
    "remembered": "as when it was first fetched here",
    "none": "which nobody published, so nothing but its address speaks for this file; remembered from now on",
}
_KEPT = {"full": "as published", "prefix": "begins as published", "remembered": "as at first", "none": "not published"}


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A model that was fetched.

    Attributes:
        entry: In the library.
        file: The published file as it came; gone by now, unless it lay in a folder of the user's.
        notes: What was verified, and against what; then what was recognised and assumed, a line each.
    """

    entry: ModelEntry
    file: FetchedFile
    notes: tuple[Note, ...]

    @property
    def verified(self) -> str:
        """The first of ``notes``, its hash cut short, for where there is little room."""
        return self.notes[0].text.replace(self.file.sha256, f"{self.file.sha256[:8]}…")


def fetch_model(
    name: str,
    *,
    on_progress: OnProgress | None = None,
    stop: threading.Event | None = None,
    weights_dir: Path | None = None,
    network: NetworkSettings | None = None,
) -> Downloaded:
    """Fetch a known model's weights and put it into the library.

    A file of the published name in the models' folder, or among what came with the program, is used instead of the
    net and verified the same way.

    Args:
        name: As in the registry.
        on_progress: Told of the download, on this thread.
        stop: Ends the download at once when another thread sets it.
        weights_dir: Take the file from this folder and nowhere else.
        network: Proxy and mirror; None for the user's settings.

    Raises:
        AppError: There is no such model, it is in the library already, or its file is not in ``weights_dir``.
        DetectorError: The file cannot be fetched or used; the library is as before.
        DownloadStoppedError: ``stop`` was set; what came is kept for the next time.
    """
    library = user_library()
    spec, weights = _wanted(name, library)
    remembered = known_files.recall(weights.url)
    local = _lying_about(weights, weights_dir, library)
    mirror = ""
    try:
        if local is not None:
            file = _verified(local, weights, remembered, stop, alone=weights_dir is not None)
        else:
            target = library.user_dir / _FOLDER / file_name(weights)
            chosen = network or network_settings()
            options = NetworkOptions(chosen.proxy, chosen.mirror)
            mirror = chosen.mirror.strip()
            file = fetch(weights, target, options=options, remembered=remembered, on_progress=on_progress, stop=stop)
    except ChangedFileError as error:
        raise DetectorError(
            error.message, f"If its publisher replaced it, delete its line in {known_files.known_files()}."
        ) from error
    if stop is not None and stop.is_set():
        came = (
            "" if local is not None else "All of it came and is kept; the next download only puts it into the library."
        )
        raise DownloadStoppedError("The download was stopped.", came)
    entry, notes = _import(file, name, spec, library, fetched=local is None)
    return Downloaded(entry, file, (Note(_remembered(file, weights, mirror)), *notes))


def _remembered(file: FetchedFile, weights: WeightsFile, mirror: str) -> str:
    """Notes the hash of a file that nobody published whole, and returns the line on what was verified."""
    by_way_of = f" by way of {urlsplit(mirror).hostname}" if mirror else ""
    said = f"{file.path.name}{by_way_of}: SHA-256 {file.sha256}, {_SAID[file.verified]}."
    try:
        if file.verified != "full":
            known_files.remember(weights.url, file.sha256)
    except AppError as error:  # the model is here all the same
        said = f"{said} But it cannot be remembered: {error.message}"
    return said


def network_settings() -> NetworkSettings:
    """Those of the user."""
    return load_settings(paths.settings_file())[0].network


def fetched_so_far(weights: WeightsFile, library: ModelLibrary) -> int:
    """Bytes that an interrupted download left; the next one from the same place goes on from there."""
    target = library.user_dir / _FOLDER / file_name(weights)
    for path in (target, part_path(target)):
        with contextlib.suppress(OSError):  # usually: there is none
            return path.stat().st_size
    return 0


def _wanted(name: str, library: ModelLibrary) -> tuple[ModelSpec, WeightsFile]:
    spec = MODELS.get(name)
    if spec is None or spec.weights is None:
        raise AppError(f"No weights of {name!r} are published anywhere known here.", f"Known: {', '.join(MODELS)}.")
    here = [entry.name for entry in library.list() if entry.path is not None]
    for taken in (*here, *(broken.name for broken in library.broken())):
        if taken.lower() == name.lower():
            raise AppError(
                f"{name} is on this computer already.",
                "To fetch it again, remove it first.",
                Remedy(command="models remove", value=name),
            )
    return spec, spec.weights


def _lying_about(weights: WeightsFile, weights_dir: Path | None, library: ModelLibrary) -> Path | None:
    """The file, where it came another way."""
    name = file_name(weights)
    folders = [library.user_dir, library.bundled_dir] if weights_dir is None else [weights_dir]
    for folder in folders:
        with contextlib.suppress(OSError):  # a folder that may not be looked into has nothing for us
            if (folder / name).is_file():
                return folder / name
    if weights_dir is not None:
        if not weights_dir.is_dir():
            raise AppError(f"There is no folder {weights_dir}.", f"It is to hold {name}, published at {weights.url}")
        raise AppError(f"There is no {name} in {weights_dir}.", f"It is published at {weights.url}")
    return None


def _verified(
    local: Path, weights: WeightsFile, remembered: str, stop: threading.Event | None, *, alone: bool
) -> FetchedFile:
    """A file of the user's, which may be the only one that is wanted (``alone``)."""
    try:
        return verify_file(local, weights, remembered, stop)
    except (ChangedFileError, DownloadStoppedError):
        raise
    except DetectorError as error:
        otherwise = "" if alone else ", or take it away, and it is fetched from the net"
        raise DetectorError(error.message, f"That is {local}: copy it again{otherwise}.") from error


def _import(
    file: FetchedFile, name: str, known: ModelSpec, library: ModelLibrary, *, fetched: bool
) -> tuple[ModelEntry, tuple[Note, ...]]:
    """Convert the file. One that was fetched is removed, unless the conversion failed and that was not its fault."""
    keep = not fetched
    try:
        result = library.import_file(file.path, name)
    except DetectorError:
        keep = keep or file.verified != "none" or _no_room(file.path, library)
        raise
    finally:
        if not keep:
            with contextlib.suppress(OSError):
                file.path.unlink()
                file.path.parent.rmdir()  # where nothing else is being fetched
    path = result.entry.path
    assert path is not None  # it was just written
    spec = replace(
        result.entry.spec,
        title=known.title,
        licence=known.licence,
        provenance=f"{known.provenance}; {file.path.name}, SHA-256 {file.sha256} ({_KEPT[file.verified]})",
        accuracy=known.accuracy,
        weights=known.weights,
    )
    try:
        describe_anew(path, spec)
    except DetectorError:  # a disk that is full by now
        library.remove(name)
        raise
    return replace(result.entry, spec=spec), result.notes


def _no_room(file: Path, library: ModelLibrary) -> bool:
    """Tells if a conversion failed for want of disk: a model takes about as much as the file it is made of."""
    try:
        return shutil.disk_usage(library.user_dir).free < file.stat().st_size
    except OSError:
        return False
