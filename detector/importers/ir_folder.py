"""Writes a network in OpenVINO's format into the library: a folder that appears whole or not at all.

The folder is filled under a hidden name with a lock beside it, read back, and then renamed. What an import leaves that
was killed half-way is invisible, blocks no name, and goes with the next import.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import uuid
from pathlib import Path

from detector.errors import DetectorError
from detector.file_lock import LockedError, only_here
from detector.model_file import IR_BIN, IR_SPEC, IR_XML, MODEL_SUFFIX, read_spec
from detector.part_file import PART_SUFFIX, remove_abandoned_part
from detector.spec import ModelSpec
from detector.spec_json import spec_to_json

_WORK = ".import-"
_LOCK = ".lock"
_ROUNDING = 1e-3  # of a logarithm that should be 0 at most


def write_ir_folder(xml_path: Path, spec: ModelSpec, folder: Path) -> Path:
    """Copy a network and its description into ``folder``, under the name in ``spec``.

    Args:
        xml_path: The graph; its ``.bin`` lies beside it.
        spec: Its description, with the network's answers.
        folder: Created if need be.

    Returns:
        The new folder.

    Raises:
        DetectorError: The description would not be read back, or ``folder`` cannot be written to.
    """
    _check_scores(spec, xml_path)
    target, work = folder / spec.name, folder / f"{_WORK}{uuid.uuid4().hex[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with only_here(_lock_of(work)):
            try:
                work.mkdir()
                shutil.copyfile(xml_path, work / IR_XML)
                shutil.copyfile(xml_path.with_suffix(".bin"), work / IR_BIN)
                (work / IR_SPEC).write_text(spec_to_json(spec), encoding="utf-8")
                read_spec(work)
                for part in work.iterdir():
                    _to_disk(part)
                work.replace(target)
            finally:
                shutil.rmtree(work, ignore_errors=True)  # gone already when all went well
    except OSError as error:
        reason = error.strerror or str(error)
        raise DetectorError(f"Cannot write to {folder}: {reason}.", "Check its permissions and free space.") from error
    return target


def remove_abandoned_imports(folder: Path) -> None:
    """Remove what killed imports left in ``folder``, whatever the kind of model; never raises."""
    with contextlib.suppress(OSError):
        names = [path.name for path in folder.iterdir()]
        for work in {folder / name.removesuffix(_LOCK) for name in names if name.startswith(_WORK)}:
            with contextlib.suppress(OSError, LockedError), only_here(_lock_of(work)):
                shutil.rmtree(work, ignore_errors=True)
        for name in names:
            if name.endswith(MODEL_SUFFIX + PART_SUFFIX):
                remove_abandoned_part(folder / name.removesuffix(PART_SUFFIX))


def _lock_of(work: Path) -> Path:
    return work.with_name(work.name + _LOCK)


def _check_scores(spec: ModelSpec, path: Path) -> None:
    """Raise ``DetectorError`` if the network's scores are no probabilities."""
    largest = max(spec.golden.log_scores, default=0.0) if spec.golden is not None else 0.0
    if largest > _ROUNDING:
        shown = math.exp(min(largest, 50.0))
        raise DetectorError(
            f"{path.name} gives scores of up to {shown:.3g}; they must be between 0 and 1.",
            "The classes' outputs lack the softmax that belongs before DetectionOutput; convert the model again.",
        )


def _to_disk(part: Path) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
