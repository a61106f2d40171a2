"""The readers of untrusted files, each with small valid files to damage."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import torch

from detector.importers.base import Overrides, SourceFile
from detector.importers.caffe import import_caffemodel
from detector.importers.caffe_file import read_caffemodel
from detector.importers.read import read_checkpoint
from detector.registry import MODELS
from detector.safetensors_file import Arrays, read_arrays, write_arrays
from detector.spec_json import spec_to_json
from detector.weights import METADATA_KEY, load_spec
from tools.fixtures.caffe_nets import mobilenet_ssd, vgg_ssd
from tools.fixtures.caffe_writer import Style, caffemodel
from tools.fixtures.prototxt import Node
from tools.fuzz.evaluation import EVALUATION_TARGETS
from tools.fuzz.graphs import onnx_target, tflite_target
from tools.fuzz.images import images_target
from tools.fuzz.ir import checker_target, survival_target
from tools.fuzz.mutations import Damage, damage, damage_fields
from tools.fuzz.networks import caffe_graph_target, caffe_network_target, prototxt_target, tensorflow_target
from tools.fuzz.paddle import paddle_target, paddle_weights_target
from tools.fuzz.run import Target
from tools.fuzz.store import store_target
from tools.fuzz.tfjs import tfjs_import_target, tfjs_target
from tools.fuzz.video import video_target

_JSON_WORDS = (
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"-1", b"1e999", b"NaN", b"0.5", b"[[[[[[[[",
    b"\\u0000", b"\\ud800", b'"F32"', b'"BF16"', b'"shape"', b'"dtype"', b'"data_offsets"', b'"__metadata__"',
    b"18446744073709551616",
)  # fmt: skip


def _caffe_files(layers_of_a_kind: int) -> tuple[bytes, ...]:
    """Returns networks with a few bytes of weights, in every storage style.

    Args:
        layers_of_a_kind: Maximum number of layers of each type.
    """
    vgg = vgg_ssd(300, 21, (30, 60, 111, 162, 213, 264, 315))
    mobile = mobilenet_ssd(21, merged=False)
    files = []
    ways: tuple[tuple[Node, Style], ...] = ((vgg, "new"), (vgg, "legacy"), (mobile, "unpacked"), (mobile, "double"))
    for net, style in ways:
        kinds: Counter[str] = Counter()
        layers = []
        for layer in net["layer"]:
            kind = layer["type"][0]
            kinds[kind] += 1
            if kinds[kind] <= layers_of_a_kind and kind not in ("ReLU", "Permute", "Flatten"):
                layers.append(layer)
        weights = {
            layer["name"][0]: [torch.ones(2, 1, 1, 1), torch.ones(2)]
            for layer in layers
            if layer["type"][0] in ("Convolution", "Normalize")
        }
        weights["conv4_3_norm_mbox_conf"] = [torch.ones(84, 1, 1, 1), torch.ones(84)]
        files.append(caffemodel({**net, "layer": layers}, weights, style))
    return tuple(files)


def _caffemodel() -> Target:
    return Target(".caffemodel", read_caffemodel, _caffe_files(3), (damage, damage_fields))


def _caffe_import() -> Target:
    def read(path: Path) -> object:
        return import_caffemodel(path, SourceFile(path.name, "0" * 64), Overrides())

    return Target(".caffemodel", read, _caffe_files(1000), (damage_fields,))


def _safetensors() -> Target:
    arrays: Arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b.weight": np.ones(4, np.float16),
        "c": np.array(3, np.int64),
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        write_arrays(path, arrays, {METADATA_KEY: spec_to_json(MODELS["ultraface-rfb-320"])})
        described = path.read_bytes()
        write_arrays(path, arrays, {})
        bare = path.read_bytes()

    def read(path: Path) -> object:
        found = read_arrays(path)
        return load_spec(path) if len(found) == len(arrays) and b"format" in path.read_bytes() else None

    raw: Damage = partial(damage, words=_JSON_WORDS)
    return Target(".safetensors", read, (described, bare), (raw, _damage_header, _damage_spec))


def _damage_header(content: bytes, random: Random) -> bytes:
    """Damages the header only, and corrects its length."""
    length = int.from_bytes(content[:8], "little")
    header = damage(content[8 : 8 + length], random, _JSON_WORDS)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def _damage_spec(content: bytes, random: Random) -> bytes:
    """Damages the description inside the header only."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = header.get("__metadata__", {}).get(METADATA_KEY, "{}").encode()
    text = damage(text, random, _JSON_WORDS).decode("utf-8", errors="replace")
    header["__metadata__"] = {METADATA_KEY: text}
    changed = json.dumps(header).encode()
    return len(changed).to_bytes(8, "little") + changed + content[8 + length :]


def _checkpoint() -> Target:
    state = {"a.weight": torch.ones(2, 3), "b": torch.zeros(4, dtype=torch.int64)}
    files = []
    for content, new in ((state, True), ({"model": state, "epoch": 3}, True), (state, False)):
        file = io.BytesIO()
        torch.save(content, file, _use_new_zipfile_serialization=new)
        files.append(file.getvalue())
    return Target(".pth", read_checkpoint, tuple(files), (damage,))


TARGETS: dict[str, Callable[[], Target]] = {
    "caffemodel": _caffemodel,
    "caffe-import": _caffe_import,
    "safetensors": _safetensors,
    "openvino-xml": checker_target,
    "openvino-survival": survival_target,
    "checkpoint": _checkpoint,
    "tfjs": tfjs_target,
    "tfjs-import": tfjs_import_target,
    "onnx": onnx_target,
    "tflite": tflite_target,
    "caffe-network": caffe_network_target,
    "caffe-graph": caffe_graph_target,
    "prototxt": prototxt_target,
    "tensorflow": tensorflow_target,
    "paddle": paddle_target,
    "paddle-weights": paddle_weights_target,
    "images": images_target,
    "export": video_target,
    "store": store_target,
    **EVALUATION_TARGETS,
}
"""Targets by their name on the command line."""
