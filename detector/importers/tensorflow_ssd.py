"""SSD and SSDLite on MobileNet 1 and 2 of TensorFlow's Object Detection API (2018, ``*_coco``), also as coco-ssd.

Weights come by TensorFlow's names from any file that keeps them. Batch normalisation may be whole, folded into the
weights, or half of each, as converters leave it. RGB, 300 x 300 warped, x / 127.5 - 1; box code (ty, tx, th, tw).
Trained with a sigmoid per class, yet softmax over background and the classes is the better score on photos: it is
what the file is imported with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from detector.config import SSDConfig, tensorflow_config
from detector.default_boxes import default_boxes
from detector.errors import DetectorError
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, refuse_priors
from detector.importers.torchvision_classes import choose_classes
from detector.importers.vgg import pick_classes
from detector.plans.shapes import network_shapes
from detector.plans.tables import TF_EXTRAS, V1_LAYERS, V2_STAGES
from detector.safetensors_file import Array
from detector.spec import Architecture, InputSpec, ModelSpec
from detector.weights import refuse_faults

_EPS = 0.001
_LEVELS = 6
_FEATURES = "FeatureExtractor/Mobilenet"
_SIZE = "Preprocessor/map/while/ResizeImage/stack"
_NEAR = 1e-3  # a thousandth of the picture
_COCO_LITE = "1b212beb"  # the weights of ssdlite_mobilenet_v2_coco as coco-ssd had them


def import_tensorflow(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer``."""
    refuse_priors(overrides, "A detector of TensorFlow's")
    state = {name.replace("MobilenetV1/MobilenetV1/", "MobilenetV1/"): tensor for name, tensor in state.items()}
    version = 1 if any(name.startswith(f"{_FEATURES}V1/") for name in state) else 2
    lite = any(name.startswith("BoxPredictor_0/ClassPredictor_depthwise/") for name in state)
    if version == 1 and lite:
        raise DetectorError(f"{source.name} is an SSDLite on MobileNet 1 of TensorFlow's, which is not known here.")
    config, notes = tensorflow_config(_side(state, source)), list[str]()
    _check_boxes(state, config, source, notes)
    outputs = _outputs(state, config, source)
    classes = choose_classes(outputs, overrides, notes)
    spec = _described(version, lite, config, classes.labels, overrides)
    as_in_file = replace(spec, labels=tuple(str(number) for number in range(1, outputs)))
    reader = _Reader(state, as_in_file, source)
    (_base_v1 if version == 1 else _base_v2)(reader)
    _extras(reader, version, lite)
    _predictors(reader, lite)
    tensors = reader.finish()
    last = {name: tensor for name, tensor in tensors.items() if name.startswith("conf.") and ".depthwise." not in name}
    published = as_published(spec, source)
    if source.sha256.startswith(_COCO_LITE):
        published = replace(published, licence="Apache-2.0, © The TensorFlow Authors; trained on COCO")
    return Imported(published, tensors | pick_classes(last, classes.kept, outputs), tuple(notes))


def _described(version: int, lite: bool, config: SSDConfig, labels: tuple[str, ...], overrides: Overrides) -> ModelSpec:
    architectures: dict[tuple[int, bool], Architecture] = {
        (1, False): "ssd-mobilenetv1-tf",
        (2, False): "ssd-mobilenetv2-tf",
        (2, True): "ssdlite-mobilenetv2-tf",
    }
    name = f"ssd{'lite' if lite else ''}_mobilenet_v{version}"
    height, width = config.image_size
    return ModelSpec(
        name=name,
        architecture=architectures[version, lite],
        labels=labels,
        input=InputSpec(height, width, overrides.channels or "rgb", (127.5,) * 3, (127.5,) * 3),
        config=config,
        title=f"{len(labels)} classes, TensorFlow's {name}",
        provenance=f"TensorFlow Object Detection API, {name}",
    )


def _side(state: Mapping[str, Array], source: SourceFile) -> int:
    """The side of the input, pixels; 300 where the graph does not say."""
    size = state.get(_SIZE)
    if size is None or size.shape != (2,):
        return 300
    height, width = (int(side) for side in size)
    if height != width or not 32 <= height <= 2048:
        raise DetectorError(f"{source.name} takes pictures of {width} x {height} pixels; only squares are known here.")
    return height


def _check_boxes(state: Mapping[str, Array], config: SSDConfig, source: SourceFile, notes: list[str]) -> None:
    """Hold the default boxes to those in the file, corners as (y, x, y, x), where it has them."""
    kept = [
        tensor.reshape(-1, 4)
        for name, tensor in state.items()
        if tensor.dtype.kind == "f" and tensor.shape[-2:] == (config.num_boxes, 4) and "Postprocessor" in name
    ]
    if not kept:
        notes.append("Default boxes: those of TensorFlow's published models; the file does not tell.")
        return
    ours = default_boxes(config)
    low, high = ours[:, :2] - ours[:, 2:] / 2, ours[:, :2] + ours[:, 2:] / 2
    corners = np.concatenate((low[:, ::-1], high[:, ::-1]), axis=1)
    if not all(np.abs(tensor - corners).max() < _NEAR for tensor in kept):
        raise DetectorError(f"{source.name} has other default boxes than TensorFlow's published models.")


def _outputs(state: Mapping[str, Array], config: SSDConfig, source: SourceFile) -> int:
    """Classes, background included."""
    weight = state.get("BoxPredictor_0/ClassPredictor/weights")
    boxes = config.boxes_per_cell[0]
    rows = weight.shape[-1] if weight is not None and weight.ndim == 4 else 0
    if rows == 0 or rows % boxes:
        raise DetectorError(
            f"{source.name}: BoxPredictor_0 has {rows} class outputs, which {boxes} boxes cannot share."
        )
    return rows // boxes


def _base_v1(reader: _Reader) -> None:
    reader.conv("stem", f"{_FEATURES}V1/Conv2d_0")
    for index in range(len(V1_LAYERS)):
        for part in ("depthwise", "pointwise"):
            reader.conv(f"blocks.{index}.{part}", f"{_FEATURES}V1/Conv2d_{index + 1}_{part}")


def _base_v2(reader: _Reader) -> None:
    reader.conv("stem", f"{_FEATURES}V2/Conv")
    for index in range(sum(repeats for _, _, repeats, _ in V2_STAGES)):
        theirs = f"{_FEATURES}V2/expanded_conv{f'_{index}' if index else ''}"
        for part in ("expand", "depthwise", "project") if index else ("depthwise", "project"):
            reader.conv(f"blocks.{index}.{part}", f"{theirs}/{part}")
    reader.conv("tail", f"{_FEATURES}V2/Conv_1")


def _extras(reader: _Reader, version: int, lite: bool) -> None:
    start = f"{_FEATURES}V1/Conv2d_13_pointwise" if version == 1 else f"{_FEATURES}V2/layer_19"
    for index, (middle, out) in enumerate(TF_EXTRAS):
        reader.conv(f"extras.{index}.squeeze", f"{start}_1_Conv2d_{index + 2}_1x1_{middle}")
        theirs = f"{start}_2_Conv2d_{index + 2}_3x3_s2_{out}"
        if lite:
            reader.conv(f"extras.{index}.widen.depthwise", f"{theirs}_depthwise")
            reader.conv(f"extras.{index}.widen.pointwise", theirs)
        else:
            reader.conv(f"extras.{index}.widen", theirs)


def _predictors(reader: _Reader, lite: bool) -> None:
    for ours, theirs, reorder in (("loc", "BoxEncodingPredictor", _xywh), ("conf", "ClassPredictor", None)):
        for level in range(_LEVELS):
            name = f"BoxPredictor_{level}/{theirs}"
            if lite:
                reader.conv(f"{ours}.{level}.depthwise", f"{name}_depthwise")
                reader.conv(f"{ours}.{level}.pointwise", name, reorder)
            else:
                reader.conv(f"{ours}.{level}", name, reorder)


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

    def conv(self, ours: str, theirs: str, reorder: Callable[[Array], Array] | None = None) -> None:
        """Take one convolution with what follows it; ``reorder`` brings its output channels into our order."""
        shape = self._shapes[f"{ours}.weight"]
        depthwise = shape[1] == 1 and shape[0] > 1 and ours.endswith("depthwise")
        endings = ("depthwise_weights", "depthwise/merged_input") if depthwise else ("weights", "Conv2D/merged_input")
        axes = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
        weight = self._take([f"{theirs}/{ending}" for ending in endings], tuple(shape[axes.index(i)] for i in range(4)))
        factor, shift = self._scale_and_shift(theirs, shape[:1])
        weight, shift = weight.transpose(axes) * factor[:, None, None, None], shift.astype(np.float64)
        if reorder is not None:
            weight, shift = reorder(weight), reorder(shift)
        self._tensors[f"{ours}.weight"] = np.ascontiguousarray(weight, np.float32)
        self._tensors[f"{ours}.bias"] = shift.astype(np.float32)

    def _scale_and_shift(self, theirs: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """What happens to each channel behind the convolution, in float64."""
        if f"{theirs}/biases" in self._state:
            return np.ones(shape), self._take([f"{theirs}/biases"], shape)
        norm = f"{theirs}/BatchNorm"
        if f"{norm}/batchnorm/sub" in self._state:  # a converter has merged the statistics, perhaps the scale as well
            scaled = f"{norm}/batchnorm/mul" in self._state
            factor = self._take([f"{norm}/batchnorm/mul"], shape).astype(np.float64) if scaled else np.ones(shape)
            return factor, self._take([f"{norm}/batchnorm/sub"], shape)
        gamma, beta, mean, variance = (
            self._take([f"{norm}/{part}"], shape).astype(np.float64)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        if (variance < 0).any():
            self._faults.append(f"{norm}/moving_variance has negative variances")
        factor = gamma / np.sqrt(np.abs(variance) + _EPS)
        return factor, beta - mean * factor

    def _take(self, names: list[str], shape: tuple[int, ...]) -> Array:
        """The first of ``names`` that is there; where it is at fault, that is noted and zeros stand in for it."""
        name = next((name for name in names if name in self._state), names[0])
        self._used.add(name)
        tensor = self._state.get(name)
        if tensor is None:
            self._faults.append(f"{name} {list(shape)} is missing")
        elif tuple(tensor.shape) != shape:
            self._faults.append(f"{name} is {list(tensor.shape)} instead of {list(shape)}")
        elif tensor.dtype.kind != "f":
            self._faults.append(f"{name} holds {tensor.dtype} instead of floating point numbers")
        else:
            return tensor
        return np.zeros(shape, np.float32)

    def finish(self) -> dict[str, Array]:
        """The tensors of our network.

        Raises:
            DetectorError: Lists the first ten that are missing, left over, or not as they should be.
        """
        left = [
            f"{name[:80]} {list(tensor.shape)} is unexpected"
            for name, tensor in self._state.items()
            if tensor.ndim and tensor.dtype.kind == "f" and name.startswith((_FEATURES, "BoxPredictor_"))
            if name not in self._used
        ]
        refuse_faults(self._faults + left, self._source.name, "its layout")
        return self._tensors
