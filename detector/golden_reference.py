"""The reference of a model: its network's answers, and the SHA-256 of the weights that gave them.

The answers are OpenVINO's on the CPU in float32, or torch's where there is no OpenVINO.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from detector.golden import Floats, fixed_image, ir_hash, log_softmax, take, weights_hash
from detector.model_file import ModelEntry
from detector.plans.architectures import is_two_stage
from detector.preprocess import InputBuilder
from detector.runtime.openvino_runtime import compile_for_latency, is_installed, load_openvino
from detector.safetensors_file import Arrays
from detector.spec import ModelSpec


def with_golden(spec: ModelSpec, arrays: Arrays) -> ModelSpec:
    """``spec`` with the answers of its network; runs it once, a third of a second for SSD300 on two cores.

    Args:
        spec: The model, its input convention settled.
        arrays: Tensors under the names of our network.

    Raises:
        DetectorError: The tensors do not fit the network.
    """
    if is_two_stage(spec):
        return spec  # no default boxes whose answers could be kept
    images = InputBuilder(spec.input)([fixed_image(spec.input.height, spec.input.width)])
    locs, logits = (_by_openvino if is_installed() else _by_torch)(spec, arrays, images)
    return replace(spec, golden=take(spec, locs, log_softmax(logits), weights_hash(arrays)))


def _by_openvino(spec: ModelSpec, arrays: Arrays, images: Floats) -> tuple[Floats, Floats]:
    from detector.runtime.openvino_graph import build_graph

    openvino = load_openvino()
    network = build_graph(openvino, spec, dict(arrays), spec.name)
    answers = compile_for_latency(openvino.Core(), network, "fp32")(images)
    return np.array(answers[0][0]), np.array(answers[1][0])


def _by_torch(spec: ModelSpec, arrays: Arrays, images: Floats) -> tuple[Floats, Floats]:
    import torch

    from detector.models.build import build_network
    from detector.weights import as_tensors, load_strict

    with torch.device("meta"):
        network = build_network(spec)
    load_strict(network, as_tensors(arrays), spec.name)
    with torch.inference_mode():  # channels last saves copies: an import is not to need much more than its weights
        answers = network.eval()(torch.from_numpy(images).contiguous(memory_format=torch.channels_last))
    return answers[0][0].numpy(), answers[1][0].numpy()


def ir_with_golden(spec: ModelSpec, xml_path: Path) -> ModelSpec:
    """Does what ``with_golden`` does, for a network in OpenVINO's format.

    Raises:
        DetectorError: OpenVINO cannot run it.
    """
    from detector.runtime.ir import IrDetector

    with IrDetector(ModelEntry(spec.name, spec, xml_path, False), "fp32") as detector:
        locs, log_scores = detector.raw(fixed_image(spec.input.height, spec.input.width))
        if not len(locs):  # a network that only gives what it found, and found nothing in the fixed image
            return spec
        return replace(spec, golden=take(spec, locs, log_scores, ir_hash(xml_path)))
