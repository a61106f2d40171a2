"""Model files of other programs, brought onto the shelf as ours. Light: torch is imported where tensors are read."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detector.errors import DetectorError
from detector.spec import ModelSpec
from detector.spec_json import MAX_LABELS, spec_from_json, spec_to_json

if TYPE_CHECKING:
    from torch import Tensor

_TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin")
_KINDS = ".safetensors of ours, UltraFace .pth, or OpenVINO .xml with its .bin"


def import_model(path: Path, name: str, folder: Path, labels: Sequence[str] | None = None) -> Path:
    """Convert the model in ``path`` and put it into ``folder`` as ``name``, completely or not at all.

    Args:
        path: The file as it was downloaded.
        name: Checked already; fit to be a file name.
        folder: Created if need be.
        labels: Class names instead of the file's own.

    Returns:
        The new ``.safetensors`` file or IR folder.

    Raises:
        DetectorError: The file cannot be used, or the folder not written to.
    """
    suffix = path.suffix.lower()
    try:
        if not path.is_file():
            raise DetectorError(f"There is no file {path}.")
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise DetectorError(f"Cannot read {str(path)[:200]}: {error.strerror or error}.") from error
    if suffix == ".xml":
        return _import_ir(path, name, folder, labels)
    if suffix == ".bin" and path.with_suffix(".xml").is_file():
        return _import_ir(path.with_suffix(".xml"), name, folder, labels)
    if suffix == ".safetensors":
        return _import_own(path, name, folder, labels)
    if suffix in _TORCH_SUFFIXES:
        return _import_checkpoint(path, name, folder, labels)
    raise DetectorError(f"{path.name} is no kind of model file known here.", f"Can be imported: {_KINDS}.")


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names from a text file, one a line, background left out.

    Raises:
        DetectorError: The file cannot be read or is no list of names.
    """
    try:
        if path.stat().st_size > 1_000_000:
            raise DetectorError(f"{path.name} is too large to be a list of labels.")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DetectorError(f"{path.name} is not a text file.") from error
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    labels = tuple(line.strip() for line in lines if line.strip())
    if not 1 <= len(labels) <= MAX_LABELS or len(set(labels)) != len(labels):
        raise DetectorError(f"{path.name} must name 1 to {MAX_LABELS} classes, one a line, each once.")
    return labels


def _relabelled(spec: ModelSpec, name: str, labels: Sequence[str] | None) -> ModelSpec:
    if labels is None:
        return replace(spec, name=name)
    if len(labels) != len(spec.labels):
        raise DetectorError(f"The model has {len(spec.labels)} classes, but {len(labels)} labels were given.")
    return spec_from_json(spec_to_json(replace(spec, name=name, labels=tuple(labels))))


def _import_own(path: Path, name: str, folder: Path, labels: Sequence[str] | None) -> Path:
    from detector.weights import load_spec, load_state, save_model

    spec = _relabelled(load_spec(path), name, labels)
    state = load_state(path, spec)
    _check_fits(spec, state, path.name)
    target = folder / f"{name}.safetensors"
    save_model(target, spec, state)
    return target


def _import_checkpoint(path: Path, name: str, folder: Path, labels: Sequence[str] | None) -> Path:
    from detector.importers.detect import detect_layout
    from detector.importers.read import read_checkpoint
    from detector.importers.ultraface import import_ultraface
    from detector.weights import save_model

    state = read_checkpoint(path)
    layout = detect_layout(state)
    if layout.name not in ("ultraface-rfb", "ultraface-slim"):
        raise DetectorError(
            f"{path.name} is a model of {layout.title}, a layout this version cannot import.",
            f"Can be imported: {_KINDS}.",
        )
    spec, tensors = import_ultraface(state, layout.name, _sha256(path))
    spec = _relabelled(spec, name, labels)
    _check_fits(spec, tensors, path.name)
    target = folder / f"{name}.safetensors"
    save_model(target, spec, tensors)
    return target


def _check_fits(spec: ModelSpec, state: Mapping[str, Tensor], what: str) -> None:
    """Load the tensors into a network without memory of its own: tells what is missing before anything is written."""
    import torch

    from detector.models.build import build_network
    from detector.weights import load_strict

    with torch.device("meta"):
        network = build_network(spec)
    load_strict(network, state, what)


def _import_ir(path: Path, name: str, folder: Path, labels: Sequence[str] | None) -> Path:
    from detector.importers.openvino_ir import describe_ir
    from detector.runtime.ir import check_model

    spec = replace(describe_ir(path, labels), name=name)
    text = spec_to_json(spec)
    spec_from_json(text)
    check_model(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".import-", dir=folder))
        try:
            shutil.copyfile(path, work / "model.xml")
            shutil.copyfile(path.with_suffix(".bin"), work / "model.bin")
            (work / "spec.json").write_text(text, encoding="utf-8")
            for part in work.iterdir():
                _to_disk(part)
            work.replace(folder / name)
        finally:
            shutil.rmtree(work, ignore_errors=True)  # gone already when all went well
    except OSError as error:
        reason = error.strerror or str(error)
        raise DetectorError(f"Cannot write to {folder}: {reason}.", "Check its permissions and free space.") from error
    return folder / name


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
