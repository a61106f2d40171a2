"""The interpreter of TensorFlow.js graphs: kinds of nodes against numbers worked out by hand and against torch, a
whole network against what TensorFlow.js itself computed (4.22.0 in Node.js, its plain CPU backend)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.support.shared_data import shared
from tests.support.tfjs_graph import Graph, load_graph
from tests.support.tfjs_operations import Array

GraphNode = dict[str, Any]


def node(name: str, op: str, *inputs: str, **attributes: Any) -> GraphNode:
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


def windowed(op: str, *inputs: str, stride: int = 1, padding: str = "SAME") -> GraphNode:
    """A convolution; its strings in both ways that converters write them."""
    return node(
        "out",
        op,
        *inputs,
        strides={"list": {"i": [str(value) for value in (1, stride, stride, 1)]}},
        padding={"s": list(padding.encode())},
        data_format={"s": base64.b64encode(b"NHWC").decode()},
    )


def graph(folder: Path, nodes: list[GraphNode], **weights: Array | np.generic) -> Graph:
    """Writes a graph whose constants are ``weights`` and reads it again."""
    data = b"".join(weight.tobytes() for weight in weights.values())
    manifest = [{"name": name, "shape": list(w.shape), "dtype": str(w.dtype)} for name, w in weights.items()]
    return load_graph(write(folder, nodes, manifest, data))


def write(folder: Path, nodes: list[GraphNode], manifest: list[GraphNode], data: bytes) -> Path:
    """Two shards, the cut in the middle of a number."""
    (folder / "1of2").write_bytes(data[:5])
    (folder / "2of2").write_bytes(data[5:])
    nodes = [node("image", "Placeholder"), *(node(entry["name"], "Const") for entry in manifest), *nodes]
    model = {
        "modelTopology": {"node": nodes},
        "weightsManifest": [{"paths": ["1of2", "2of2"], "weights": manifest}],
    }
    path = folder / "model.json"
    path.write_text(json.dumps(model), encoding="utf-8")
    return path


def ints(*values: int) -> Array:
    return np.array(values, np.int32)


def reals(*values: float) -> Array:
    return np.array(values, np.float32)


def floats(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        (4, [[45, 39], [66, 50]]),  # nothing before, one after
        (5, [[12, 27, 24], [63, 108, 81], [72, 117, 84]]),  # one on either side
    ],
)
@pytest.mark.parametrize("op", ["Conv2D", "DepthwiseConv2dNative"])
def test_same_padding_at_stride_two(tmp_path: Path, op: str, side: int, expected: list[list[int]]) -> None:
    ones = np.ones((3, 3, 1, 1), np.float32)
    image = np.arange(side * side, dtype=np.float32).reshape(side, side, 1)
    out = graph(tmp_path, [windowed(op, "image", "w", stride=2)], w=ones).run(image, ["out"])["out"]
    assert out[0, :, :, 0].tolist() == expected


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_of_several_channels_is_torchs(tmp_path: Path, stride: int) -> None:
    image, weights = floats(7, 8, 3), floats(3, 3, 3, 5, seed=1)
    nodes = [windowed("Conv2D", "image", "w", stride=stride, padding="VALID")]
    out = graph(tmp_path, nodes, w=weights).run(image, ["out"])["out"]
    other = functional.conv2d(as_torch(image), torch.from_numpy(weights).permute(3, 2, 0, 1), stride=stride)
    np.testing.assert_allclose(out[0], other[0].permute(1, 2, 0), atol=1e-5)


def test_depthwise_convolution_makes_the_outputs_of_a_channel_in_a_row(tmp_path: Path) -> None:
    image, weights = floats(6, 6, 3), floats(3, 3, 3, 2, seed=1)
    nodes = [windowed("DepthwiseConv2dNative", "image", "w")]
    out = graph(tmp_path, nodes, w=weights).run(image, ["out"])["out"]
    kernels = torch.from_numpy(weights).permute(2, 3, 0, 1).reshape(6, 1, 3, 3)
    other = functional.conv2d(as_torch(image), kernels, padding=1, groups=3)
    np.testing.assert_allclose(out[0], other[0].permute(1, 2, 0), atol=1e-5)


def as_torch(image: Array) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None]


@pytest.mark.parametrize(
    ("stored", "quantisation", "dtype", "expected"),
    [
        (np.array([1.5, -2, 0, 7], np.float32), {}, "float32", [1.5, -2, 0, 7]),
        (np.array([1, -2, 0, 7], np.int32), {}, "int32", [1, -2, 0, 7]),
        (np.array([0, 1, 128, 255], np.uint8), {"scale": 0.5, "min": -3.0}, "float32", [-3, -2.5, 61, 124.5]),
        (np.array([0, 1, 3, 65535], np.uint16), {"scale": 2.0, "min": 1.0}, "float32", [1, 3, 7, 131071]),
        (np.array([0, 1, 2, 3], np.uint8), {"scale": 0.9, "min": -1.0}, "int32", [-1, 0, 1, 2]),
        (np.array([0.5, -2, 1024, 0], np.float16), {}, "float32", [0.5, -2, 1024, 0]),
    ],
)
def test_weights_are_read_as_they_were_stored(
    tmp_path: Path, stored: Array, quantisation: dict[str, float], dtype: str, expected: list[float]
) -> None:
    entry: GraphNode = {"name": "w", "shape": [2, 2], "dtype": dtype}
    if str(stored.dtype) != dtype:
        entry["quantization"] = {"dtype": str(stored.dtype), **quantisation}
    before: GraphNode = {"name": "before", "shape": [], "dtype": "float32"}
    data = np.float32(9).tobytes() + stored.tobytes()
    weight = load_graph(write(tmp_path, [], [before, entry], data)).weights["w"]
    assert weight.dtype == dtype
    assert weight.ravel().tolist() == expected


def test_bytes_that_no_weight_claims_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, [], [{"name": "w", "shape": [2], "dtype": "float32"}], bytes(12))
    with pytest.raises(AssertionError, match="4 bytes"):
        load_graph(path)


def test_a_small_network_from_pixels_to_scores(tmp_path: Path) -> None:
    nodes = [
        node("float", "Cast", "image", DstT={"type": 1}),
        node("scaled", "Mul", "float", "half"),
        node("centred", "Sub", "scaled", "one", "^float"),
        node("biased", "BiasAdd", "centred", "bias"),
        node("relu", "Relu6", "biased"),
        node("norm", "FusedBatchNorm", "relu", "gamma", "beta", "mean", "variance", epsilon={"f": 1.0}),
        node("twice", "AddN", "norm", "norm"),
        node("shape", "Shape", "twice"),
        node("batch", "StridedSlice", "shape", "zeros", "ones", "ones", shrink_axis_mask={"i": "1"}),
        node("as", "Pack", "batch", "minus", "minus_one", axis={"i": "0"}),
        node("rows", "Reshape", "twice", "as"),
        node("both", "ConcatV2", "rows", "rows", "axis"),
        node("flat", "Squeeze", "both", squeeze_dims={"list": {"i": ["0"]}}),
        node("scores", "Sigmoid", "flat"),
    ]
    made = graph(
        tmp_path,
        nodes,
        half=np.float32(0.5),
        one=np.float32(1),
        bias=reals(0, 10),
        gamma=reals(2, 1),
        beta=reals(1, 1),
        mean=reals(1, 1),
        variance=reals(3, 0),
        zeros=ints(0),
        ones=ints(1),
        minus=np.int32(2),
        minus_one=np.int32(-1),
        axis=np.int32(1),
    )
    pixels = np.array([[[0, 0], [4, 4]]], np.int32)  # one row of two pixels with two channels
    outputs = made.run(pixels, ["relu", "norm", "rows", "flat", "scores"])
    assert outputs["relu"].tolist() == [[[[0, 6], [1, 6]]]]
    assert outputs["norm"].tolist() == [[[[0, 6], [1, 6]]]]
    assert outputs["rows"].tolist() == [[[0, 12], [2, 12]]]
    assert outputs["flat"].tolist() == [[0, 12], [2, 12], [0, 12], [2, 12]]
    np.testing.assert_allclose(outputs["scores"][1], [0.880797, 0.999994], atol=1e-6)
    assert made.run(np.array([[[3, 2]]], np.float32), ["relu"], at="centred")["relu"].tolist() == [[[[3, 6]]]]


def test_boxes_are_cut_and_turned(tmp_path: Path) -> None:
    nodes = [
        node("turned", "Transpose", "image", "order"),
        node("apart", "Unpack", "turned", axis={"i": "0"}, num={"i": "2"}),
        node("exp", "Exp", "apart:1"),
        node("sum", "Add", "apart", "exp"),
        node("wide", "ExpandDims", "sum", "axis"),
        node("tiled", "Tile", "wide", "multiples"),
        node("cut", "Slice", "tiled", "begin", "size"),
    ]
    made = graph(
        tmp_path,
        nodes,
        order=ints(3, 0, 1, 2),
        axis=np.int32(0),
        multiples=ints(1, 1, 1, 2),
        begin=ints(0, 0, 0, 1),
        size=ints(-1, -1, 1, 2),
    )
    outputs = made.run(np.array([[[1, 0], [2, 0], [3, 0]]], np.float32), ["sum", "cut"])
    assert outputs["sum"].tolist() == [[[2, 3, 4]]]
    assert outputs["cut"].tolist() == [[[[3, 4]]]]


def test_a_loop_maps_each_picture_of_a_batch(tmp_path: Path) -> None:
    """TensorFlow's ``map_fn`` as old graphs spell it: two tensor arrays, a counter, and a flow that orders them."""
    nodes = [
        node("shape", "Shape", "image"),
        node("count", "StridedSlice", "shape", "first", "second", "second", shrink_axis_mask={"i": "1"}),
        node("pictures", "TensorArrayV3", "count"),
        node("results", "TensorArrayV3", "count"),
        node("numbers", "Range", "zero", "count", "one"),
        node("filled", "TensorArrayScatterV3", "pictures", "numbers", "image", "pictures:1"),
        node("i/enter", "Enter", "zero"),
        node("i", "Merge", "i/enter", "i/next"),
        node("count/enter", "Enter", "count"),
        node("less", "Less", "i", "count/enter"),
        node("going", "LoopCond", "less"),
        node("i/switch", "Switch", "i", "going"),
        node("i/now", "Identity", "i/switch:1"),
        node("i/more", "Add", "i/now", "one"),
        node("i/next", "NextIteration", "i/more"),
        node("flow/enter", "Enter", "results:1"),
        node("flow", "Merge", "flow/enter", "flow/next"),
        node("flow/switch", "Switch", "flow", "going"),
        node("pictures/enter", "Enter", "pictures"),
        node("filled/enter", "Enter", "filled"),
        node("picture", "TensorArrayReadV3", "pictures/enter", "i/now", "filled/enter"),
        node("as batch", "ExpandDims", "picture", "zero"),
        node("wider", "ResizeBilinear", "as batch", "size"),
        node("alone", "Squeeze", "wider", squeeze_dims={"list": {"i": ["0"]}}),
        node("results/enter", "Enter", "results"),
        node("written", "TensorArrayWriteV3", "results/enter", "i/now", "alone", "flow/switch:1"),
        node("flow/next", "NextIteration", "written"),
        node("left", "Exit", "flow/switch"),
        node("made", "TensorArraySizeV3", "results", "left"),
        node("all", "Range", "zero", "made", "one"),
        node("out", "TensorArrayGatherV3", "results", "all", "left"),
    ]
    first, second, size = ints(0), ints(1), ints(1, 4)
    made = graph(tmp_path, nodes, zero=np.int32(0), one=np.int32(1), first=first, second=second, size=size)
    batch = np.array([[[0, 10]], [[2, 4]], [[5, 5]]], np.float32)[..., None]
    out = made.run(batch, ["out"])
    # Half a pixel is not allowed for, as in TensorFlow's first resizing: 0, 0.5, 1, 1.5 and the edge is held.
    assert out["out"][..., 0].tolist() == [[[0, 5, 10, 10]], [[2, 3, 4, 4]], [[5, 5, 5, 5]]]


@pytest.fixture(scope="module")
def ssdlite() -> Graph:
    return load_graph(shared("weights/ssdlite-mobilenetv2-coco-tfjs/model.json"))


# Seven of the 1917 boxes, from all levels but the fourth, as TensorFlow.js computed them.
BOXES = [0, 400, 800, 1200, 1700, 1900, 1916]
LOGITS = [  # of the background, 1 (person), 44 (bottle) and 90 (toothbrush)
    [3.07645, -5.67936, -8.06796, -9.49513],
    [3.30678, -7.38246, -9.33070, -8.55289],
    [2.85410, -5.41378, -8.38566, -8.35557],
    [3.32337, -8.41928, -11.45055, -8.05271],
    [3.94683, -8.93198, -11.36356, -10.17848],
    [3.40848, -5.07538, -9.19372, -8.59196],
    [3.03290, -6.71654, -8.49567, -8.68462],
]
ENCODINGS = [
    [0.27689, -0.46825, -3.17667, -4.03330],
    [1.64796, 1.60467, 1.15918, -1.71399],
    [0.17454, 1.22440, 0.26272, -1.85715],
    [-0.05574, -1.79994, 0.86591, -2.65090],
    [1.78327, -0.05445, -1.41820, -0.12523],
    [-0.87627, 1.66989, 0.13123, -1.42418],
    [-0.00687, -0.05312, 0.02774, -1.05232],
]
CORNERS = [
    [0.00260, -0.00068, 0.05557, 0.04395],
    [0.32888, -0.02868, 0.50720, 0.17208],
    [0.61904, -0.00514, 0.91715, 0.09240],
    [0.02873, 0.66251, 0.26901, 1.01926],
    [-0.01299, 0.21890, 0.41631, 0.77489],
    [0.41007, 0.01345, 0.99080, 0.86440],
    [0.00928, 0.09998, 0.98938, 0.88967],
]


def test_a_trained_detector_computes_what_tensorflow_js_does(ssdlite: Graph) -> None:
    y, x = np.mgrid[:240, :320]
    image = np.stack(((x * 3 + y) % 256, (x * x // 64 + y * 2) % 256, (x + y * y // 32) % 256), axis=-1)
    outputs = ssdlite.run(image.astype(np.int32), ["concat_1", "Squeeze", "Postprocessor/Reshape_2"])
    logits, encodings, corners = outputs["concat_1"][0], outputs["Squeeze"][0], outputs["Postprocessor/Reshape_2"][0]
    assert (logits.shape, encodings.shape, corners.shape) == ((1917, 91), (1917, 4), (1917, 4))
    np.testing.assert_allclose(logits[np.ix_(BOXES, [0, 1, 44, 90])], LOGITS, atol=1e-4)
    np.testing.assert_allclose(encodings[BOXES], ENCODINGS, atol=1e-4)
    np.testing.assert_allclose(corners[BOXES], CORNERS, atol=2e-5)


def test_the_detectors_own_decoding_is_that_of_the_paper(ssdlite: Graph) -> None:
    """SSD, arXiv 1512.02325, equation 2, with the variances 0.1 and 0.2 on the anchors that the graph holds."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.int32)
    names = ["Squeeze", "Postprocessor/ExpandDims", "Postprocessor/Reshape_2"]
    encodings, anchors, corners = (value[0] for value in ssdlite.run(noise, names).values())
    centre, size = (anchors[:, :2] + anchors[:, 2:]) / 2, anchors[:, 2:] - anchors[:, :2]
    middle, half = centre + encodings[:, :2] / 10 * size, np.exp(encodings[:, 2:] / 5) * size / 2
    np.testing.assert_allclose(corners, np.hstack((middle - half, middle + half)), atol=1e-5)
