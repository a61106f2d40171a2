"""A network that first parts its image into four of half the size (YOLOX's and YOLOv5's "Focus"), without that step.

The parts beside each other and a convolution of them are one convolution of the image itself, with filters twice as
large that takes every other place: the same numbers, without the copies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detector.runtime.openvino_runtime import compile_for_latency, operations

_SLICES = frozenset(("Slice", "StridedSlice"))
_PARTS = 4
_MOST_EXACT = 2**24  # whole numbers that a float32 tells apart


def without_focus(openvino: Any, model: Any) -> None:
    """Changes ``model`` where it begins so; leaves it alone where it does not."""
    for layer in model.get_ops():
        if layer.get_type_name() != "Convolution":
            continue
        joined = layer.input_value(0).get_node()
        filters = layer.input_value(1).get_node()
        if joined.get_type_name() != "Concat" or filters.get_type_name() != "Constant":
            continue
        image = _common_source(joined)
        if image is None or not _is_plain(layer):
            continue
        offsets = _offsets(openvino, joined, image)
        if offsets is not None:
            _replace(layer, image, np.array(filters.data, np.float32), offsets)
            model.validate_nodes_and_infer_types()
            return


def _common_source(joined: Any) -> Any:
    """The network's input, if all parts are cut from it; else None."""
    if joined.get_input_size() != _PARTS:
        return None
    sources = []
    for index in range(_PARTS):
        node = joined.input_value(index).get_node()
        while node.get_type_name() in _SLICES:
            node = node.input_value(0).get_node()
        sources.append(node)
    first = sources[0]
    same = all(node.get_friendly_name() == first.get_friendly_name() for node in sources)
    is_image = first.get_type_name() == "Parameter" and first.get_element_type().get_type_name() == "f32"
    return first if same and is_image and first.get_output_partial_shape(0).is_static else None


def _is_plain(layer: Any) -> bool:
    """Returns whether a convolution takes every place, with as many zeros on either side."""
    told = layer.get_attributes()
    ones = all(list(told[key]) == [1, 1] for key in ("strides", "dilations"))
    return ones and list(told["pads_begin"]) == list(told["pads_end"]) and told["auto_pad"] == "explicit"


def _offsets(openvino: Any, joined: Any, image: Any) -> list[tuple[int, int]] | None:
    """(row, column) at which each part begins, told by where numbers end up; None where the parts are others."""
    shape = tuple(image.get_output_shape(0))
    _, channels, height, width = shape
    count = channels * height * width
    if shape[0] != 1 or height % 2 or width % 2 or count > _MOST_EXACT:
        return None
    probe = openvino.Model([operations().result(joined.output(0))], [image], "parts")
    places = np.arange(count, dtype=np.float32).reshape(shape)
    found = np.array(compile_for_latency(openvino.Core(), probe, "fp32")({0: places})[0])
    if found.shape != (1, _PARTS * channels, height // 2, width // 2):
        return None
    offsets = [divmod(int(found[0, part * channels, 0, 0]), width) for part in range(_PARTS)]
    if len(set(offsets)) != _PARTS or any(row > 1 or column > 1 for row, column in offsets):
        return None
    expected = np.concatenate([places[:, :, row::2, column::2] for row, column in offsets], axis=1)
    return offsets if np.array_equal(found, expected) else None


def _replace(layer: Any, image: Any, filters: npt.NDArray[np.float32], offsets: list[tuple[int, int]]) -> None:
    """Puts one convolution of the image in the place of that of its parts."""
    out, joined, height, width = filters.shape
    channels = joined // _PARTS
    wide = np.zeros((out, channels, 2 * height, 2 * width), np.float32)
    for part, (row, column) in enumerate(offsets):
        wide[:, :, row::2, column::2] = filters[:, part * channels : (part + 1) * channels]
    pads = [2 * side for side in layer.get_attributes()["pads_begin"]]
    ops = operations()
    whole = ops.convolution(image, ops.constant(wide), [2, 2], pads, pads, [1, 1])
    whole.set_friendly_name(layer.get_friendly_name())
    layer.output(0).replace(whole.output(0))
