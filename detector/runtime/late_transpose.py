"""A network whose last step turns [1, C, N] into [1, N, C], of maps joined before: turns the maps instead.

OpenVINO computes with the channels of a place beside each other, so turning a map costs nothing, and the joined table
needs no copy in another order. The numbers stay the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from detector.runtime.openvino_runtime import operations


def without_late_transpose(model: Any) -> None:
    """Changes each output of ``model`` that is made so; leaves the others alone."""
    for result in model.get_results():
        last = result.input_value(0).get_node()
        maps = _joined_maps(last)
        if maps:
            _replace(last, maps)
            model.validate_nodes_and_infer_types()


def _joined_maps(last: Any) -> list[Any]:
    """The maps [1, C, H, W] that an output is made of; none where it is made otherwise."""
    if last.get_type_name() != "Transpose" or not _is_constant(last, [0, 2, 1]):
        return []
    joined = last.input_value(0).get_node()
    if joined.get_type_name() != "Concat" or joined.get_attributes()["axis"] not in (2, -1):
        return []
    maps = [_unflattened(part) for part in joined.input_values()]
    return [] if any(each is None for each in maps) else maps


def _unflattened(part: Any) -> Any:
    """The map [1, C, H, W] that is laid out as ``part`` [1, C, H * W]; None where it is something else."""
    flat = part.get_node()
    if flat.get_type_name() != "Reshape":
        return None
    source = flat.input_value(0)
    if source.get_partial_shape().is_dynamic or part.get_partial_shape().is_dynamic:
        return None
    whole, given = tuple(source.get_shape()), tuple(part.get_shape())
    fits = len(whole) == 4 and given == (1, whole[1], whole[2] * whole[3])
    return source if fits else None


def _is_constant(layer: Any, values: list[int]) -> bool:
    order = layer.input_value(1).get_node()
    return order.get_type_name() == "Constant" and np.array(order.data).reshape(-1).tolist() == values


def _replace(last: Any, maps: list[Any]) -> None:
    """Puts tables [1, N, C], one below the other, in the place of ``last``."""
    ops, tables = operations(), []
    for each in maps:
        _, channels, height, width = each.get_shape()
        turned = ops.transpose(each, np.array([0, 2, 3, 1]))
        tables.append(ops.reshape(turned, np.array([1, height * width, channels]), False))
    table = ops.concat(tables, 1)
    table.set_friendly_name(last.get_friendly_name())
    names = last.output(0).get_names()
    last.output(0).set_names(set())
    last.output(0).replace(table.output(0))
    table.output(0).set_names(names)
