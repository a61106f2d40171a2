"""Optimises a model: ranges for int8 measured and put into its file, formats compared and timed on this computer.

The work is done by another process (``quantise_work``), which is ended when somebody wants to stop. Nothing is changed
before it is done. A network in OpenVINO's own format cannot carry ranges: NNCF makes one in int8, kept in the cache.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from detector.errors import DetectorError
from detector.file_lock import LockedError, only_here
from detector.model_file import MODEL_SUFFIX, ModelEntry
from detector.runtime.calibrate import Frames
from detector.runtime.format_measurements import REPORT, Optimised, folder_name, report_json
from detector.runtime.network_cache import WORKING, file_sha256, lock_of, make_room
from detector.runtime.openvino_runtime import load_openvino
from detector.runtime.other_process import call_elsewhere
from detector.runtime.quantisable import check_can_quantise
from detector.runtime.quantise_work import FRAMES, Outcome, Task, quantise_here
from detector.spec import Int8
from detector.weights import describe_anew, load_arrays, load_spec, save_model

OnStep = Callable[[str, int, int], None]
"""Told the stage ("prepare", "calibrate", "correct", "compare", "time"), steps done and steps in all."""

COPY = "-int8"
"""Ends the name of the copy that is made of a model that came with the program, whose file stays as it is."""


@dataclass(frozen=True, slots=True)
class Places:
    """The folders in which the results go.

    Attributes:
        cache_dir: What was measured on this computer.
        models_dir: Copies of models that came with the program.
    """

    cache_dir: Path
    models_dir: Path


@dataclass(frozen=True, slots=True)
class OptimisedModel:
    """A model after it was optimised.

    Attributes:
        entry: The optimised model: the one that was given, or its copy.
        measured: On this computer.
    """

    entry: ModelEntry
    measured: Optimised


def quantise(
    entry: ModelEntry,
    frames: Frames,
    places: Places,
    on_step: OnStep = lambda _stage, _done, _total: None,
    stop: threading.Event | None = None,
    *,
    keep_ranges: bool = False,
) -> OptimisedModel:
    """Optimise ``entry``; everything stays as it was until the work is done.

    Args:
        entry: The model, with weights.
        frames: All of the network's input size.
        places: Where to.
        on_step: Called on this thread.
        stop: Set from anywhere to give up.
        keep_ranges: Only time the formats: the model's file has ranges and says how far int8 agrees.

    Raises:
        DetectorError: Something is missing or damaged, the disk is full, or another program is doing the same.
        WorkStoppedError: ``stop`` was set.
    """
    check_can_quantise(entry)
    assert entry.path is not None  # just checked
    cache_dir = places.cache_dir
    before = cache_dir / folder_name(load_openvino(), entry.path)
    target = entry.path if keep_ranges else place_of(entry, places.models_dir)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _alone(lock_of(before), entry), _workplace(cache_dir) as work:
            make_room(cache_dir, before)
            task = Task(entry, Path(work), frames.held_out, frames.source, keep_ranges)
            outcome = _measured_elsewhere(task, frames, on_step, stop)
            if outcome.int8 is not None and not keep_ranges:
                entry = _with_ranges_in_file(entry, outcome.int8, target)
            _keep(outcome, Path(work), entry, before)
    except OSError as error:
        raise DetectorError(
            f"The optimised {entry.name} cannot be kept in {cache_dir}: {error.strerror or error}.",
            "Check the free disk space and the permissions of that folder.",
        ) from error
    return OptimisedModel(entry, outcome.measured)


def _measured_elsewhere(task: Task, frames: Frames, on_step: OnStep, stop: threading.Event | None) -> Outcome:
    """Lets another process do the work, which ends with it."""
    np.save(task.folder / FRAMES, np.asarray(frames.images))
    outcome: Outcome = call_elsewhere(
        quantise_here,
        (task,),
        name="ssdv-optimise",
        died=f"Optimising {task.entry.name} ended before its time.",
        on_report=on_step,
        stop=stop,
    )
    return outcome


def _keep(outcome: Outcome, work: Path, entry: ModelEntry, before: Path) -> None:
    """Moves what was measured of ``entry`` beside ``before``, the folder of the file as it was."""
    assert entry.path is not None  # it was just written, or read
    folder = before.parent / folder_name(load_openvino(), entry.path)
    move_into_cache(work, folder, outcome.measured, outcome.made_files)
    if folder != before and not entry.bundled:
        shutil.rmtree(before, ignore_errors=True)  # of a file that is no more


def place_of(entry: ModelEntry, models_dir: Path) -> Path:
    """The file that the ranges go into: the model's own, or a copy of one that came with the program.

    Raises:
        DetectorError: Another model has the copy's name.
    """
    assert entry.path is not None  # as above
    if not entry.bundled:
        return entry.path
    target = models_dir / f"{entry.name}{COPY}{MODEL_SUFFIX}"
    if target.exists() and not _same_weights(target, entry.path):
        raise DetectorError(
            f"{entry.name} came with the program and stays as it is; its optimised copy would be called "
            f"{entry.name}{COPY}, but there is such a model already.",
            "Rename or remove that one first.",
        )
    return target


def _with_ranges_in_file(entry: ModelEntry, int8: Int8, target: Path) -> ModelEntry:
    """The model with ``int8`` in its file, or in a copy.

    Raises:
        DetectorError: The file cannot be written.
    """
    assert entry.path is not None  # it was optimised
    spec = replace(load_spec(entry.path), int8=int8)  # as in the file, whatever the entry says of it
    if target == entry.path:
        describe_anew(target, spec)
        return replace(entry, spec=replace(entry.spec, int8=int8))
    spec = replace(spec, name=entry.name + COPY)
    save_model(target, spec, load_arrays(entry.path, spec))
    return ModelEntry(spec.name, spec, target, False)


def _same_weights(one: Path, other: Path) -> bool:
    from detector.golden import weights_hash

    first, second = (weights_hash(load_arrays(path, load_spec(path))) for path in (one, other))
    return first == second


def _workplace(cache_dir: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(dir=cache_dir, prefix=WORKING)


@contextlib.contextmanager
def _alone(lock: Path, entry: ModelEntry) -> Iterator[None]:
    """Keeps other programs from optimising this model, while inside."""
    with contextlib.ExitStack() as inside:
        try:
            inside.enter_context(only_here(lock))
        except LockedError as error:
            raise DetectorError(
                f"{entry.name} is being optimised by another program.", "Wait until it is done."
            ) from error
        yield


def move_into_cache(work: Path, folder: Path, measured: Optimised, names: tuple[str, ...]) -> None:
    """Move what was made to where it is read from; the report last, for it is what is looked for.

    Args:
        work: Where the files were made.
        folder: Where they go.
        measured: For the report.
        names: Of the files, ``GRAPH`` first; none where the model's own file has all that is needed.
    """
    folder.mkdir(exist_ok=True)
    before = {path for path in folder.iterdir() if path.name != REPORT}
    files: dict[str, str] = {}
    for name in names:
        sha256 = file_sha256(work / name)
        named = f"network-{sha256[:16]}{Path(name).suffix}"
        files[named] = sha256
        (work / name).replace(folder / named)
    text = work / REPORT
    text.write_text(report_json(measured, files), encoding="utf-8")
    text.replace(folder / REPORT)
    for old in before - {folder / name for name in files}:
        with contextlib.suppress(OSError):  # in use elsewhere on Windows: it goes with the folder
            old.unlink()
