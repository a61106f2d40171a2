"""From a trained network to a model file."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from detector.golden_reference import with_golden
from detector.spec import ModelSpec
from detector.weights import as_arrays, save_model


def stored_state(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of ``network`` as the file will hold them: contiguous, floats as float16 if it can hold them."""
    return {name: _narrowed(tensor).cpu().contiguous() for name, tensor in network.state_dict().items()}


def _narrowed(tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if bool(torch.isfinite(half).all()) else tensor


def as_stored(network: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    """A copy of ``network`` with the values of ``state``: what is measured is what is shipped."""
    result: nn.Module = copy.deepcopy(network)
    result.load_state_dict(state)
    return result


def write_model(path: Path, spec: ModelSpec, state: dict[str, Tensor], accuracy: dict[str, float]) -> None:
    """Write the model file, with what the network must answer in the self-test.

    Raises:
        DetectorError: It cannot be written, or a weight is not finite.
    """
    arrays = as_arrays(state)
    save_model(path, with_golden(replace(spec, accuracy=accuracy), arrays), arrays)
