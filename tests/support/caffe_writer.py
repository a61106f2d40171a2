"""Writing ``.caffemodel`` bytes by hand: the wire format of Protocol Buffers and Caffe's field numbers, stated anew."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from torch import Tensor

from tests.support.prototxt import Node

Style = Literal["new", "legacy", "unpacked", "double"]

# Number and kind of each field; a kind in capitals is a message.
_FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "NetParameter": {
        "name": (1, "text"), "layers": (2, "V1LayerParameter"), "input": (3, "text"), "input_dim": (4, "int"),
        "input_shape": (8, "BlobShape"), "layer": (100, "LayerParameter"),
    },
    "LayerParameter": {
        "name": (1, "text"), "type": (2, "text"), "bottom": (3, "text"), "top": (4, "text"), "param": (6, "ParamSpec"),
        "blobs": (7, "BlobProto"), "transform_param": (100, "TransformationParameter"),
        "convolution_param": (106, "ConvolutionParameter"), "batch_norm_param": (139, "BatchNormParameter"),
        "input_param": (143, "InputParameter"), "prior_box_param": (203, "PriorBoxParameter"),
        "norm_param": (206, "NormalizeParameter"),
    },
    "V1LayerParameter": {
        "bottom": (2, "text"), "top": (3, "text"), "name": (4, "text"), "blobs": (6, "BlobProto"),
    },
    "BlobProto": {
        "num": (1, "int"), "channels": (2, "int"), "height": (3, "int"), "width": (4, "int"), "data": (5, "floats"),
        "unpacked": (5, "tagged"), "shape": (7, "BlobShape"), "double_data": (8, "doubles"),
    },
    "BlobShape": {"dim": (1, "ints")},
    "ParamSpec": {"lr_mult": (3, "float"), "decay_mult": (4, "float")},
    "TransformationParameter": {
        "scale": (1, "float"), "mirror": (2, "int"), "mean_value": (5, "float"), "resize_param": (8, "ResizeParameter"),
    },
    "ResizeParameter": {"prob": (1, "float"), "height": (3, "int"), "width": (4, "int")},
    "ConvolutionParameter": {
        "num_output": (1, "int"), "bias_term": (2, "int"), "pad": (3, "int"), "kernel_size": (4, "int"),
        "group": (5, "int"), "stride": (6, "int"), "dilation": (18, "int"),
    },
    "BatchNormParameter": {"eps": (3, "float")},
    "InputParameter": {"shape": (1, "BlobShape")},
    "NormalizeParameter": {"across_spatial": (1, "int"), "channel_shared": (3, "int"), "eps": (4, "float")},
    "PriorBoxParameter": {
        "min_size": (1, "float"), "max_size": (2, "float"), "aspect_ratio": (3, "float"), "flip": (4, "int"),
        "clip": (5, "int"), "variance": (6, "float"), "img_size": (7, "int"), "img_h": (8, "int"), "img_w": (9, "int"),
        "step": (10, "float"), "step_h": (11, "float"), "step_w": (12, "float"), "offset": (13, "float"),
    },
}  # fmt: skip


def caffemodel(net: Node, weights: Mapping[str, list[Tensor]], style: Style = "new") -> bytes:
    """``net`` with its weights, as Caffe would save it after training.

    Args:
        net: Layers as in its prototxt; fields this writer has no number for are left out.
        weights: Blobs by layer name.
        style: How blobs are stored: as today; with four dimensions and in V1 layers; every number with a tag of its
            own; in double precision.
    """
    layers = []
    for layer in net["layer"]:
        blobs = [_blob(blob.numpy(), style) for blob in weights.get(layer["name"][0], [])]
        layers.append({**layer, "param": [{"lr_mult": [1.0]}] * len(blobs), "blobs": blobs})
    key = "layers" if style == "legacy" else "layer"
    return encode({**{k: v for k, v in net.items() if k != "layer"}, key: layers}, "NetParameter")


def encode(node: Node, message: str) -> bytes:
    """A message of the kind ``message``."""
    parts = []
    for key, values in node.items():
        if key not in _FIELDS[message]:
            continue
        number, kind = _FIELDS[message][key]
        for value in values:
            parts += _field(number, kind, value)
    return b"".join(parts)


def varint(value: int) -> bytes:
    """Seven bits a byte, lowest first."""
    value &= 2**64 - 1
    result = bytearray()
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes([*result, value])


def _field(number: int, kind: str, value: Any) -> list[bytes]:
    if kind == "int" or (kind == "ints" and not isinstance(value, list)):
        return [varint(number << 3), varint(int(value))]
    if kind == "float":
        return [varint(number << 3 | 5), struct.pack("<f", value)]
    if kind == "tagged":  # a tag before every number
        pairs = np.empty(len(value), [("tag", "u1"), ("value", "<f4")])
        pairs["tag"], pairs["value"] = number << 3 | 5, value
        return [pairs.tobytes()]
    if kind == "text":
        content = str(value).encode()
    elif kind == "ints":
        content = b"".join(varint(int(v)) for v in value)
    elif kind in ("floats", "doubles"):
        content = np.asarray(value, "<f4" if kind == "floats" else "<f8").tobytes()
    else:
        content = encode(value, kind)
    return [varint(number << 3 | 2), varint(len(content)), content]


def _blob(array: np.ndarray[Any, Any], style: Style) -> Node:
    if style == "legacy":
        sides = [1] * (4 - array.ndim) + list(array.shape)
        return {key: [n] for key, n in zip(("num", "channels", "height", "width"), sides, strict=True)} | {
            "data": [array]
        }
    shape = [{"dim": [list(array.shape)]}]
    if style == "unpacked":
        return {"shape": shape, "unpacked": [array.ravel()]}
    return {"shape": shape, "double_data" if style == "double" else "data": [array]}
