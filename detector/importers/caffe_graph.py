"""A Caffe network as an OpenVINO model, layer by layer. In the process that may die.

What a network ends in is kept: a table of detections where it has a ``DetectionOutput``, or a loss in its place as a
snapshot of a training has; else whatever no layer takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from detector.errors import DetectorError, legible
from detector.importers.caffe_bench import Bench, LayerError, Port
from detector.importers.caffe_layers import LAYERS
from detector.importers.caffe_network import CaffeNetwork, NetLayer, read_network
from detector.importers.protobuf_wire import Message, last_of
from detector.runtime.openvino_runtime import load_openvino

DETECTION, LOSS = "DetectionOutput", "MultiBoxLoss"
FLOOR = 0.01
"""Of the table's scores: a file's own is for showing, and thresholds are this program's."""
USUAL_LIMIT = 0.45
"""Of suppression, where the file has a loss instead; weiliu89/caffe, ``ssd_pascal.py``."""

_BESIDE = frozenset(("DetectionEvaluate", "Accuracy", "Silence"))
_CODES = {1: "CORNER", 2: "CENTER_SIZE"}
_USUAL_BEST, _USUAL_KEPT, _MOST_KEPT = 400, 200, 2000
_MOST_ENDS = 16


def build_network(path: Path, prototxt: Path | None, size: tuple[int, int]) -> Any:
    """Returns the network in ``path`` as an ``openvino.Model`` for one image Float[1, 3, H, W].

    Args:
        path: The ``.caffemodel``.
        prototxt: The description that counts instead of its own.
        size: (height, width) of its input, pixels.

    Raises:
        DetectorError: It cannot be read, or has a layer that cannot be run; the layer is named.
    """
    openvino = load_openvino()
    network = read_network(path, prototxt)
    bench = Bench(size)
    image = bench.ops.parameter([1, 3, *size], np.float32, name=network.image[:100] or "data")
    ends = _walk(bench, network, image.output(0), path)
    results = []
    for name, port in ends:
        port.set_names({name})
        results.append(bench.ops.result(port))
    return openvino.Model(results, [image], network.name[:100] or path.stem[:100])


def _walk(bench: Bench, network: CaffeNetwork, image: Port, path: Path) -> list[tuple[str, Port]]:
    """The network's outputs and their names, in the order of its layers."""
    ports: dict[str, Port] = {network.image: image}
    loose: dict[str, Port] = {}
    for layer in network.layers:
        if layer.kind in _BESIDE:
            continue
        try:
            if layer.kind in (DETECTION, LOSS):
                return [("detections", _detections(bench, layer, ports))]
            made = _made(bench, layer, ports)
        except (LayerError, RuntimeError) as error:
            why = str(error) if isinstance(error, LayerError) else "does not fit what it takes"
            raise DetectorError(f"{path.name}: layer {legible(layer.name)} ({legible(layer.kind)}) {why}.") from error
        for name in layer.bottoms:
            loose.pop(name, None)
        ports |= made
        loose |= made
    if not 1 <= len(loose) <= _MOST_ENDS:
        raise DetectorError(f"{path.name} gives {len(loose)} arrays, which no detector does.")
    return list(loose.items())


def _made(bench: Bench, layer: NetLayer, ports: Mapping[str, Port]) -> dict[str, Port]:
    make = LAYERS.get(layer.kind)
    if make is None:
        raise DetectorError(
            f"The model contains a layer of type {legible(layer.kind)} ({legible(layer.name)}), which is not known.",
            "Export the model as ONNX, and import that.",
        )
    made = make(bench, layer, [_taken(ports, name) for name in layer.bottoms[:1000]] or _refuse("takes nothing"))
    for port in made:
        bench.shape(port)
    return dict(zip(layer.tops, made, strict=False))


def _taken(ports: Mapping[str, Port], name: str) -> Port:
    if name not in ports:
        raise LayerError(f"takes {legible(name)}, which no layer before it gives")
    return ports[name]


def _refuse(why: str) -> list[Port]:
    raise LayerError(why)


def _detections(bench: Bench, layer: NetLayer, ports: Mapping[str, Port]) -> Port:
    """The table [1, 1, N, 7] of a ``DetectionOutput``, or of what a ``MultiBoxLoss`` trains."""
    is_loss = layer.kind == LOSS
    told = layer.told("multibox_loss_param" if is_loss else "detection_output_param")
    if len(layer.bottoms) < 3:
        raise LayerError(f"takes {len(layer.bottoms)} arrays instead of three")
    locs, scores, defaults = (_taken(ports, name) for name in layer.bottoms[:3])
    places = bench.shape(defaults)[-1] // 4
    locs = bench.reshaped(locs, [1, places * 4])
    classes = bench.shape(scores)[-1] // places if len(bench.shape(scores)) == 2 else last_of(told, "num_classes", 0)
    if places < 1 or classes < 2 or last_of(told, "num_classes", classes) != classes:
        raise LayerError(f"tells {last_of(told, 'num_classes', classes)} classes of {bench.shape(scores)} scores")
    if is_loss:
        rows = bench.reshaped(scores, [1, places, classes])
        sharp = bench.ops.sigmoid(rows) if last_of(told, "conf_loss_type", 0) == 1 else bench.ops.softmax(rows, 2)
        scores = sharp.output(0)
    scores = bench.reshaped(scores, [1, places * classes])
    attributes = _attributes(told, places, is_loss=is_loss)
    return bench.ops.detection_output(locs, scores, defaults, attributes).output(0)


def _attributes(told: Message, places: int, *, is_loss: bool) -> dict[str, Any]:
    suppression: Message = last_of(told, "nms_param", {})
    code = last_of(told, "code_type", 1)
    if code not in _CODES or not last_of(told, "share_location", 1):
        raise LayerError("codes boxes in a way that is not supported")
    limit = float(last_of(suppression, "nms_threshold", 0.3))
    kept = last_of(told, "keep_top_k", -1)
    within = last_of(told, "encode_variance_in_target" if is_loss else "variance_encoded_in_target", 0)
    return {
        "background_label_id": max(-1, last_of(told, "background_label_id", 0)),
        "top_k": min(places, _USUAL_BEST if is_loss else max(1, last_of(suppression, "top_k", places))),
        "keep_top_k": [_USUAL_KEPT if is_loss else min(_MOST_KEPT, kept if kept > 0 else places)],
        "code_type": f"caffe.PriorBoxParameter.{_CODES[code]}",
        "nms_threshold": USUAL_LIMIT if is_loss else limit,
        "confidence_threshold": FLOOR,
        "variance_encoded_in_target": bool(within),
        "share_location": True,
        "normalized": True,
    }
