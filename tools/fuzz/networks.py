"""Caffe's and TensorFlow's networks as targets: what is read of them, and what is built of that."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch

from detector.importers.caffe_graph import build_network
from detector.importers.caffe_network import brings_its_graph, read_network
from detector.importers.caffe_schema import OUTLINE, WORDS
from detector.importers.prototxt import read_prototxt
from detector.importers.tensorflow_file import check_tensorflow, constant_names, read_constants
from tools.fixtures.caffe_nets import residual_ssd, with_detections, with_loss
from tools.fixtures.caffe_writer import caffemodel
from tools.fixtures.prototxt import Node, prototxt_text
from tools.fixtures.tensorflow_writer import FLOAT, constant, graph_def, node, saved_model
from tools.fuzz.mutations import damage, damage_fields
from tools.fuzz.run import Target

_CLASSES, _SIDE = 3, 96
_WORDS = (
    b"{", b"}", b"<", b">", b"[", b"]", b":", b'"', b"layer {", b"dim: -1", b"dim: 0", b"dim: 99999999", b"pad: 4096",
    b"kernel_size: 0", b"stride: 0", b"group: 7", b"axis: -9", b"num_output: 1000000000", b"1e999", b"true", b"MAX",
    b"order: 3", b"order: -1", b"min_size: 0", b"variance: -1", b"#",
)  # fmt: skip
_VALUES = (b"0", b"-1", b"1", b"2", b"3", b"7", b"65536", b"2147483647", b"0.5", b"1e30", b"MAX")


def caffe_network_target() -> Target:
    """The reader of whole Caffe networks, with and without a description beside them."""

    def read(path: Path) -> object:
        brings_its_graph(path)
        return read_network(path, None)

    return Target(".caffemodel", read, _files(), (damage_fields, damage))


def prototxt_target() -> Target:
    """The reader of descriptions."""
    text = prototxt_text(with_detections(residual_ssd(_CLASSES, 2), _CLASSES)).encode()
    return Target(
        ".prototxt", lambda path: read_prototxt(path, OUTLINE, WORDS), (text,), (partial(damage, words=_WORDS),)
    )


def caffe_graph_target() -> Target:
    """The builder behind both: a sound file of weights, and a damaged description. Native code runs in this process."""
    weights = _files()[0]

    def read(path: Path) -> object:
        file = path.with_name("weights.caffemodel")
        if not file.exists():
            file.write_bytes(weights)
        return build_network(file, path, (_SIDE, _SIDE))

    text = prototxt_text(with_detections(residual_ssd(_CLASSES, 2), _CLASSES)).encode()
    return Target(".prototxt", read, (text,), (_change_number, partial(damage, words=_WORDS)), slow_s=10.0)


def tensorflow_target() -> Target:
    """The reader of frozen graphs and SavedModels."""
    nodes = [
        node("image", "Placeholder", type_dtype=FLOAT, shape=(1, 8, 8, 3)),
        constant("a", np.arange(6, dtype=np.float32).reshape(2, 3)),
        constant("b", np.full((4, 4), 0.5, np.float32), apart=True),
        constant("c", np.array([1, 2], np.int64)),
        constant("d", np.array([True, False])),
        constant("e", np.array([0.5], np.float16)),
        node("f", "Relu", "image", type_T=FLOAT),
        node("g", "AddV2", "f", "^a", "b:0", type_T=FLOAT),
    ]
    graph = graph_def(nodes)

    def read(path: Path) -> object:
        check_tensorflow(path)
        return constant_names(path), read_constants(path)

    saved = saved_model(graph, {"g": (FLOAT, (1, 8, 8, 3))}, (1, 8, 8, 3))
    return Target(".pb", read, (graph, saved), (damage_fields, damage))


def _change_number(content: bytes, random: Random) -> bytes:
    """Puts another number or word in the place of one value, so that what is around it is sound."""
    lines = content.split(b"\n")
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(lines))
        name, colon, _ = lines[at].partition(b": ")
        if colon:
            lines[at] = name + colon + random.choice(_VALUES)
        elif random.random() < 0.3:
            del lines[at]
    return b"\n".join(lines)


def _files() -> tuple[bytes, ...]:
    """Networks with few channels: as trained, their weights in either precision."""
    net = with_loss(residual_ssd(_CLASSES, 2), _CLASSES)
    weights = {layer["name"][0]: _blobs(layer) for layer in net["layer"]}
    weights = {name: blobs for name, blobs in weights.items() if blobs}
    return caffemodel(net, weights), caffemodel(net, weights, "double")


_CHANNELS = {"data": 3}


def _blobs(layer: Node) -> list[torch.Tensor]:
    """Ones for every weight; channels are followed through the net, whose layers come in order."""
    kind, top = layer["type"][0], layer["top"][0]
    into = _CHANNELS.get(layer.get("bottom", ["data"])[0], 1)
    _CHANNELS[top] = into
    if kind == "Convolution":
        told = layer["convolution_param"][0]
        out, kernel = int(told["num_output"][0]), int(told["kernel_size"][0])
        _CHANNELS[top] = out
        return [torch.ones(out, into, kernel, kernel), torch.ones(out)]
    return {
        "BatchNorm": [torch.ones(into), torch.ones(into), torch.ones(1)],
        "Scale": [torch.ones(into), torch.ones(into)],
        "Normalize": [torch.ones(into)],
    }.get(kind, [])
