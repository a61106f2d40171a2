"""Caffe networks that none of ours is like: rebuilt layer by layer, they answer what Caffe's layers do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from detector.errors import DetectorError
from detector.importers.base import Overrides
from detector.importers.caffe_bench import Bench
from detector.importers.caffe_graph import build_network
from detector.importers.caffe_layers import LAYERS
from detector.importers.caffe_network import NetLayer, brings_its_graph, read_network
from detector.importers.caffe_schema import OUTLINE, WORDS
from detector.importers.protobuf_wire import WireError
from detector.importers.prototxt import parse_prototxt
from detector.library import ImportResult, ModelLibrary
from detector.runtime.open import open_detector
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino
from tests.support import opencv_caffe
from tests.support.caffe_reference import Weights, random_weights, run_caffe
from tests.support.detection_parity import Parity, of_candidates, photographs
from tests.support.shared_data import shared
from tools.fixtures.caffe_nets import mobilenet_ssd, residual_ssd, with_detections, with_loss
from tools.fixtures.caffe_writer import caffemodel
from tools.fixtures.prototxt import Node, prototxt_text

CLASSES = 3
Floats = npt.NDArray[np.float32]


def _import(path: Path, folder: Path, **said: Any) -> ImportResult:
    return ModelLibrary(folder / "user", folder / "none").import_file(path, "net", Overrides(**said))


def _images(side: int) -> torch.Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1)) * 50


def _answers(path: Path, prototxt: Path | None, images: npt.NDArray[Any]) -> list[Floats]:
    core = load_openvino().Core()
    model = build_network(path, prototxt, (images.shape[2], images.shape[3]))
    outputs = compile_for_latency(core, model, "fp32")({0: images})
    return [np.array(outputs[i], np.float32) for i in range(len(outputs))]


def _calm(net: Node) -> Weights:
    """Random weights, whose boxes lie near their default boxes, and whose scores are not all the same."""
    weights = random_weights(net)
    side = int(net["layer"][0]["transform_param"][0]["resize_param"][0]["height"][0])
    answers = run_caffe(net, weights, _images(side))
    for end, largest in (("mbox_loc", 2), ("mbox_conf", 4)):
        factor = largest / float(answers[end].abs().max())
        for name, blobs in weights.items():
            if name.endswith(f"_{end}"):
                blobs[:] = [blob * factor for blob in blobs]
    return weights


NETS = [
    pytest.param(residual_ssd(CLASSES), 96, id="residual"),
    pytest.param(mobilenet_ssd(CLASSES, merged=False, width=0.25), 300, id="quarter-mobilenet"),
]


@pytest.mark.parametrize(("net", "side"), NETS)
def test_every_layer_computes_what_caffe_does(net: Node, side: int, tmp_path: Path) -> None:
    """The three arrays that detections are made of, which nothing takes where a network ends without them."""
    weights = _calm(net)
    path = tmp_path / "net.caffemodel"
    path.write_bytes(caffemodel(net, weights))
    assert brings_its_graph(path)
    images = _images(side)
    expected = run_caffe(net, weights, images)
    answers = _answers(path, None, images.numpy())
    for found, name in zip(answers, ("mbox_loc", "mbox_conf", "mbox_priorbox"), strict=True):
        scale = float(expected[name].abs().max())
        np.testing.assert_allclose(found, expected[name].numpy(), rtol=0, atol=2e-5 * scale)


@pytest.mark.parametrize(("net", "side"), NETS)
def test_a_deployed_network_decodes_as_its_file_says(net: Node, side: int, tmp_path: Path) -> None:
    weights = _calm(net)
    path = tmp_path / "some.caffemodel"
    path.write_bytes(caffemodel(net, weights))
    (tmp_path / "some.prototxt").write_text(prototxt_text(with_detections(net, CLASSES)))
    result = _import(path, tmp_path)
    spec = result.entry.spec
    assert spec.graph is not None
    assert (spec.graph.rule, spec.labels) == ("detection-output", ("class 1", "class 2"))
    assert (spec.input.width, spec.input.channels) == (side, "bgr")
    mean = (127.5,) * 3 if side == 300 else (104.0, 117.0, 123.0)
    assert spec.input.mean == mean
    image = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    blob = (image.transpose(2, 0, 1)[None] - np.array(mean, np.float32)[:, None, None]) / np.float32(spec.input.std[0])
    expected = run_caffe(net, weights, torch.from_numpy(blob.astype(np.float32)))
    with open_detector(result.entry, "cpu", "fp32") as detector:
        (found,) = detector.candidates_batch([image])
    scores = expected["mbox_conf"].reshape(-1, CLASSES).softmax(1)[:, 1:].numpy()
    boxes = _decoded(expected["mbox_loc"].numpy(), expected["mbox_priorbox"].numpy())
    assert len(found) > 5
    for box, score, label in zip(found.boxes_xyxy, found.scores, found.class_ids, strict=True):
        same = np.abs(scores[:, label] - score) < 1e-4
        assert (np.abs(boxes[same] * side - box).max(axis=1) < 0.05).any()


def _decoded(locs: Floats, priors: Floats) -> Floats:
    """Paper section 2.2, equation 2, in fractions; one box after the other."""
    found = []
    for loc, box, variance in zip(*(x.reshape(-1, 4) for x in (locs, priors[0, 0], priors[0, 1])), strict=True):
        width, height = box[2] - box[0], box[3] - box[1]
        x = box[0] + width / 2 + loc[0] * variance[0] * width
        y = box[1] + height / 2 + loc[1] * variance[1] * height
        w, h = np.exp(loc[2:] * variance[2:]) * (width, height) / 2
        found.append((x - w, y - h, x + w, y + h))
    return np.array(found, np.float32)


def test_a_snapshot_of_a_training_needs_no_other_file(tmp_path: Path) -> None:
    net = residual_ssd(CLASSES)
    path = tmp_path / "snapshot.caffemodel"
    path.write_bytes(caffemodel(with_loss(net, CLASSES), _calm(net)))
    spec = _import(path, tmp_path).entry.spec
    assert spec.graph is not None
    assert (spec.graph.rule, len(spec.labels), spec.postprocess.iou_threshold) == ("detection-output", 2, 0.45)
    assert spec.golden is not None
    assert len(spec.golden.log_scores) > 0


def test_opencvs_face_detector_is_known_by_its_name(tmp_path: Path) -> None:
    net = residual_ssd(2)
    path = tmp_path / "res10_300x300_ssd_iter_1.caffemodel"
    path.write_bytes(caffemodel(with_loss(net, 2), _calm(net)))
    assert _import(path, tmp_path).entry.spec.labels == ("face",)


def _odd(path: Path, net: Node, weights: Weights) -> Path:
    path.write_bytes(caffemodel(net, weights))
    return path


def test_what_cannot_be_run_is_named(tmp_path: Path) -> None:
    net = residual_ssd(CLASSES)
    weights = _calm(net)
    path = _odd(tmp_path / "a.caffemodel", net, weights)
    text = prototxt_text(with_detections(net, CLASSES))
    for change, words in (
        (('type: "Eltwise"', 'type: "Proposal"'), "layer of type Proposal"),
        (('bottom: "b_sum"', 'bottom: "nowhere"'), "takes nowhere"),
        (('name: "a_1"', 'name: "elsewhere"'), "no weights"),
        (("kernel_size: 7", "kernel_size: 5"), "kernel of"),
        (("share_location: true", "share_location: false"), "codes boxes"),
        (("num_classes: 3", "num_classes: 4"), "classes"),
    ):
        assert change[0] in text
        (tmp_path / "a.prototxt").write_text(text.replace(*change, 1))
        with pytest.raises(DetectorError, match=words) as caught:
            _import(path, tmp_path)
        assert len(str(caught.value.message).splitlines()) == 1
        assert not list((tmp_path / "user").glob("*"))


def test_weights_without_connections_ask_for_their_description(tmp_path: Path) -> None:
    net = residual_ssd(CLASSES)
    path = tmp_path / "old.caffemodel"
    path.write_bytes(caffemodel(net, random_weights(net), "legacy"))
    with pytest.raises(DetectorError):
        _import(path, tmp_path)
    (tmp_path / "deploy.prototxt.txt").write_text(prototxt_text(with_detections(net, CLASSES)))
    assert len(_import(path, tmp_path).entry.spec.labels) == CLASSES - 1


def test_a_size_that_no_file_tells_is_asked_for(tmp_path: Path) -> None:
    net = residual_ssd(CLASSES)
    deployed = with_detections(net, CLASSES)
    bare = {**deployed, "layer": [{"name": ["data"], "type": ["Input"], "top": ["data"]}, *deployed["layer"][1:]]}
    path = tmp_path / "a.caffemodel"
    path.write_bytes(caffemodel(bare, _calm(net)))
    with pytest.raises(DetectorError) as caught:
        _import(path, tmp_path)
    assert [remedy.option for remedy in caught.value.remedies] == ["size"]
    given = _import(path, tmp_path, size=(128, 96)).entry.spec.input
    assert (given.width, given.height) == (128, 96)
    bare["layer"][0]["input_param"] = [{"shape": [{"dim": [1, 1, 96, 128]}]}]
    path.write_bytes(caffemodel(bare, _calm(net)))
    with pytest.raises(DetectorError, match="images of 1 channel"):
        _import(path, tmp_path / "grey")


@pytest.mark.parametrize(
    "text",
    ["layer { ", "layer { name: }", "layer { name: 'a }", "layer { convolution_param { pad: x } }", "{" * 50, "a " * 3,
     "layer: 3", 'name { x: 1 }', "layer { relu_param { negative_slope: 1e999 } }", "layer { a: [1, 2 }"],
)  # fmt: skip
def test_a_damaged_description_is_one_line(text: str) -> None:
    with pytest.raises(WireError):
        parse_prototxt(text, OUTLINE, WORDS)


def test_a_description_is_read_as_its_writers_write_it() -> None:
    text = """
        # comment
        name: "n" input: 'data' input_shape < dim: [1, 3, 8, 9] >
        layer { name: "p"; type: "Pooling", bottom: "data" top: "p" param { lr_mult: 1e-3 }
                pooling_param { pool: AVE kernel_size: 3 global_pooling: true } unknown { deep { x: "y" } } }
    """
    message = parse_prototxt(text, OUTLINE, WORDS)
    (layer,) = message["layer"]
    assert layer["pooling_param"] == [{"pool": [1], "kernel_size": [3], "global_pooling": [1]}]
    assert message["input_shape"] == [{"dim": [1, 3, 8, 9]}]
    assert (layer["name"], layer["type"], "unknown" in layer) == (["p"], ["Pooling"], False)


_F = torch.nn.functional
_X = torch.randn(1, 6, 7, 9, generator=torch.Generator().manual_seed(2))
_W = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(3)) * 0.2
_V = torch.randn(6, generator=torch.Generator().manual_seed(4))
_M = torch.randn(5, 378, generator=torch.Generator().manual_seed(5)) * 0.1
SINGLE: list[tuple[str, str, list[torch.Tensor], torch.Tensor]] = [
    ("Convolution", "convolution_param { num_output: 8 group: 2 kernel_h: 3 kernel_w: 3 pad_h: 1 pad_w: 2 stride: 2 "
     "bias_term: false }", [_W], _F.conv2d(_X, _W, None, 2, (1, 2), 1, 2)),
    ("DepthwiseConvolution", "convolution_param { num_output: 6 kernel_size: 3 dilation: 2 }", [_W[:6, :1], _V],
     _F.conv2d(_X, _W[:6, :1], _V, 1, 0, 2, 6)),
    ("Deconvolution", "convolution_param { num_output: 3 kernel_size: 3 stride: 2 pad: 1 bias_term: false }",
     [_W[:6]], _F.conv_transpose2d(_X, _W[:6], None, 2, 1)),
    ("Deconvolution", "convolution_param { num_output: 6 kernel_size: 3 group: 6 bias_term: false }",
     [_W[:6, :1]], _F.conv_transpose2d(_X, _W[:6, :1], None, groups=6)),
    ("InnerProduct", "inner_product_param { num_output: 5 bias_term: false }", [_M], (_X.flatten(1) @ _M.T)),
    ("PReLU", "", [_V], _F.prelu(_X, _V)),
    ("ReLU", "relu_param { negative_slope: 0.1 }", [], _F.leaky_relu(_X, 0.1)),
    ("ReLU6", "", [], _F.relu6(_X)),
    ("ELU", "elu_param { alpha: 0.5 }", [], _F.elu(_X, 0.5)),
    ("TanH", "", [], _X.tanh()),
    ("AbsVal", "", [], _X.abs()),
    ("Power", "power_param { power: 2 scale: 0.5 shift: 1 }", [], (1 + 0.5 * _X) ** 2),
    ("LRN", "lrn_param { local_size: 3 alpha: 2 beta: 0.5 k: 2 }", [], _F.local_response_norm(_X, 3, 2, 0.5, 2)),
    ("Pooling", "pooling_param { pool: MAX kernel_size: 3 stride: 2 pad: 1 }", [], _F.max_pool2d(_X, 3, 2, 1)),
    ("Pooling", "pooling_param { pool: MAX kernel_size: 2 stride: 2 }", [], _F.max_pool2d(_X, 2, 2, ceil_mode=True)),
    ("Pooling", "pooling_param { pool: MAX kernel_size: 2 stride: 2 round_mode: FLOOR }", [], _F.max_pool2d(_X, 2)),
    ("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }", [], _F.avg_pool2d(_X, 3, 2, 1)),
    ("Pooling", "pooling_param { pool: AVE global_pooling: true }", [], _X.mean((2, 3), keepdim=True)),
    ("Softmax", "", [], _X.softmax(1)),
    ("Normalize", "norm_param { channel_shared: true }", [torch.tensor([3.0])], 3 * _X / _X.square().sum().sqrt()),
    ("Permute", "permute_param { order: 0 order: 2 }", [], _X.permute(0, 2, 1, 3)),
    ("Flatten", "flatten_param { axis: 1 end_axis: 2 }", [], _X.flatten(1, 2)),
    ("Reshape", "reshape_param { shape { dim: 0 dim: 2 dim: -1 } axis: 0 num_axes: 3 }", [], _X.reshape(1, 2, 21, 9)),
    ("Scale", "scale_param { bias_term: true }", [_V, _V], _X * _V[:, None, None] + _V[:, None, None]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "settings", "blobs", "expected"), SINGLE)
def test_a_layer_alone_computes_what_it_should(
    kind: str, settings: str, blobs: list[torch.Tensor], expected: torch.Tensor
) -> None:
    openvino = load_openvino()
    bench = Bench((70, 90))
    given = bench.ops.parameter(list(_X.shape), np.float32)
    message = parse_prototxt(f"layer {{ {settings} }}", OUTLINE, WORDS)["layer"][0]
    layer = NetLayer("x", kind, ("data",), ("y",), message, tuple(blob.numpy().copy() for blob in blobs))
    (port,) = LAYERS[kind](bench, layer, [given.output(0)])
    model = openvino.Model([bench.ops.result(port)], [given], "alone")
    found = compile_for_latency(openvino.Core(), model, "fp32")({0: _X.numpy()})[0]
    assert found.shape == tuple(expected.shape)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


# -- OpenCV's own reader -----------------------------------------------------------------------------------------------


def _by_opencv(
    folder: Path, prototxt: Path, weights: Path, images: npt.NDArray[np.float32], layers: list[str]
) -> list[Floats]:
    place = os.environ.get("OPENCV_4")
    if place is None:
        pytest.skip("OPENCV_4 names no folder with an OpenCV of version 4, the last that reads Caffe")
    np.save(folder / "images.npy", images)
    script = Path(opencv_caffe.__file__)
    files = [prototxt, weights, folder / "images.npy", folder / "answers.npz"]
    subprocess.run(
        [sys.executable, str(script), *map(str, files), *layers],
        env={**os.environ, "PYTHONPATH": place}, check=True, timeout=120, capture_output=True,
    )  # fmt: skip
    with np.load(folder / "answers.npz") as answers:
        return [answers[f"arr_{i}"] for i in range(len(layers))]


@pytest.mark.parametrize(("net", "side"), NETS)
def test_opencv_finds_the_same(net: Node, side: int, tmp_path: Path) -> None:
    """Against the table of its DetectionOutput; both are given the same numbers."""
    weights, path, prototxt = _calm(net), tmp_path / "net.caffemodel", tmp_path / "net.prototxt"
    path.write_bytes(caffemodel(net, weights))
    prototxt.write_text(prototxt_text(with_detections(net, CLASSES)))
    images = _images(side).numpy()
    (theirs,) = _by_opencv(tmp_path, prototxt, path, images, ["detection_out"])
    (ours,) = _answers(path, prototxt, images)
    rows = ours.reshape(-1, 7)
    rows = rows[rows[:, 0] >= 0]
    theirs = theirs.reshape(-1, 7)
    assert len(theirs) > 5
    assert len(rows) == len(theirs)
    for row in theirs:
        near = rows[(rows[:, 1] == row[1]) & (np.abs(rows[:, 2] - row[2]) < 1e-4)]
        assert (np.abs(near[:, 3:] - row[3:]).max(axis=1) < 1e-3).any()


def test_ultraface_for_caffe_finds_what_opencv_and_pytorch_do(tmp_path: Path) -> None:
    """A real file, on real photographs; its PyTorch twin has the same weights."""
    file = shared("weights/ultraface/slim-320.caffemodel")
    entry = _import(file, tmp_path).entry
    twin = ModelLibrary(tmp_path / "twin", tmp_path / "none").import_file(
        shared("weights/ultraface/version-slim-320.pth"), "twin"
    )
    parity = Parity()
    with open_detector(entry, "cpu", "fp32") as detector, open_detector(twin.entry, "cpu", "fp32") as other:
        for name, image in photographs():
            (ours,), (theirs,) = detector.candidates_batch([image]), other.candidates_batch([image])
            parity.add(name, of_candidates(ours), of_candidates(theirs))
    assert parity.compared > 10
    assert parity.missing == []
    network = read_network(file, None, weights=False)
    shown = {"name": ["n"], "layer": [_layer_of(each.settings) for each in network.layers]}
    given = {"name": ["input"], "type": ["Input"], "top": ["input"]}
    given["input_param"] = [{"shape": [{"dim": [1, 3, 240, 320]}]}]  # type: ignore[list-item]  # a message
    prototxt = tmp_path / "net.prototxt"
    prototxt.write_text(prototxt_text({**shown, "layer": [given, *shown["layer"]]}))
    _, image = next(photographs())
    small = cv2.resize(image, (320, 240)).transpose(2, 0, 1)[None, ::-1].astype(np.float32)
    small = np.ascontiguousarray((small - 127) / 128)
    answers = _by_opencv(tmp_path, prototxt, file, small, ["boxes", "scores"])
    for ours_, theirs_ in zip(_answers(file, None, small), answers, strict=True):
        np.testing.assert_allclose(ours_, theirs_, atol=1e-4)


def _layer_of(settings: Node) -> Node:
    return {key: values for key, values in settings.items() if key != "blobs"}
