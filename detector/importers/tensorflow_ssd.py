"""SSD and SSDLite on MobileNet 1 and 2 of TensorFlow's Object Detection API (2018, ``*_coco``), also as coco-ssd.

Weights come by TensorFlow's names from any file that keeps them. Batch normalisation may be whole, folded into the
weights, or half of each, as converters leave it. RGB, 300 x 300 warped, x / 127.5 - 1; box code (ty, tx, th, tw).
Trained with a sigmoid per class, yet softmax over background and the classes is the better score on photos: it is
what the file is imported with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from detector.boxes import cxcywh_to_xyxy
from detector.config import SSDConfig, tensorflow_config
from detector.default_boxes import default_boxes
from detector.errors import DetectorError
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, refuse_priors
from detector.importers.notes import Choice, Note
from detector.importers.torchvision_classes import choose_classes
from detector.importers.vgg import pick_classes
from detector.network_shapes import network_shapes
from detector.plans.tables import TF_EXTRAS, TF_NETWORKS, V1_LAYERS, V2_STAGES, TFNetwork
from detector.safetensors_file import Array
from detector.spec import Architecture, InputSpec, ModelSpec
from detector.weights import fault_of, refuse_faults

_EPS = 0.001
_LEVELS = 6
_FEATURES = "FeatureExtractor/Mobilenet"
_SIZE = "Preprocessor/map/while/ResizeImage/stack"
_NEAR = 0.005  # of the image; boxes that a converter has quantised to 8 bits are off by up to 0.0035
_COCO_LITE = "1b212beb"  # the weights of ssdlite_mobilenet_v2_coco as coco-ssd had them


def import_tensorflow(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer``."""
    refuse_priors(overrides, "A detector of TensorFlow's")
    state = {re.sub(r"(MobilenetV\d)/\1/", r"\1/", name): tensor for name, tensor in state.items()}  # operations' scope
    side = _side(state, source)
    config = tensorflow_config(side.value)
    boxes = _check_boxes(state, config, source)
    outputs = _outputs(state, config, source)
    architecture = _architecture(state, source)
    classes = choose_classes(outputs, overrides)
    spec = _described(architecture, config, classes.labels, overrides)
    as_in_file = replace(spec, labels=tuple(str(number) for number in range(1, outputs)))
    tensors = _Reader(state, as_in_file, source).network(TF_NETWORKS[architecture])
    last = {name: tensor for name, tensor in tensors.items() if name.startswith("conf.") and ".depthwise." not in name}
    published = as_published(spec, source)
    if source.sha256.startswith(_COCO_LITE):
        published = replace(published, licence="Apache-2.0, © The TensorFlow Authors; trained on COCO")
    tensors |= pick_classes(last, classes.kept, outputs)
    return Imported(published, tensors, (*side.notes, *boxes, *classes.notes))


def _architecture(state: Mapping[str, Array], source: SourceFile) -> Architecture:
    """Returns which network it is, by the names and the first predictor's size."""
    name = next((name for name in state if name.startswith(_FEATURES)), f"{_FEATURES}V2/")
    found = name.removeprefix(_FEATURES).split("/")[0]
    if found not in ("V1", "V2"):
        raise DetectorError(f"{source.name} is on MobileNet {found[:20]}; of TensorFlow's, V1 and V2 are known here.")
    separable = any("_3x3_s2_" in name and "_depthwise/" in name for name in state)
    kernel = _predictor(state).shape[0]
    heads = "full" if kernel > 1 else "pointwise"
    if any(name.startswith("BoxPredictor_0/ClassPredictor_depthwise/") for name in state):
        heads = "separable"
    for architecture, network in TF_NETWORKS.items():
        if network == (int(found[1]), separable, heads):
            return architecture
    raise DetectorError(
        f"{source.name} is an SSD on MobileNet {found} with {'' if separable else 'no '}separable feature layers and "
        f"{heads} predictors ({kernel}x{kernel}), none of TensorFlow's published ones."
    )


def _predictor(state: Mapping[str, Array]) -> Array:
    """Weights of the class predictor on the finest map, [rows, columns, in, out]; empty where there are none."""
    weight = state.get("BoxPredictor_0/ClassPredictor/weights")
    return weight if weight is not None and weight.ndim == 4 else np.zeros((1, 1, 0, 0))


def _described(
    architecture: Architecture, config: SSDConfig, labels: tuple[str, ...], overrides: Overrides
) -> ModelSpec:
    name = f"{architecture.split('-')[0]}_mobilenet_v{TF_NETWORKS[architecture].version}"
    height, width = config.image_size
    return ModelSpec(
        name=name,
        architecture=architecture,
        labels=labels,
        input=InputSpec(height, width, overrides.channels or "rgb", (127.5,) * 3, (127.5,) * 3),
        config=config,
        title=f"{len(labels)} classes, TensorFlow's {name}",
        provenance=f"TensorFlow Object Detection API, {name}",
    )


def _side(state: Mapping[str, Array], source: SourceFile) -> Choice[int]:
    """The side of the input, pixels; 300 where the graph does not say."""
    size = state.get(_SIZE)
    if size is None or size.shape != (2,):
        text = "Input: 300 x 300 pixels, as TensorFlow's published models have it; the file does not tell."
        return Choice(300, (Note(text),))
    height, width = (int(side) for side in size)
    if height != width or not 32 <= height <= 2048:
        raise DetectorError(f"{source.name} takes images of {width} x {height} pixels; only squares are known here.")
    return Choice(height)


def _check_boxes(state: Mapping[str, Array], config: SSDConfig, source: SourceFile) -> tuple[Note, ...]:
    """Hold the default boxes to those in the file, corners as (y, x, y, x); noted where it has none."""
    corners = cxcywh_to_xyxy(default_boxes(config))[:, [1, 0, 3, 2]]
    found = False
    for name, tensor in state.items():
        if "Postprocessor" not in name or tensor.dtype.kind != "f" or tensor.shape[-1:] != (4,) or tensor.size <= 4:
            continue
        boxes = tensor.reshape(-1, *tensor.shape[-2:])
        if boxes.shape[1:] != corners.shape or not (np.abs(boxes - corners) < _NEAR).all():
            raise DetectorError(
                f"{source.name} has other default boxes than TensorFlow's published models "
                f"({boxes.shape[1]} of them, {len(corners)} there)."
            )
        found = True
    text = "Default boxes: those of TensorFlow's published models; the file does not tell."
    return () if found else (Note(text),)


def _outputs(state: Mapping[str, Array], config: SSDConfig, source: SourceFile) -> int:
    """Classes, background included."""
    rows, boxes = int(_predictor(state).shape[-1]), config.boxes_per_cell[0]
    if rows == 0 or rows % boxes:
        raise DetectorError(
            f"{source.name}: BoxPredictor_0 has {rows} class outputs, which {boxes} boxes cannot share."
        )
    return int(rows) // boxes


def _xywh(rows: Array) -> Array:
    """Output channels box by box from (ty, tx, th, tw) to (tx, ty, tw, th)."""
    return rows.reshape(-1, 4, *rows.shape[1:])[:, [1, 0, 3, 2]].reshape(rows.shape)


class _Reader:
    """TensorFlow's convolutions, [rows, columns, in, out], as ours; every tensor is checked."""

    def __init__(self, state: Mapping[str, Array], spec: ModelSpec, source: SourceFile) -> None:
        self._state, self._source, self._shapes = state, source, network_shapes(spec)
        self._used: set[str] = set()
        self._faults: list[str] = []
        self._tensors: dict[str, Array] = {}

    def network(self, network: TFNetwork) -> dict[str, Array]:
        """The tensors of our network.

        Raises:
            DetectorError: Lists the first ten that are missing, left over, or not as they should be.
        """
        (self._base_v1 if network.version == 1 else self._base_v2)()
        self._extras(network)
        self._predictors(network)
        left = [
            f"{name[:80]} {list(tensor.shape)} is unexpected"
            for name, tensor in self._state.items()
            if tensor.ndim and tensor.dtype.kind == "f" and name.startswith((_FEATURES, "BoxPredictor_"))
            if name not in self._used
        ]
        refuse_faults(self._faults + left, self._source.name, "its layout")
        return self._tensors

    def _base_v1(self) -> None:
        self._conv("stem", f"{_FEATURES}V1/Conv2d_0")
        for index in range(len(V1_LAYERS)):
            for part in ("depthwise", "pointwise"):
                self._conv(f"blocks.{index}.{part}", f"{_FEATURES}V1/Conv2d_{index + 1}_{part}")

    def _base_v2(self) -> None:
        self._conv("stem", f"{_FEATURES}V2/Conv")
        for index in range(sum(repeats for _, _, repeats, _ in V2_STAGES)):
            theirs = f"{_FEATURES}V2/expanded_conv{f'_{index}' if index else ''}"
            for part in ("expand", "depthwise", "project") if index else ("depthwise", "project"):
                self._conv(f"blocks.{index}.{part}", f"{theirs}/{part}")
        self._conv("tail", f"{_FEATURES}V2/Conv_1")

    def _extras(self, network: TFNetwork) -> None:
        start = f"{_FEATURES}V1/Conv2d_13_pointwise" if network.version == 1 else f"{_FEATURES}V2/layer_19"
        for index, (middle, out) in enumerate(TF_EXTRAS):
            self._conv(f"extras.{index}.squeeze", f"{start}_1_Conv2d_{index + 2}_1x1_{middle}")
            theirs = f"{start}_2_Conv2d_{index + 2}_3x3_s2_{out}"
            self._conv_or_pair(f"extras.{index}.widen", theirs, pair=network.separable)

    def _predictors(self, network: TFNetwork) -> None:
        for ours, theirs, reorder in (("loc", "BoxEncodingPredictor", _xywh), ("conf", "ClassPredictor", None)):
            for level in range(_LEVELS):
                pair = network.heads == "separable"
                self._conv_or_pair(f"{ours}.{level}", f"BoxPredictor_{level}/{theirs}", reorder, pair=pair)

    def _conv_or_pair(
        self, ours: str, theirs: str, reorder: Callable[[Array], Array] | None = None, *, pair: bool
    ) -> None:
        """One convolution, or a depthwise one and a 1x1 one."""
        if pair:
            self._conv(f"{ours}.depthwise", f"{theirs}_depthwise")
        self._conv(f"{ours}.pointwise" if pair else ours, theirs, reorder)

    def _conv(self, ours: str, theirs: str, reorder: Callable[[Array], Array] | None = None) -> None:
        """Take one convolution with what follows it; ``reorder`` brings its output channels into our order."""
        shape = self._shapes[f"{ours}.weight"]
        if ours.endswith(".depthwise"):
            operation, variable, axes = "depthwise", "depthwise_weights", (2, 3, 0, 1)
        else:
            operation, variable, axes = "Conv2D", "weights", (3, 2, 0, 1)
        names = [f"{theirs}/{name}" for name in (variable, f"{operation}/merged_input", f"{operation}_weights")]
        weight = self._take(names, tuple(shape[axes.index(i)] for i in range(4)))
        factor, shift = self._scale_and_shift(theirs, operation, shape[:1])
        with np.errstate(over="ignore", invalid="ignore"):  # looked for below
            weight = (weight.transpose(axes) * factor[:, None, None, None]).astype(np.float32)
            shift = shift.astype(np.float32)
        if not (np.isfinite(weight).all() and np.isfinite(shift).all()):
            self._faults.append(f"{theirs} is beyond float32 once its batch normalisation is folded into it")
        if reorder is not None:
            weight, shift = reorder(weight), reorder(shift)
        self._tensors[f"{ours}.weight"], self._tensors[f"{ours}.bias"] = np.ascontiguousarray(weight), shift

    def _scale_and_shift(self, theirs: str, operation: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """The scale and shift of each channel behind the convolution, in float64."""
        norm = f"{theirs}/BatchNorm"
        for added in (f"{theirs}/biases", f"{theirs}/{operation}_bn_offset", f"{norm}/batchnorm/sub"):
            if added in self._state:  # no normalisation, or a converter has folded it, but perhaps its factor
                scaled = f"{norm}/batchnorm/mul" in self._state
                factor = self._double(f"{norm}/batchnorm/mul", shape) if scaled else np.ones(shape)
                return factor, self._double(added, shape)
        gamma, beta, mean, variance = (
            self._double(f"{norm}/{part}", shape) for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        if (variance < 0).any():
            self._faults.append(f"{norm}/moving_variance has negative variances")
        factor = gamma / np.sqrt(np.abs(variance) + _EPS)
        return factor, beta - mean * factor

    def _double(self, name: str, shape: tuple[int, ...]) -> Array:
        return self._take([name], shape).astype(np.float64)

    def _take(self, names: list[str], shape: tuple[int, ...]) -> Array:
        """The first of ``names`` that is there; where it is at fault, that is noted and zeros stand in for it."""
        name = next((name for name in names if name in self._state), names[0])
        self._used.add(name)
        tensor = self._state.get(name)
        fault = fault_of(name, tensor, shape)
        if not fault and tensor is not None:
            return tensor
        self._faults.append(fault)
        return np.zeros(shape, np.float32)
