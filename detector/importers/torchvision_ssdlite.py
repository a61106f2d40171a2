"""torchvision's ``ssdlite320_mobilenet_v3_large``: the published COCO weights, or ones trained on other classes.

The published file has the last backbone stage at half width; torchvision builds it whole where a training starts from
ImageNet weights, which is its default. Both are told apart by their shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from detector.errors import DetectorError
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import (
    as_published,
    choose_channels,
    refuse_priors,
    renamed,
)
from detector.importers.torchvision_classes import choose_classes
from detector.importers.vgg import pick_classes
from detector.network_shapes import network_shapes
from detector.registry import MODELS
from detector.safetensors_file import Array

_HEADS = "head.{}_head.module_list.{}"
_BOXES = 6
_BLOCKS = 15
_TAPPED = 12  # our block whose expansion ends the first half of their backbone, the rest beginning the second
_SQUEEZING = (3, 4, 5, 10, 11, 12, 13, 14)


def import_ssdlite320(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer``."""
    refuse_priors(overrides, "torchvision's ssdlite320_mobilenet_v3_large")
    outputs = _outputs(state, source)
    classes = choose_classes(outputs, overrides)
    known = MODELS["ssdlite320-mobilenetv3-coco"]
    channels = choose_channels(known.input, overrides)
    wide = "backbone.features.1.3.0.weight" in state and state["backbone.features.1.3.0.weight"].shape[0] > 480
    spec = replace(
        known,
        architecture="ssdlite320-mobilenetv3-wide" if wide else known.architecture,
        labels=classes.labels,
        input=channels.value,
        title=f"{len(classes.labels)} classes, SSDLite320 MobileNetV3",
        licence="",
        provenance="Weights of torchvision ssdlite320_mobilenet_v3_large",
        accuracy={},
        weights=None,
    )
    as_in_file = replace(spec, labels=tuple(str(number) for number in range(1, outputs)))
    tensors = renamed(state, file_names(), network_shapes(as_in_file), source)
    last = {name: tensor for name, tensor in tensors.items() if re.match(r"conf\.\d\.1\.", name)}
    tensors |= pick_classes(last, classes.kept, outputs)
    return Imported(as_published(spec, source), tensors, (*classes.notes, *channels.notes))


def _outputs(state: Mapping[str, Array], source: SourceFile) -> int:
    name = _HEADS.format("classification", 0) + ".1.weight"
    rows = state[name].shape[0] if name in state and state[name].ndim == 4 else 0
    if rows == 0 or rows % _BOXES:
        raise DetectorError(f"{source.name}: {name} has {rows} outputs, no multiple of its {_BOXES} default boxes.")
    return rows // _BOXES


def file_names() -> dict[str, str]:
    """The file's name of each tensor of our network."""
    names: dict[str, str] = {}
    for ours, theirs, normalised in _modules():
        if normalised:
            names[f"{ours}.conv.weight"] = f"{theirs}.0.weight"
            for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                names[f"{ours}.bn.{part}"] = f"{theirs}.1.{part}"
        else:
            names |= {f"{ours}.{part}": f"{theirs}.{part}" for part in ("weight", "bias")}
    return names


def _modules() -> Iterator[tuple[str, str, bool]]:
    """Our name and theirs of every convolution, and whether a batch norm follows it."""
    yield "stem", "backbone.features.0.0", True
    for block in range(_BLOCKS):
        yield from _block(block)
    yield "tail", "backbone.features.1.3", True
    for i in range(4):
        for j in range(3):
            yield f"extras.{i}.{j}", f"backbone.extra.{i}.{j}", True
    for ours, kind in (("loc", "regression"), ("conf", "classification")):
        for i in range(6):
            yield f"{ours}.{i}.0", f"{_HEADS.format(kind, i)}.0", True
            yield f"{ours}.{i}.1", f"{_HEADS.format(kind, i)}.1", False


def _block(block: int) -> Iterator[tuple[str, str, bool]]:
    ours = f"blocks.{block}"
    place = f"backbone.features.0.{block + 1}.block"
    first = 0
    if block == _TAPPED:
        yield f"{ours}.expand", "backbone.features.0.13", True
        place, first = "backbone.features.1.0", 1
    elif block > _TAPPED:
        place = f"backbone.features.1.{block - _TAPPED}.block"
    parts = ["depthwise", *(["squeeze"] if block in _SQUEEZING else []), "project"]
    if block not in (0, _TAPPED):  # the first block has nothing to expand
        parts.insert(0, "expand")
    for j, part in enumerate(parts, start=first):
        if part == "squeeze":
            yield f"{ours}.squeeze.fc1", f"{place}.{j}.fc1", False
            yield f"{ours}.squeeze.fc2", f"{place}.{j}.fc2", False
        else:
            yield f"{ours}.{part}", f"{place}.{j}", True
