"""Opening a PyTorch checkpoint somebody else wrote, without running anything inside it.

Only plain tensors are accepted (``weights_only=True``); everything that can be wrong with a downloaded file gets its
own line. Needs torch.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from detector.errors import DetectorError
from detector.importers.first_bytes import start_of
from detector.safetensors_file import MAX_FILE_BYTES, MAX_TENSORS

if TYPE_CHECKING:
    from torch import Tensor


_WRAPPERS = ("model", "state_dict", "ema_state_dict", "model_state_dict", "net")
_PREFIXES = ("module.1.", "module.", "_orig_mod.", "model.")
_AGAIN = "Fetch the file again."
_MAX_PICKLE_BYTES = 32 * 2**20  # names and shapes; the numbers lie beside it
# What trainers leave beside the weights and nobody here needs: torchvision's options, paths, scores, mmdetection's log.
_LEFTOVERS = (
    "argparse.Namespace",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "mmengine.logging.history_buffer.HistoryBuffer",
)


class _Leftover:
    """Stands in for an object of ``_LEFTOVERS``; takes whatever belongs to it and does nothing."""

    def __new__(cls, *_arguments: object) -> _Leftover:
        return super().__new__(cls)

    def __setstate__(self, _state: object) -> None:
        pass


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a PyTorch file, floats as float32, unwrapped and without prefixes of training or compilation.

    Raises:
        DetectorError: Not a PyTorch file, cut off, too big, or it holds code or anything but tensors.
    """
    return read_with_classes(path)[0]


def read_with_classes(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """As ``read_checkpoint``, and the class names that lie beside the weights; () for none."""
    _check_start(path)
    content = _load(path)
    classes = _class_names(content)
    content = _unwrap(content)  # an optimizer's tensors go here
    return clean_state(content, path.name), classes


def clean_state(content: Any, file_name: str) -> dict[str, Tensor]:
    """``content`` checked to be plain tensors by name; floats as float32, prefixes of training or compilation off.

    Raises:
        DetectorError: It is something else, or too big.
    """
    state = _tensors(content, file_name)
    state.pop("n_averaged", None)  # the counter of torch.optim.swa_utils.AveragedModel, beside its "module."
    while state and (prefix := next((p for p in _PREFIXES if all(name.startswith(p) for name in state)), None)):
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def _check_start(path: Path) -> None:
    """Recognise what is no checkpoint at all, and bound what will be read."""
    start = start_of(path)
    if start.startswith(b"PK\x03\x04"):
        _check_zip(path)
    elif not start.startswith(b"\x80"):
        raise DetectorError(f"{path.name} is not a PyTorch weights file.")


def _check_zip(path: Path) -> None:
    """PyTorch stores without compressing, so what unpacks to more than there is was made to."""
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except Exception as error:  # names in no encoding, versions of no kind: the reader has no error of its own
        raise DetectorError(f"{path.name} is cut off or damaged.", _AGAIN) from error
    pickles = [entry.file_size for entry in entries if entry.filename.endswith("data.pkl")]
    unpacked = sum(entry.file_size for entry in entries)
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise DetectorError(
            f"{path.name} is a TorchScript program, not only weights; it was not opened.",
            "Ask its author for the state dict it was made from.",
        )
    if not pickles:
        raise DetectorError(f"{path.name} is a zip archive, not a PyTorch weights file.")
    if unpacked > size or max(pickles) > _MAX_PICKLE_BYTES:
        raise DetectorError(
            f"{path.name} is no plain PyTorch file: its {size >> 10} KiB unpack to {unpacked >> 10} KiB.",
            "If it was compressed on the way, save it again with torch.save.",
        )


def _load(path: Path) -> Any:
    import torch

    torch.serialization.add_safe_globals([(_Leftover, name) for name in _LEFTOVERS])
    try:
        with warnings.catch_warnings(action="ignore"):  # of strange versions: what fails is told in our words
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch words a refusal of code as "Unsupported global/class/operand"; a damaged stream reads differently.
        if "Unsupported" in str(error) or "GLOBAL" in str(error):
            named = re.search(r"GLOBAL ([\w.]{1,80})", str(error))
            raise DetectorError(
                f"{path.name} contains program code, not only weights{f' ({named[1]})' if named else ''}; "
                "it was not opened.",
                "Ask its author for a plain state dict or a .safetensors file.",
            ) from error
        _damaged(path, error)
    except Exception as error:  # whatever a damaged stream makes the reader trip over
        _damaged(path, error)


def _damaged(path: Path, error: Exception) -> NoReturn:
    raise DetectorError(f"{path.name} is cut off or damaged.", _AGAIN) from error


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
    """As mmdetection keeps them: in ``meta``, since version 3 one level below and in small letters."""
    meta = content.get("meta") if isinstance(content, Mapping) else None
    told = meta.get("dataset_meta", meta) if isinstance(meta, Mapping) else None
    names = told.get("classes", told.get("CLASSES")) if isinstance(told, Mapping) else None
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) and n.isprintable() for n in names):
        return ()
    return tuple(names)


def _tensors(content: Any, file_name: str) -> dict[str, Tensor]:
    import torch

    if not isinstance(content, Mapping) or not content or len(content) > MAX_TENSORS:
        raise DetectorError(f"{file_name} is a PyTorch file, but not a network's weights.")
    state: dict[str, Tensor] = {}
    total = 0
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
            raise DetectorError(f"{file_name} is a PyTorch file, but not a network's weights.")
        total += tensor.numel() * tensor.element_size()  # what its shape claims, also where a view repeats its storage
        if tensor.is_quantized or tensor.is_meta or tensor.is_complex() or total > MAX_FILE_BYTES:
            raise DetectorError(f"{file_name}: tensor {name[:60]!r} is not a plain weight.")
        state[name] = tensor.float() if tensor.is_floating_point() else tensor
    return state
