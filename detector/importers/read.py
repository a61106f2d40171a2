"""Opening a PyTorch checkpoint somebody else wrote, without running anything inside it.

Only plain tensors are accepted; everything that can be wrong with a downloaded file gets its own line. Needs no torch.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from detector.errors import DetectorError
from detector.importers.box_buffer import is_box_buffer
from detector.importers.first_bytes import start_of
from detector.importers.hints import FETCH_AGAIN
from detector.importers.pickle_machine import DamagedPickleError, Opaque, UnknownNameError
from detector.importers.torch_file import TorchFile
from detector.importers.torch_names import LONGEST_PICKLE, StoredTensor
from detector.safetensors_file import MAX_FILE_BYTES, MAX_TENSORS, Arrays

_WRAPPERS = ("model", "state_dict", "ema_state_dict", "model_state_dict", "net")
_PREFIXES = ("module.1.", "module.", "_orig_mod.", "model.", "net.", "network.", "detector.")
_BESIDE = re.compile(r"[a-z_]*(loss|criterion|metric)[a-z_]*\d*\.", re.IGNORECASE)
"""Modules that Lightning keeps with the network, as they belong to the same class."""
_ENCRYPTED = 1  # of a zip member's flags
_REPEATED, _ANYWAY = 4, 16 * 2**20
"""A file's tensors may claim this many times its bytes, and a small file's this many bytes: weights are shared."""


def read_checkpoint(path: Path) -> Arrays:
    """The tensors of a PyTorch file, floats as float32, unwrapped and without prefixes of training or compilation.

    Raises:
        DetectorError: Not a PyTorch file, cut off, too big, or it holds code or anything but tensors.
    """
    return read_with_classes(path)[0]


def read_with_classes(path: Path) -> tuple[Arrays, tuple[str, ...]]:
    """Reads as ``read_checkpoint`` does, with the class names that lie beside the weights; () for none."""
    _check_start(path)
    try:
        with TorchFile(path) as file:
            stored = _stored(_unwrap(file.content), path.name, path.stat().st_size)
            # An optimizer's tensors stay on the disk; each storage is read once, whatever lies in it.
            by_storage = sorted(stored, key=lambda name: stored[name].place)
            read = {name: file.read(stored[name]) for name in by_storage}
            state = {name: read.pop(name) for name in stored}
            return clean_state(state), _class_names(file.content)
    except UnknownNameError as error:
        raise DetectorError(
            f"{path.name} contains program code, not only weights ({_printable(error.name)}); it was not opened.",
            "Ask its author for a plain state dict or a .safetensors file.",
        ) from error
    except DamagedPickleError as error:
        _damaged(path, error)
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error


def clean_state(state: Arrays) -> Arrays:
    """``state`` with floats as float32, without prefixes of training or compilation and without the loss's tensors.

    A buffer of default boxes stays, whatever its prefix; see ``box_buffer``.
    """
    state = {name: _single(array) for name, array in state.items() if not _BESIDE.match(name)}
    state.pop("n_averaged", None)  # the counter of torch.optim.swa_utils.AveragedModel, beside its "module."
    while prefix := _common_prefix([name for name, array in state.items() if not is_box_buffer(name, array)]):
        state = {name.removeprefix(prefix): array for name, array in state.items()}
    return state


def _common_prefix(names: list[str]) -> str:
    return next((p for p in _PREFIXES if names and all(name.startswith(p) for name in names)), "")


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:80])


def _single(array: Any) -> Any:
    return array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array


def _check_start(path: Path) -> None:
    """Recognise what is no checkpoint at all, and bound what will be read."""
    start = start_of(path)
    if start.startswith(b"PK\x03\x04"):
        _check_zip(path)
    elif start.startswith(b"\x89HDF\r\n"):
        raise DetectorError(f"{path.name} is an HDF5 file, as Keras writes it.", "Export the model as ONNX or TFLite.")
    elif not start.startswith(b"\x80"):
        raise DetectorError(f"{path.name} is not a PyTorch weights file.")


def _check_zip(path: Path) -> None:
    """PyTorch stores without compressing, so what unpacks to more than there is was made to."""
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except Exception as error:  # names in no encoding, versions of no kind: the reader has no error of its own
        raise DetectorError(f"{path.name} is cut off or damaged.", FETCH_AGAIN) from error
    pickles = [entry.file_size for entry in entries if entry.filename.endswith("data.pkl")]
    unpacked = sum(entry.file_size for entry in entries)
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise DetectorError(
            f"{path.name} is a TorchScript program, not only weights; it was not opened.",
            "Ask its author for the state dict it was made from.",
        )
    if not pickles:
        raise DetectorError(f"{path.name} is a zip archive, not a PyTorch weights file.")
    packed = any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _ENCRYPTED for entry in entries)
    if unpacked > size or max(pickles) > LONGEST_PICKLE or packed:
        raise DetectorError(
            f"{path.name} is no plain PyTorch file: its {size >> 10} KiB unpack to {unpacked >> 10} KiB.",
            "If it was compressed on the way, save it again with torch.save.",
        )


def _damaged(path: Path, error: Exception) -> NoReturn:
    raise DetectorError(f"{path.name} is cut off or damaged.", FETCH_AGAIN) from error


def _unwrap(content: Any) -> Any:
    """Training code keeps the tensors beside the optimizer's; take the best known key, and what is in that."""
    for _ in range(3):
        if not isinstance(content, Mapping):
            break
        inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    return content


def _class_names(content: Any) -> tuple[str, ...]:
    """Returns the names that mmdetection keeps in ``meta``, since version 3 one level below and in lower case."""
    meta = content.get("meta") if isinstance(content, Mapping) else None
    told = meta.get("dataset_meta", meta) if isinstance(meta, Mapping) else None
    names = told.get("classes", told.get("CLASSES")) if isinstance(told, Mapping) else None
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) and n.isprintable() for n in names):
        return ()
    return tuple(names)


def _stored(content: Any, file_name: str, file_bytes: int) -> dict[str, StoredTensor]:
    """``content`` checked to be plain tensors by name, which claim not much more than the file has.

    Raises:
        DetectorError: It is something else, or too big.
        UnknownNameError: It is an object that only its program could make.
    """
    if isinstance(content, Opaque) and not content and content.name:
        raise UnknownNameError(content.name)
    if not isinstance(content, Mapping) or not content or len(content) > MAX_TENSORS:
        raise DetectorError(f"{file_name} is a PyTorch file, but not a network's weights.")
    stored: dict[str, StoredTensor] = {}
    total, most = 0, min(MAX_FILE_BYTES, max(_ANYWAY, _REPEATED * file_bytes))
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, StoredTensor):
            raise DetectorError(f"{file_name} is a PyTorch file, but not a network's weights.")
        total += tensor.claimed_bytes if tensor.is_plain else 0
        if not tensor.is_plain or total > most:
            raise DetectorError(f"{file_name}: tensor {name[:60]!r} is not a plain weight.")
        stored[name] = tensor
    return stored
