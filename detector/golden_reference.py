"""What a model is held to: the answers of its network by torch on the CPU in float32, or by OpenVINO of its own
networks; and the SHA-256 of the weights that gave them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detector.errors import DetectorError
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
    golden = take(spec, locs[0].numpy(), log_softmax(logits[0].numpy()), weights_hash(floats))
    return replace(spec, golden=golden)


def ir_with_golden(spec: ModelSpec, xml_path: Path) -> ModelSpec:
    """As ``with_golden``, of a network in OpenVINO's format.

    Raises:
        DetectorError: OpenVINO cannot run it.
    """
    from detector.runtime.ir import IrDetector
    from detector.shelf import ShelfEntry

    with IrDetector(ShelfEntry(spec.name, spec, xml_path, False), "fp32") as detector:
        answers = detector.raw(picture(spec.input.height, spec.input.width))
    return replace(spec, golden=take(spec, *answers, ir_hash(xml_path)))


def weights_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and values; the same for float16 and the float32 it is read as."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        values = (tensor.float() if tensor.is_floating_point() else tensor).contiguous().numpy()
        found.update(f"{name} {values.dtype} {values.shape}\n".encode())
        found.update(values.reshape(-1).view("u1").data)
    return found.hexdigest()


def ir_hash(xml_path: Path) -> str:
    """SHA-256 over a network's ``.xml`` and ``.bin``.

    Raises:
        DetectorError: One of them cannot be read.
    """
    found = hashlib.sha256()
    for path in (xml_path, xml_path.with_suffix(".bin")):
        try:
            with path.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    return found.hexdigest()
