"""The answers a model is held to: its network by torch on the CPU in float32, or OpenVINO's for its own networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detector.golden import log_softmax, picture, take
from detector.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor


def with_golden(spec: ModelSpec, tensors: Mapping[str, Tensor]) -> ModelSpec:
    """``spec`` with the answers of its network; runs it once, a third of a second for SSD300 on two cores.

    Args:
        spec: The model, its input convention settled.
        tensors: Under the names of our network.

    Raises:
        DetectorError: The tensors do not fit the network.
    """
    import torch

    from detector.models.build import build_network
    from detector.preprocess import InputBuilder
    from detector.weights import load_strict

    with torch.device("meta"):
        network = build_network(spec)
    floats = {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}
    load_strict(network, floats, spec.name)
    asked = picture(spec.input.height, spec.input.width)
    images = torch.from_numpy(InputBuilder(spec.input)([asked]))
    with torch.inference_mode():  # channels last saves copies: an import is not to need much more than its weights
        locs, logits = network.eval()(images.contiguous(memory_format=torch.channels_last))
    return replace(spec, golden=take(spec, locs[0].numpy(), log_softmax(logits[0].numpy())))


def ir_with_golden(spec: ModelSpec, xml_path: Path) -> ModelSpec:
    """As ``with_golden``, of a network in OpenVINO's format.

    Raises:
        DetectorError: OpenVINO cannot run it.
    """
    from detector.runtime.ir import IrDetector
    from detector.shelf import ShelfEntry

    with IrDetector(ShelfEntry(spec.name, spec, xml_path, False), "fp32") as detector:
        return replace(spec, golden=take(spec, *detector.raw(picture(spec.input.height, spec.input.width))))
