"""PyTorch weights of networks that none of ours is like, as OpenVINO models, by their authors' forward rules.

* qfgaohao/pytorch-ssd ``mb1-ssd`` and ``mb1-ssd-lite`` of any width, and after pruning: the tensors' widths count.
* zisianw/FaceBoxes.PyTorch (arXiv 1708.05234).
* biubug6/Face-Detector-1MB-with-landmark, the slim one; its landmarks are left out.

All answer encoded boxes and logits. Sources: ``vision/ssd/mobilenetv1_ssd.py``, ``mobilenetv1_ssd_lite.py``;
``models/faceboxes.py``; ``models/net_slim.py`` of these projects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from detector.errors import DetectorError
from detector.importers.caffe_bench import Bench, Port
from detector.importers.folding import folded
from detector.importers.read import read_checkpoint
from detector.plans.tables import V1_LAYERS, V1_STEM, V1_TAP
from detector.runtime.openvino_runtime import load_openvino
from detector.safetensors_file import Array

Kind = Literal["mb1", "faceboxes", "face1mb"]
Floats = npt.NDArray[np.float32]

_MOST_BYTES = 64 * 2**20  # of the networks known here the largest has 30 MB
_NORM = ("weight", "bias", "running_mean", "running_var")
_SLIM_STRIDES = (1, 2, 1, 2, 1, 1, 1, 2, 1, 1, 2, 1)  # of conv2 to conv13
_SLIM_TAPS = (8, 11, 13)
_SLIM_SIZES = (
    ((10, 1), (16, 1), (24, 1)),
    ((32, 1), (48, 1)),
    ((64, 1), (96, 1)),
    ((128, 1), (192, 1), (256, 1)),
)
_SLIM_STEPS = (8, 16, 32, 64)
_BOXES_STEPS = (32, 64, 128)
_BOXES_SIZES = (((32, 4), (64, 2), (128, 1)), ((256, 1),), ((512, 1),))
"""Sides of default boxes, pixels, and how many stand beside each other in a cell; FaceBoxes section 3.3."""


def kind_of(state: Mapping[str, Array]) -> Kind | None:
    """Returns whose network ``state`` is, by its names and shapes; None for those that our networks run, and others."""
    if "inception3.branch3x3_3.conv.weight" in state and "conf.2.weight" in state:
        return "faceboxes"
    if "conv14.2.2.weight" in state and "landm.3.weight" in state:
        return "face1mb"
    if "base_net.13.3.weight" in state and "classification_headers.5.weight" in state:
        usual = [V1_STEM, *(out for out, _ in V1_LAYERS)]
        names = ["base_net.0.0.weight", *(f"base_net.{i + 1}.3.weight" for i in range(len(V1_LAYERS)))]
        widths = [state[name].shape[0] if name in state and state[name].ndim == 4 else 0 for name in names]
        return None if widths == usual else "mb1"
    return None


def is_torch_graph(path: Path) -> bool:
    """Returns whether ``path`` is a checkpoint that is run as a graph; what cannot be read is not."""
    try:
        return path.stat().st_size <= _MOST_BYTES and kind_of(read_checkpoint(path)) is not None
    except (DetectorError, OSError):  # the reader that comes after this says why
        return False


def build_torch(path: Path, kind: Kind, size: tuple[int, int]) -> Any:
    """Returns the network of ``path`` as an ``openvino.Model``: an image Float[1, 3, H, W] to encoded boxes and logits.

    Args:
        path: The checkpoint.
        kind: As ``kind_of`` tells it.
        size: (height, width) of its input, pixels.

    Raises:
        DetectorError: It cannot be read; tensors are missing, left over or of other shapes.
    """
    openvino = load_openvino()
    bench = Bench(size)
    network = _Network(bench, read_checkpoint(path), path.name)
    image = bench.ops.parameter([1, 3, *size], np.float32, name="images")
    forward = {"mb1": _mb1, "faceboxes": _faceboxes, "face1mb": _face1mb}[kind]
    try:
        locs, logits = forward(network, image.output(0))
    except RuntimeError as error:
        raise DetectorError(f"{path.name} does not fit its layout: its layers do not follow each other.") from error
    network.check()
    results = []
    for name, parts, columns in (("locs", locs, 4), ("logits", logits, network.classes(kind))):
        port = bench.ops.concat([network.rows(part, columns) for part in parts], 1).output(0)
        port.set_names({name})
        results.append(bench.ops.result(port))
    return openvino.Model(results, [image], kind)


def class_count(state: Mapping[str, Array], kind: Kind, what: str) -> int:
    """Returns the number of classes, background included, told by the last class predictor.

    Raises:
        DetectorError: Its rows are no whole number of classes.
    """
    name, boxes = {"mb1": ("classification_headers.5", 6), "faceboxes": ("conf.2", 1), "face1mb": ("conf.3", 3)}[kind]
    rows = state[f"{name}.weight"].shape[0] if state[f"{name}.weight"].ndim == 4 else 0
    if rows % boxes or rows // boxes < 2:
        raise DetectorError(f"{what}: {name} has {rows} class outputs, which {boxes} boxes cannot share.")
    return rows // boxes


def default_boxes_of(kind: Kind, size: tuple[int, int]) -> Floats:
    """Returns the default boxes of a face detector, Float32[P, 4] as (cx, cy, w, h), fractions of the image.

    Args:
        kind: Not "mb1", whose boxes are those of ``MOBILENET300``.
        size: (height, width) of its input, pixels.
    """
    height, width = size
    steps: Sequence[int] = _BOXES_STEPS if kind == "faceboxes" else _SLIM_STEPS
    levels: Sequence[Sequence[tuple[int, int]]] = _BOXES_SIZES if kind == "faceboxes" else _SLIM_SIZES
    boxes = []
    for step, sides in zip(steps, levels, strict=True):
        for row, column in product(range(-(-height // step)), range(-(-width // step))):
            for side, dense in sides:
                places = [(np.arange(dense) / dense + (0.5 if dense == 1 else 0.0) + cell) for cell in (row, column)]
                boxes += [
                    (x * step / width, y * step / height, side / width, side / height) for y, x in product(*places)
                ]
    return np.array(boxes, np.float32)


class _Network:
    """Layers by their names in the file; what is at fault is gathered, and told at the end."""

    def __init__(self, bench: Bench, state: Mapping[str, Array], what: str) -> None:
        self._bench, self._state, self._what = bench, state, what
        self._used: set[str] = set()

    def conv(self, x: Port, name: str, norm: str | None = None, *, stride: int = 1, relu: bool = True) -> Port:
        """A convolution that keeps the size but for its stride; depthwise where its filters are."""
        weight = self._take(f"{name}.weight")
        if weight.ndim != 4:
            raise DetectorError(f"{self._what} does not fit its layout: {name}.weight is {list(weight.shape)}.")
        bias = self._take(f"{name}.bias") if norm is None else np.zeros(weight.shape[0], np.float32)
        if norm is not None:
            parts = [self._take(f"{norm}.{part}") for part in _NORM]
            self._used.add(f"{norm}.num_batches_tracked")
            if any(part.shape != bias.shape for part in parts):
                raise DetectorError(f"{self._what} does not fit its layout: {norm} is not as long as {name}.")
            weight, bias = folded(weight, bias, *parts)
        ops, pad = self._bench.ops, [weight.shape[2] // 2, weight.shape[3] // 2]
        where = ([stride, stride], pad, pad, [1, 1])
        if weight.shape[1] == 1 and self._bench.shape(x)[1] != 1:
            y = ops.group_convolution(x, self._bench.constant(weight[:, None]), *where)
        else:
            y = ops.convolution(x, self._bench.constant(weight), *where)
        y = ops.add(y, self._bench.per_channel(bias, y.output(0)))
        return (ops.relu(y) if relu else y).output(0)

    def separable(self, x: Port, name: str, *, stride: int = 1) -> Port:
        """A depthwise convolution, ReLU, and a 1x1 one; none of them normalised."""
        return self.conv(self.conv(x, f"{name}.0", stride=stride), f"{name}.2", relu=False)

    def maybe_separable(self, x: Port, name: str) -> Port:
        """A predictor of either kind."""
        if f"{name}.0.weight" in self._state:
            return self.separable(x, name)
        return self.conv(x, name, relu=False)

    def has(self, name: str) -> bool:
        """Returns whether the file has a tensor of this name."""
        return name in self._state

    def max_pool(self, x: Port) -> Port:
        """Takes the maximum of every other three by three."""
        return self._bench.ops.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)

    def mean_pool(self, x: Port) -> Port:
        """Takes the mean of every three by three, counting the zeros around the map."""
        return self._bench.ops.avg_pool(x, [1, 1], [1, 1], [1, 1], [3, 3], False).output(0)

    def join(self, *parts: Port) -> Port:
        """Maps beside each other."""
        return self._bench.ops.concat(list(parts), 1).output(0)

    def both_signs(self, x: Port) -> Port:
        """A map and its negative, without what is below 0: CReLU."""
        ops = self._bench.ops
        return ops.relu(self.join(x, ops.negative(x).output(0))).output(0)

    def rows(self, prediction: Port, columns: int) -> Port:
        """Float[1, A * columns, H, W] -> Float[1, H * W * A, columns]."""
        last = self._bench.ops.transpose(prediction, self._bench.whole(0, 2, 3, 1)).output(0)
        return self._bench.reshaped(last, [1, self._numbers(last) // columns, columns])

    def classes(self, kind: Kind) -> int:
        """Returns how many classes there are; see ``class_count``."""
        return class_count(self._state, kind, self._what)

    def check(self) -> None:
        """Raise ``DetectorError`` where a tensor is left over that is no landmark's."""
        left = [name for name in self._state if name not in self._used and not name.startswith("landm.")]
        if left:
            raise DetectorError(f"{self._what} does not fit its layout: {left[0][:80]} is unexpected.")

    def _numbers(self, x: Port) -> int:
        return int(np.prod(self._bench.shape(x)))

    def _take(self, name: str) -> Array:
        tensor = self._state.get(name)
        if tensor is None or tensor.dtype.kind != "f":
            raise DetectorError(f"{self._what} does not fit its layout: {name[:80]} is missing.")
        if not np.isfinite(tensor).all():
            raise DetectorError(f"{self._what}: tensor {name[:80]!r} contains NaN or infinity.")
        self._used.add(name)
        return tensor


_Predictions = tuple[list[Port], list[Port]]


def _predicted(network: _Network, sources: Sequence[Port], loc: str, conf: str) -> _Predictions:
    locs = [network.maybe_separable(x, f"{loc}.{level}") for level, x in enumerate(sources)]
    return locs, [network.maybe_separable(x, f"{conf}.{level}") for level, x in enumerate(sources)]


def _mb1(network: _Network, x: Port) -> _Predictions:
    x = network.conv(x, "base_net.0.0", "base_net.0.1", stride=2)
    sources = []
    for index, (_, stride) in enumerate(V1_LAYERS):
        name = f"base_net.{index + 1}"
        x = network.conv(x, f"{name}.0", f"{name}.1", stride=stride)
        x = network.conv(x, f"{name}.3", f"{name}.4")
        if index == V1_TAP:
            sources.append(x)
    sources.append(x)
    for level in range(4):
        x = network.conv(x, f"extras.{level}.0")
        if network.has(f"extras.{level}.2.0.weight"):
            x = network.separable(x, f"extras.{level}.2", stride=2)
        else:
            x = network.conv(x, f"extras.{level}.2", stride=2)
        sources.append(x)
    return _predicted(network, sources, "regression_headers", "classification_headers")


def _face1mb(network: _Network, x: Port) -> _Predictions:
    x = network.conv(x, "conv1.0", "conv1.1", stride=2)
    sources = []
    for number, stride in enumerate(_SLIM_STRIDES, start=2):
        x = network.conv(x, f"conv{number}.0", f"conv{number}.1", stride=stride)
        x = network.conv(x, f"conv{number}.3", f"conv{number}.4")
        if number in _SLIM_TAPS:
            sources.append(x)
    x = network.conv(network.conv(x, "conv14.0"), "conv14.2.0", stride=2)
    sources.append(network.conv(x, "conv14.2.2"))
    return _predicted(network, sources, "loc", "conf")


def _faceboxes(network: _Network, x: Port) -> _Predictions:
    def conv(x: Port, name: str, stride: int = 1) -> Port:
        return network.conv(x, f"{name}.conv", f"{name}.bn", stride=stride)

    for name, stride in (("conv1", 4), ("conv2", 2)):
        x = network.conv(x, f"{name}.conv", f"{name}.bn", stride=stride, relu=False)
        x = network.max_pool(network.both_signs(x))
    for name in ("inception1", "inception2", "inception3"):
        pooled = conv(network.mean_pool(x), f"{name}.branch1x1_2")
        narrow = conv(conv(x, f"{name}.branch3x3_reduce"), f"{name}.branch3x3")
        wide = conv(conv(x, f"{name}.branch3x3_reduce_2"), f"{name}.branch3x3_2")
        x = network.join(conv(x, f"{name}.branch1x1"), pooled, narrow, conv(wide, f"{name}.branch3x3_3"))
    sources = [x]
    for name in ("conv3", "conv4"):
        x = conv(conv(x, f"{name}_1"), f"{name}_2", 2)
        sources.append(x)
    return _predicted(network, sources, "loc", "conf")
