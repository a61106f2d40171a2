"""Filters of eight bits without a sign, as early TensorFlow Lite stores them, with one: in the process that may die.

OpenVINO computes with whole numbers only where filters have no zero point; others it takes for real numbers, which is
several times as slow. Less its zero point, nearly every filter fits into eight bits with a sign, and stays exactly
what it was; an output channel that does not has a coarser scale of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detector.runtime.openvino_runtime import compile_for_latency, operations

_FILTERED = {"Convolution": 1, "GroupConvolution": 2}
"""Layers with filters, and how many of the filters' first axes are those of output channels."""
_PASSED = frozenset(("Convert", "Subtract", "Multiply", "Transpose", "Reshape", "Unsqueeze", "Squeeze"))
_LEAST, _MOST = -128, 127


def with_signed_weights(openvino: Any, model: Any) -> None:
    """Changes the filters of ``model`` that are whole numbers without a sign; leaves others as they are."""
    filtered = [op for op in model.get_ops() if op.get_type_name() in _FILTERED]
    steps = {layer: step for layer in filtered if (step := _step_of(layer.input_value(1))) is not None}
    layers = list(steps)
    if not layers:
        return
    ops = operations()
    asked = openvino.Model([ops.result(layer.input_value(1)) for layer in layers], [], "filters")
    answers = compile_for_latency(openvino.Core(), asked, "fp32")({})
    for index, layer in enumerate(layers):
        filters = np.array(answers[index], np.float32)
        whole, scale = _signed(filters, steps[layer], _FILTERED[layer.get_type_name()])
        real = ops.multiply(ops.convert(ops.constant(whole), "f32"), ops.constant(scale))
        layer.input(1).replace_source_output(real.output(0))
    model.validate_nodes_and_infer_types()


def _step_of(port: Any) -> float | None:
    """The scale of the whole numbers without a sign that come here, made real; None where it is something else."""
    node, step = port.get_node(), None
    while node.get_type_name() in _PASSED:
        if node.get_type_name() == "Multiply":
            factor = node.input_value(1).get_node()
            if step is not None or factor.get_type_name() != "Constant" or factor.data.size != 1:
                return None
            step = float(factor.data.reshape(-1)[0])
        node = node.input_value(0).get_node()
    is_unsigned = node.get_type_name() == "Constant" and node.get_element_type().get_type_name() == "u8"
    return step if is_unsigned and step is not None and step > 0 else None


def _signed(
    filters: npt.NDArray[np.float32], step: float, leading: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Returns whole numbers with a sign, and what each output channel's are to be multiplied with."""
    rest = tuple(range(leading, filters.ndim))
    steps = np.rint(filters / np.float32(step))
    excess = np.maximum(steps.max(axis=rest, keepdims=True) / _MOST, steps.min(axis=rest, keepdims=True) / _LEAST)
    excess = np.maximum(excess, 1.0).astype(np.float32)
    return np.rint(steps / excess).astype(np.int8), excess * np.float32(step)
