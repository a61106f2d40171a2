"""SSDs of TensorFlow's Object Detection API as their configurations and papers define them, in TensorFlow's own terms.

An independent statement of what the importer and our networks must come to: functions with variables by TensorFlow's
names, its layout of weights, its "SAME" padding and batch normalisation with its statistics. Sources: MobileNet, arXiv
1704.04861, table 1; MobileNetV2, arXiv 1801.04381, table 2; the API's ``ssd_mobilenet_v*_coco`` configurations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from math import sqrt

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

Variables = dict[str, npt.NDArray[np.float32]]

_EPSILON = 0.001
_GAIN = 1.5
"""Of random weights: with 2 the last bit of a picture grows to a thousandth, with 1 little is left of the picture."""


@dataclass(frozen=True)
class Pipeline:
    """What a pipeline configuration says of a network."""

    feature_extractor: str  # "V1" or "V2"
    use_depthwise: bool  # in the feature extractor
    kernel_size: int
    predictor_depthwise: bool = False


PIPELINES = {
    "ssdlite-mobilenetv2-tf": Pipeline("V2", True, 3, True),
    "ssd-mobilenetv2-tf": Pipeline("V2", True, 3),
    "ssd-mobilenetv2-tf-pointwise": Pipeline("V2", False, 1),
    "ssdlite-mobilenetv1-tf": Pipeline("V1", True, 3, True),
    "ssd-mobilenetv1-tf": Pipeline("V1", False, 1),
}
"""By the architecture that it is here."""


def random_variables(pipeline: Pipeline, outputs: int, seed: int = 0) -> Variables:
    """Everything such a network is made of, batch normalisation whole; ``outputs`` per box, background included."""
    store = _Store({}, np.random.default_rng(seed))
    _predictions(store, pipeline, outputs, torch.zeros(1, 3, 32, 32).double())
    return store.variables


def predictions(pipeline: Pipeline, variables: Variables, images: Tensor) -> tuple[Tensor, Tensor]:
    """Raw answers to Float[B, 3, H, W] in -1..1: box codes Float[B, P, 4] (ty, tx, th, tw), logits Float[B, P, C].

    In float64 throughout.
    """
    outputs = variables["BoxPredictor_0/ClassPredictor/biases"].shape[0] // 3
    with torch.inference_mode():
        return _predictions(_Store(variables), pipeline, outputs, images.double())


def anchors(side: int = 300) -> npt.NDArray[np.float64]:
    """Float64[P, 4] corners (y, x, y, x), fractions of the picture: the API's multiple grid anchor generator."""
    scales = [0.2 + (0.95 - 0.2) * i / 5 for i in range(6)] + [1.0]
    boxes = []
    for level in range(6):
        cells = -(-side // 2 ** (4 + level))
        pairs = [(0.1, 1.0), (scales[0], 2.0), (scales[0], 0.5)]
        if level > 0:
            pairs = [(scales[level], ratio) for ratio in (1.0, 2.0, 0.5, 3.0, 0.3333)]
            pairs.append((sqrt(scales[level] * scales[level + 1]), 1.0))
        for row, column in product(range(cells), repeat=2):
            y, x = (row + 0.5) / cells, (column + 0.5) / cells
            for scale, ratio in pairs:
                height, width = scale / sqrt(ratio), scale * sqrt(ratio)
                boxes.append((y - height / 2, x - width / 2, y + height / 2, x + width / 2))
    return np.array(boxes)


@dataclass
class _Store:
    """Variables by name; those that are not there are drawn where there is a generator."""

    variables: Variables
    rng: np.random.Generator | None = field(default=None)

    def get(self, name: str, *shape: int) -> Tensor:
        if name not in self.variables:
            assert self.rng is not None, f"{name} is not a variable"
            self.variables[name] = self._drawn(self.rng, name, shape)
        value = self.variables[name]
        assert value.shape == shape
        return torch.from_numpy(value).double()

    @staticmethod
    def _drawn(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        last = name.rsplit("/", 1)[1]
        if len(shape) == 4:
            seen = shape[0] * shape[1] * (1 if last == "depthwise_weights" else shape[2])
            return (rng.standard_normal(shape) * sqrt(_GAIN / seen)).astype(np.float32)
        if last in ("gamma", "moving_variance"):
            return rng.uniform(0.5, 1.5, shape).astype(np.float32)
        return rng.normal(0.2, 0.3, shape).astype(np.float32)


def _same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """``x`` with the zeros around it that make the output of a "VALID" convolution ceil(size / stride) long."""
    top, bottom, left, right = 0, 0, 0, 0
    for axis in (2, 3):
        size = x.shape[axis]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        if axis == 2:
            top, bottom = total // 2, total - total // 2
        else:
            left, right = total // 2, total - total // 2
    return functional.pad(x, (left, right, top, bottom))


def _conv2d(
    store: _Store, x: Tensor, scope: str, depth: int, kernel: int, stride: int = 1, *, relu6: bool = True
) -> Tensor:
    """slim.conv2d with batch normalisation."""
    weights = store.get(f"{scope}/weights", kernel, kernel, x.shape[1], depth)
    x = functional.conv2d(_same(x, kernel, stride), weights.permute(3, 2, 0, 1), stride=stride)
    x = _batch_norm(store, x, scope)
    return x.clamp(0, 6) if relu6 else x


def _depthwise(store: _Store, x: Tensor, scope: str, stride: int = 1) -> Tensor:
    """slim.separable_conv2d without a pointwise part."""
    channels = x.shape[1]
    weights = store.get(f"{scope}/depthwise_weights", 3, 3, channels, 1)
    x = functional.conv2d(_same(x, 3, stride), weights.permute(2, 3, 0, 1), stride=stride, groups=channels)
    return _batch_norm(store, x, scope).clamp(0, 6)


def _batch_norm(store: _Store, x: Tensor, scope: str) -> Tensor:
    gamma, beta, mean, variance = (
        store.get(f"{scope}/BatchNorm/{name}", x.shape[1])[:, None, None]
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return (x - mean) / torch.sqrt(variance + _EPSILON) * gamma + beta


def _mobilenet_v1(store: _Store, x: Tensor) -> list[Tensor]:
    """Conv2d_11_pointwise and Conv2d_13_pointwise."""
    scope = "FeatureExtractor/MobilenetV1"
    x = _conv2d(store, x, f"{scope}/Conv2d_0", 32, 3, 2)
    taken = []
    depths = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    for number, (depth, stride) in enumerate(zip(depths, strides, strict=True), start=1):
        x = _depthwise(store, x, f"{scope}/Conv2d_{number}_depthwise", stride)
        x = _conv2d(store, x, f"{scope}/Conv2d_{number}_pointwise", depth, 1)
        if number in (11, 13):
            taken.append(x)
    return taken


def _mobilenet_v2(store: _Store, x: Tensor) -> list[Tensor]:
    """The expansion in expanded_conv_13 ("layer_15/expansion_output"), and Conv_1 ("layer_19")."""
    scope = "FeatureExtractor/MobilenetV2"
    x = _conv2d(store, x, f"{scope}/Conv", 32, 3, 2)
    taken = []
    blocks = [(1, 16, 1)]
    for depth, count, stride in ((24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)):
        blocks += [(6, depth, stride)] + [(6, depth, 1)] * (count - 1)
    for number, (expansion, depth, stride) in enumerate(blocks):
        block = f"{scope}/expanded_conv" + (f"_{number}" if number else "")
        inner = x if expansion == 1 else _conv2d(store, x, f"{block}/expand", expansion * x.shape[1], 1)
        if number == 13:
            taken.append(inner)
        inner = _depthwise(store, inner, f"{block}/depthwise", stride)
        inner = _conv2d(store, inner, f"{block}/project", depth, 1, relu6=False)
        x = inner + x if inner.shape == x.shape else inner
    return [*taken, _conv2d(store, x, f"{scope}/Conv_1", 1280, 1)]


def _predictions(store: _Store, pipeline: Pipeline, outputs: int, images: Tensor) -> tuple[Tensor, Tensor]:
    first = pipeline.feature_extractor == "V1"
    maps = _mobilenet_v1(store, images) if first else _mobilenet_v2(store, images)
    base = "FeatureExtractor/MobilenetV1/Conv2d_13_pointwise" if first else "FeatureExtractor/MobilenetV2/layer_19"
    for index, depth in enumerate((512, 256, 256, 128), start=2):
        x = _conv2d(store, maps[-1], f"{base}_1_Conv2d_{index}_1x1_{depth // 2}", depth // 2, 1)
        scope = f"{base}_2_Conv2d_{index}_3x3_s2_{depth}"
        if pipeline.use_depthwise:
            x = _depthwise(store, x, f"{scope}_depthwise", 2)
            maps.append(_conv2d(store, x, scope, depth, 1))
        else:
            maps.append(_conv2d(store, x, scope, depth, 3, 2))
    codes, logits = [], []
    for level, features in enumerate(maps):
        boxes = 3 if level == 0 else 6
        scope = f"BoxPredictor_{level}"
        codes.append(_predictor(store, pipeline, features, f"{scope}/BoxEncodingPredictor", boxes, 4))
        logits.append(_predictor(store, pipeline, features, f"{scope}/ClassPredictor", boxes, outputs))
    return torch.cat(codes, dim=1), torch.cat(logits, dim=1)


def _predictor(store: _Store, pipeline: Pipeline, x: Tensor, scope: str, boxes: int, values: int) -> Tensor:
    """Float[B, rows * columns * boxes, values]."""
    kernel = pipeline.kernel_size
    if pipeline.predictor_depthwise:
        x, kernel = _depthwise(store, x, f"{scope}_depthwise"), 1
    weights = store.get(f"{scope}/weights", kernel, kernel, x.shape[1], boxes * values)
    x = functional.conv2d(
        _same(x, kernel, 1), weights.permute(3, 2, 0, 1), store.get(f"{scope}/biases", boxes * values)
    )
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, values)
