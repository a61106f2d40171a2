"""A graph's network that takes the pixels themselves, bytes [1, H, W, 3]: scaling becomes its first step.

Making floats of them in another order, one colour after the other, costs OpenVINO a copy back to its own, and this
program the copy to begin with. The numbers that the first layer sees stay the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.graph_spec import GraphSpec
from detector.runtime.openvino_runtime import operations
from detector.spec import InputSpec, ModelSpec

_ONES = [1, 1]


def with_pixels(openvino: Any, model: Any, spec: ModelSpec, precision: str) -> tuple[Any, ModelSpec]:
    """Returns a network that takes pixels, and the description of what it takes; both unchanged where that does not do.

    Args:
        openvino: The package.
        model: ``openvino.Model`` of ``spec``; stays as it is.
        spec: Whose input is scaled, one colour after the other.
        precision: "fp32", "bf16" or "int8". In half precision only pixels that are not scaled are exact.
    """
    graph, given = spec.graph, spec.input
    plain = not any(given.mean) and set(given.std) == {1.0}
    takes_floats = graph is not None and (graph.layout, graph.element) == ("nchw", "f32")
    if graph is None or not takes_floats or given.smooth or not (plain or precision in ("fp32", "int8")):
        return model, spec
    changed = model.clone()
    old = changed.get_parameters()[0]
    pixels = operations().parameter([1, given.height, given.width, 3], np.uint8, "pixels")
    scaled = _scaled(pixels, given)
    if not _as_pairs(scaled, old, given):
        turned = operations().transpose(scaled, np.array([0, 3, 1, 2]))
        old.output(0).replace(turned.output(0))
    whole = openvino.Model(changed.get_results(), [pixels])
    return whole, _described(spec, graph, given)


def _described(spec: ModelSpec, graph: GraphSpec, given: InputSpec) -> ModelSpec:
    bytes_in = replace(graph, layout="nhwc", element="u8")
    return replace(spec, input=replace(given, mean=(0.0,) * 3, std=(1.0,) * 3), graph=bytes_in)


def _scaled(pixels: Any, given: InputSpec) -> Any:
    """Float32[1, H, W, 3], by the same steps as on the host."""
    ops = operations()
    values = ops.convert(pixels, "f32")
    if any(given.mean):
        values = ops.subtract(values, ops.constant(np.array(given.mean, np.float32)))
    if set(given.std) != {1.0}:
        values = ops.multiply(values, ops.constant(1.0 / np.array(given.std, np.float32)))
    return values


def _as_pairs(values: Any, image: Any, given: InputSpec) -> bool:
    """Lets a first convolution that takes every other column look at pairs of pixels, if the network begins with one.

    Twice as many channels and half as many columns are the same memory; three channels alone leave most of the
    processor's lanes empty.

    Args:
        values: Float32[1, H, W, 3].
        image: The network's input [1, 3, H, W], whose place is taken.
        given: Its size.
    """
    users = list(image.output(0).get_target_inputs())
    layer = users[0].get_node() if len(users) == 1 else None
    if layer is None or layer.get_type_name() != "Convolution" or given.width % 2:
        return False
    told, filters = layer.get_attributes(), layer.input_value(1).get_node()
    plain = list(told["dilations"]) == _ONES and told["auto_pad"] == "explicit" and told["strides"][1] == 2
    if not plain or filters.get_type_name() != "Constant" or filters.get_element_type().get_type_name() != "f32":
        return False
    (top, left), bottom = told["pads_begin"], told["pads_end"][0]
    paired, before = _paired(np.array(filters.data, np.float32), left)
    after = layer.get_output_shape(0)[3] - 1 + paired.shape[3] - given.width // 2 - before
    if after < 0:
        return False
    ops = operations()
    pairs = ops.reshape(values, np.array([1, given.height, given.width // 2, 6]), False)
    turned = ops.transpose(pairs, np.array([0, 3, 1, 2]))
    steps = [told["strides"][0], 1]
    whole = ops.convolution(turned, ops.constant(paired), steps, [top, before], [bottom, after], _ONES)
    whole.set_friendly_name(layer.get_friendly_name())
    layer.output(0).replace(whole.output(0))
    return True


def _paired(filters: npt.NDArray[np.float32], left: int) -> tuple[npt.NDArray[np.float32], int]:
    """Filters [O, 6, h, K] of pairs for those [O, 3, h, w] of pixels, two apart; how many pairs of zeros come before.

    Args:
        filters: As they are.
        left: How many columns of zeros come before the image.
    """
    out, _, height, width = filters.shape
    first = -left // 2
    pairs = (width - 1 - left) // 2 - first + 1
    result = np.zeros((out, 6, height, pairs), np.float32)
    for column in range(width):
        pair, side = divmod(column - left, 2)
        result[:, 3 * side : 3 * side + 3, :, pair - first] = filters[:, :, :, column]
    return result, -first
