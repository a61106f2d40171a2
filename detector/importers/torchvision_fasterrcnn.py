"""torchvision's Faster R-CNN with ResNet-50 or MobileNetV3 at 320 pixels: the published COCO weights, or a user's own.

Not an SSD; here so that the two can be compared. Older files, the published ones among them, have names from before
torchvision put a convolution and its normalisation into one block.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from detector.errors import DetectorError, Remedy
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, renamed
from detector.importers.torchvision_classes import choose_classes
from detector.network_shapes import network_shapes
from detector.registry import MODELS

_COUNTER = ".num_batches_tracked"
_SCORES, _BOXES = "roi_heads.box_predictor.cls_score", "roi_heads.box_predictor.bbox_pred"
_OLD = {
    re.compile(r"(rpn\.head\.conv)\.(weight|bias)"): r"\1.0.0.\2",
    re.compile(r"(backbone\.fpn\.(?:inner|layer)_blocks\.\d)\.(weight|bias)"): r"\1.0.\2",
}


def import_resnet50(state: Mapping[str, Any], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer``."""
    return _import(state, source, overrides, "fasterrcnn-resnet50-fpn-coco", "fasterrcnn_resnet50_fpn")


def import_mobilenet(state: Mapping[str, Any], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer``."""
    known = "fasterrcnn-mobilenetv3-320-fpn-coco"
    return _import(state, source, overrides, known, "fasterrcnn_mobilenet_v3_large_320_fpn")


def _import(
    state: Mapping[str, Any], source: SourceFile, overrides: Overrides, known_name: str, theirs: str
) -> Imported:
    if overrides.priors is not None or overrides.channels is not None:
        raise DetectorError(
            f"torchvision's {theirs} brings its own anchors and takes RGB.",
            "Leave default boxes and channel order to it.",
            Remedy("priors", omit=True),
            Remedy("channels", omit=True),
        )
    # The counters are of a training that normalised anew; nothing computes with them.
    renewed = {_renewed(name): array for name, array in state.items() if not name.endswith(_COUNTER)}
    outputs = _outputs(renewed, source)
    classes = choose_classes(outputs, overrides)
    known = MODELS[known_name]
    network = known.title.rpartition(", ")[2]
    spec = replace(
        known,
        labels=classes.labels,
        title=f"Faster R-CNN, for comparison: {len(classes.labels)} classes, {network}",
        licence="",
        provenance=f"Weights of torchvision {theirs}",
        accuracy={},
        weights=None,
    )
    shapes = network_shapes(replace(spec, labels=tuple(str(number) for number in range(1, outputs))))
    tensors = renamed(renewed, {name: name for name in shapes}, shapes, source)
    if classes.kept != tuple(range(outputs)):
        kept = list(classes.kept)
        for part in ("weight", "bias"):
            scores, boxes = tensors[f"{_SCORES}.{part}"], tensors[f"{_BOXES}.{part}"]
            by_class = boxes.reshape(outputs, 4, *boxes.shape[1:])
            tensors[f"{_SCORES}.{part}"] = scores[kept]
            tensors[f"{_BOXES}.{part}"] = by_class[kept].reshape(-1, *boxes.shape[1:])
    return Imported(as_published(spec, source), tensors, classes.notes)


def _renewed(name: str) -> str:
    for old, new in _OLD.items():
        name = old.sub(new, name)
    return name


def _outputs(state: Mapping[str, Any], source: SourceFile) -> int:
    """Classes, background included."""
    scores = state.get(f"{_SCORES}.weight")
    if scores is None or len(scores.shape) != 2 or scores.shape[0] < 2:
        raise DetectorError(f"{source.name} does not fit its layout: {_SCORES} is missing or predicts no class.")
    return int(scores.shape[0])
