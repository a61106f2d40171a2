"""qfgaohao/pytorch-ssd ``vgg16-ssd`` (also jetson-inference): SSD300, batch norm for L2Norm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from detector.errors import DetectorError
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, choose_labels, refuse_priors
from detector.importers.folding import folded
from detector.importers.vgg import CLAMPED_CONFIGS, Naming, measure, numbered, take
from detector.safetensors_file import Array
from detector.spec import InputSpec, ModelSpec, PostprocessSpec

_NORM = "source_layer_add_ons.0"
_SCALE, _SHIFT = "l2norm.scale", "l2norm.shift"
NAMING = Naming(
    base=numbered("base_net.{}"),
    extra=lambda i: f"extras.{i // 2}.{2 * (i % 2)}",
    loc=numbered("regression_headers.{}"),
    conf=numbered("classification_headers.{}"),
    norm={_SCALE: f"{_NORM}.weight", _SHIFT: f"{_NORM}.bias"},
)
_RULE = PostprocessSpec(top_k=200, max_detections=200)


def import_qfgaohao_vgg(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer``."""
    refuse_priors(overrides, "qfgaohao/pytorch-ssd vgg16-ssd")
    file = measure(state, NAMING, source, (300,))
    classes = file.classes - 1
    labels, channels = choose_labels(classes, overrides), choose_channels(InputSpec(300, 300), overrides)
    spec = ModelSpec(
        name="qfgaohao-vgg16",
        architecture="ssd-vgg16-affine",
        labels=labels.value,
        input=channels.value,
        config=CLAMPED_CONFIGS[300, "voc"],
        postprocess=_RULE,
        width=file.width,
        title=f"{classes} classes, SSD300 VGG-16 with batch norm",
        provenance="Weights of qfgaohao/pytorch-ssd",
    )
    plain, statistics = _split(state)
    tensors = take(plain, NAMING, spec, source, file.classes)
    tensors |= _affine(tensors, statistics, source)
    return Imported(as_published(spec, source), tensors, (*file.notes, *labels.notes, *channels.notes))


def _split(state: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """The tensors our network has a place for, and the running statistics of the batch norm."""
    parts = ("running_mean", "running_var", "num_batches_tracked")
    statistics = {part: state[f"{_NORM}.{part}"] for part in parts if f"{_NORM}.{part}" in state}
    return {name: tensor for name, tensor in state.items() if name.rpartition(".")[2] not in statistics}, statistics


def _affine(tensors: Mapping[str, Array], statistics: Mapping[str, Array], source: SourceFile) -> dict[str, Array]:
    """The batch norm as a scale and a shift: what it would merge into if a convolution that does nothing were there."""
    weight, bias = tensors[_SCALE], tensors[_SHIFT]
    for part in ("running_mean", "running_var"):
        found = list(statistics[part].shape) if part in statistics else "missing"
        if found != list(weight.shape):
            raise DetectorError(f"{source.name} does not fit its layout: {_NORM}.{part} is {found}.")
    mean, variance = statistics["running_mean"], statistics["running_var"]
    if bool((variance < 0).any()):
        raise DetectorError(f"{source.name}: {_NORM}.running_var has negative numbers; the weights are damaged.")
    nothing = np.ones((len(weight), 1, 1, 1), np.float32)
    scale, shift = folded(nothing, np.zeros(len(weight), np.float32), weight, bias, mean, variance)
    return {_SCALE: scale.reshape(-1), _SHIFT: shift}
