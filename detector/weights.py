"""Model files of ours: one ``.safetensors`` whose metadata carries the model's spec, so it opens anywhere by file.

Reading a spec needs no torch; torch is imported by the functions that return or take tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detector.errors import DetectorError
from detector.safetensors_file import Array, Arrays, read_arrays, read_header, replace_metadata, write_arrays
from detector.spec import ModelSpec
from detector.spec_json import spec_from_json, spec_to_json

if TYPE_CHECKING:
    from torch import Tensor, nn

METADATA_KEY = "ssd-viewer"
COUNTER = ".num_batches_tracked"
"""The only whole number among a network's tensors; training counts with it."""

_SHOWN_FAULTS = 10


def save_model(path: Path, spec: ModelSpec, state: Mapping[str, Array | Tensor]) -> None:
    """Write ``state`` and ``spec`` to ``path``, completely or not at all.

    Raises:
        DetectorError: The place cannot be written to, a tensor is not finite, or the spec would not be read back.
    """
    text = spec_to_json(spec)
    spec_from_json(text)
    arrays = as_arrays(state)
    _check_finite(arrays, path.name)
    write_arrays(path, arrays, {METADATA_KEY: text})


def as_arrays(state: Mapping[str, Array | Tensor]) -> Arrays:
    """Tensors on the host as numpy's; on a CPU nothing is copied."""
    return {n: t if isinstance(t, np.ndarray) else t.detach().cpu().contiguous().numpy() for n, t in state.items()}


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
        raise DetectorError(f"{path.name}: {error.message}", error.hint, *error.remedies) from error


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
    return as_tensors(load_arrays(path, spec))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Returns whatever tensors are in ``path``, floats as float32.

    Raises:
        DetectorError: The file is damaged.
    """
    return as_tensors(read_arrays(path))


def as_tensors(arrays: Arrays) -> dict[str, Tensor]:
    """Torch's tensors of the same numbers, floats as float32."""
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
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    refuse_misfits(wanted, as_arrays(state), what)
    network.load_state_dict(dict(state), strict=True, assign=True)


def refuse_misfits(wanted: Mapping[str, tuple[int, ...]], state: Mapping[str, Array], what: str) -> None:
    """Make sure that every wanted tensor is there, with its shape and kind, and none besides.

    Args:
        wanted: Shapes by name.
        state: Tensors by name.
        what: The file or model, for the message.

    Raises:
        DetectorError: Names the first ten tensors that are missing, extra, of another shape or no floats.
    """
    faults = [f"{key} {list(shape)} is missing" for key, shape in wanted.items() if key not in state]
    faults += [f"{key} {list(array.shape)} is unexpected" for key, array in state.items() if key not in wanted]
    both = [(key, shape, state[key]) for key, shape in wanted.items() if key in state]
    faults += [
        f"{key} is {list(array.shape)} instead of {list(shape)}" for key, shape, array in both if array.shape != shape
    ]
    faults += [
        f"{key} holds {array.dtype} instead of floating point numbers"
        for key, _, array in both
        if array.dtype.kind != "f" and not key.endswith(COUNTER)
    ]
    refuse_faults(faults, what)


def fault_of(name: str, tensor: Array | None, shape: tuple[int, ...]) -> str:
    """Returns why a tensor of a file is none of ``shape`` that a network can compute with; "" where it is."""
    if tensor is None:
        return f"{name} {list(shape)} is missing"
    if tuple(tensor.shape) != shape:
        return f"{name} is {list(tensor.shape)} instead of {list(shape)}"
    if tensor.dtype.kind != "f":
        return f"{name} holds {tensor.dtype} instead of floating point numbers"
    return ""


def refuse_faults(faults: Sequence[str], what: str, fits: str = "its network") -> None:
    """Raise ``DetectorError`` with the first ten of ``faults``, if there are any: ``what`` does not fit ``fits``."""
    if faults:
        more = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        raise DetectorError(f"{what} does not fit {fits}: {'; '.join(faults[:_SHOWN_FAULTS])}{more}.")


def _check_finite(arrays: Arrays, what: str) -> None:
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DetectorError(f"{what}: tensor {name} contains NaN or infinity; the weights are damaged.")
