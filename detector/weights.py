"""Model files of ours: one ``.safetensors`` whose metadata carries the model's spec, so it opens anywhere by file.

Reading a spec needs no torch; torch is imported by the functions that return or take tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detector.errors import DetectorError
from detector.safetensors_file import Arrays, read_arrays, read_header, replace_metadata, write_arrays
from detector.spec import ModelSpec
from detector.spec_json import spec_from_json, spec_to_json

if TYPE_CHECKING:
    from torch import Tensor, nn

METADATA_KEY = "ssd-viewer"
_SHOWN_KEYS = 10


def save_model(path: Path, spec: ModelSpec, state_dict: Mapping[str, Tensor]) -> None:
    """Write ``state_dict`` and ``spec`` to ``path``, completely or not at all.

    Raises:
        DetectorError: The place cannot be written to, a tensor is not finite, or the spec would not be read back.
    """
    text = spec_to_json(spec)
    spec_from_json(text)
    arrays = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in state_dict.items()}
    _check_finite(arrays, path.name)
    write_arrays(path, arrays, {METADATA_KEY: text})


def load_spec(path: Path) -> ModelSpec:
    """The spec in ``path``, fully checked; the weights stay unread.

    Raises:
        DetectorError: The file is damaged, or not a model file of ours.
    """
    text = read_header(path).metadata.get(METADATA_KEY)
    if text is None:
        raise DetectorError(
            f"{path.name} holds tensors but no description of their model.",
            "Only .safetensors files written by ssd-viewer can be opened directly.",
        )
    try:
        return spec_from_json(text)
    except DetectorError as error:
        raise DetectorError(f"{path.name}: {error.message}", error.hint) from error


def describe_anew(path: Path, spec: ModelSpec) -> None:
    """Replace the spec in ``path``; the weights stay as they are.

    Raises:
        DetectorError: The file is damaged, the place cannot be written to, or the spec would not be read back.
    """
    text = spec_to_json(spec)
    spec_from_json(text)
    replace_metadata(path, {METADATA_KEY: text})


def load_arrays(path: Path, spec: ModelSpec) -> Arrays:
    """The tensors in ``path`` as they are stored, all finite; needs no torch.

    Raises:
        DetectorError: The file is damaged or holds NaN or infinity.
    """
    arrays = read_arrays(path)
    _check_finite(arrays, f"{path.name} ({spec.name})")
    return arrays


def load_state(path: Path, spec: ModelSpec) -> dict[str, Tensor]:
    """The tensors in ``path``, all finite, floats as float32.

    Raises:
        DetectorError: As ``load_arrays``.
    """
    return _as_tensors(load_arrays(path, spec))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Whatever tensors are in ``path``, floats as float32.

    Raises:
        DetectorError: The file is damaged.
    """
    return _as_tensors(read_arrays(path))


def _as_tensors(arrays: Arrays) -> dict[str, Tensor]:
    import torch

    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def load_strict(network: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Put ``state`` into ``network``; every tensor must be there, with its shape and kind, and none besides.

    Args:
        network: Takes the tensors over as they are, if everything fits; may be on the meta device.
        state: Tensors by name.
        what: The file or model, for the message.

    Raises:
        DetectorError: Names the first ten tensors that are missing, extra, of another shape or no floats.
    """
    wanted = network.state_dict()
    faults = [f"{key} {_shape(wanted[key])} is missing" for key in wanted if key not in state]
    faults += [f"{key} {_shape(state[key])} is unexpected" for key in state if key not in wanted]
    faults += [
        f"{key} is {_shape(state[key])} instead of {_shape(wanted[key])}"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    faults += [
        f"{key} holds {str(state[key].dtype).removeprefix('torch.')} instead of floating point numbers"
        for key in wanted
        if key in state and wanted[key].is_floating_point() and not state[key].is_floating_point()
    ]
    if faults:
        more = f"; and {len(faults) - _SHOWN_KEYS} more" if len(faults) > _SHOWN_KEYS else ""
        raise DetectorError(f"{what} does not fit its network: {'; '.join(faults[:_SHOWN_KEYS])}{more}.")
    network.load_state_dict(dict(state), strict=True, assign=True)


def _shape(tensor: Tensor) -> str:
    return "[" + ", ".join(str(n) for n in tensor.shape) + "]"


def _check_finite(arrays: Arrays, what: str) -> None:
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DetectorError(f"{what}: tensor {name} contains NaN or infinity; the weights are damaged.")
