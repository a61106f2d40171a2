"""Makes a model's network in int8: calibrated, compared with fp32, timed, kept. Post-training quantisation by NNCF.

The work is done by another process (``quantise_work``), which is ended when somebody wants to stop; NNCF brings torch
and scipy, which this one never loads. What is made appears in the cache all at once, or not at all.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from detector.errors import DetectorError
from detector.file_lock import LockedError, only_here
from detector.runtime import openvino_runtime
from detector.runtime.network_cache import WORKING, file_sha256, lock_of, make_room
from detector.runtime.openvino_runtime import load_openvino
from detector.runtime.optimised import REPORT, Optimised, folder_name, report_json
from detector.runtime.other_process import call_elsewhere
from detector.runtime.quantise_work import FRAMES, GRAPH, WEIGHTS, Outcome, Task, quantise_here
from detector.shelf import ShelfEntry
from detector.spec import TWO_STAGE

OnStep = Callable[[str, int, int], None]
"""Told the stage ("prepare", "calibrate", "correct", "compare", "time"), steps done and steps in all."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Pictures to calibrate on.

    Attributes:
        images: UInt8[N, H, W, 3], BGR, at the network's input size.
        held_out: How many of them, spread evenly, are not calibrated on but compared on.
        source: What they are, in words.
    """

    images: npt.NDArray[np.uint8]
    held_out: int
    source: str


def check_can_quantise(entry: ShelfEntry) -> None:
    """Refuse at once what could not be done in the end.

    Raises:
        DetectorError: OpenVINO or NNCF is missing, or the model's weights are.
    """
    if entry.path is None:
        raise DetectorError(f"The weights of {entry.name} are not on this computer.")
    if entry.spec.architecture in TWO_STAGE:
        raise DetectorError(f"{entry.name} is no SSD and cannot be optimised; it is only there to compare with.")
    if not openvino_runtime.is_installed():
        raise DetectorError("Optimising needs OpenVINO, which is not installed.", "Install it: pip install openvino")
    if not openvino_runtime.has_nncf():
        raise DetectorError("Optimising needs NNCF, which is not installed.", openvino_runtime.NNCF_MISSING)


def quantise(
    entry: ShelfEntry,
    frames: Frames,
    cache_dir: Path,
    on_step: OnStep = lambda _stage, _done, _total: None,
    stop: threading.Event | None = None,
) -> Optimised:
    """Make and keep the int8 network of ``entry``; the one there was stays until then.

    Raises:
        DetectorError: Something is missing or damaged, the disk is full, or another program is doing the same.
        WorkStoppedError: ``stop`` was set.
    """
    check_can_quantise(entry)
    assert entry.path is not None  # just checked
    openvino = load_openvino()
    folder = cache_dir / folder_name(openvino, entry.path)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _alone(lock_of(folder), entry), _workplace(cache_dir) as work:
            make_room(cache_dir, folder)
            np.save(Path(work) / FRAMES, frames.images)
            outcome: Outcome = call_elsewhere(
                quantise_here,
                (Task(entry, Path(work), frames.held_out),),
                name="ssdv-optimise",
                died=f"Optimising {entry.name} ended before its time.",
                on_report=on_step,
                stop=stop,
            )
            measured = Optimised(
                made=date.today().isoformat(),
                made_with=outcome.made_with,
                calibration=frames.source,
                calibrated=len(frames.images) - frames.held_out,
                compared=frames.held_out,
                objects=outcome.objects,
                least_score=outcome.least_score,
                formats=outcome.formats,
            )
            _place(Path(work), folder, measured)
    except OSError as error:
        raise DetectorError(
            f"The optimised {entry.name} cannot be kept in {cache_dir}: {error.strerror or error}.",
            "Check the free disk space and the permissions of that folder.",
        ) from error
    return measured


def _workplace(cache_dir: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(dir=cache_dir, prefix=WORKING)


@contextlib.contextmanager
def _alone(lock: Path, entry: ShelfEntry) -> Iterator[None]:
    """While inside, no other program optimises this model."""
    with contextlib.ExitStack() as inside:
        try:
            inside.enter_context(only_here(lock))
        except LockedError as error:
            raise DetectorError(
                f"{entry.name} is being optimised by another program.", "Wait until it is done."
            ) from error
        yield


def _place(work: Path, folder: Path, measured: Optimised) -> None:
    """Move what was made to where it is read from; the report last, for it is what is looked for."""
    folder.mkdir(exist_ok=True)
    before = {path for path in folder.iterdir() if path.name != REPORT}
    files: dict[str, str] = {}
    for name in (GRAPH, WEIGHTS):
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
