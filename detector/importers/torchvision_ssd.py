"""torchvision's ``ssd300_vgg16``: the published COCO weights, or ones trained on other classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, refuse_priors
from detector.importers.torchvision_classes import choose_classes
from detector.importers.vgg import Naming, measure, numbered, pick_classes, take
from detector.registry import MODELS
from detector.safetensors_file import Array


def _base(place: int) -> str:
    """The first four blocks are VGG's own; conv5 and after are numbered anew, behind a pool."""
    if place <= 21:
        return f"backbone.features.{place}"
    return {
        24: "backbone.extra.0.1",
        26: "backbone.extra.0.3",
        28: "backbone.extra.0.5",
        31: "backbone.extra.0.7.1",
        33: "backbone.extra.0.7.3",
    }[place]


NAMING = Naming(
    base=_base,
    extra=lambda i: f"backbone.extra.{1 + i // 2}.{2 * (i % 2)}",
    loc=numbered("head.regression_head.module_list.{}"),
    conf=numbered("head.classification_head.module_list.{}"),
    norm={"l2norm.scale": "backbone.scale_weight"},
)


def import_ssd300(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer``."""
    refuse_priors(overrides, "torchvision's ssd300_vgg16")
    file = measure(state, NAMING, source, (300,))
    classes = choose_classes(file.classes, overrides)
    known = MODELS["ssd300-vgg16-coco"]
    channels = choose_channels(known.input, overrides)
    spec = replace(
        known,
        labels=classes.labels,
        input=channels.value,
        width=file.width,
        title=f"{len(classes.labels)} classes, SSD300 VGG-16",
        licence="",
        provenance="Weights of torchvision ssd300_vgg16",
        accuracy={},
        weights=None,
    )
    tensors = pick_classes(take(state, NAMING, spec, source, file.classes), classes.kept, file.classes)
    return Imported(as_published(spec, source), tensors, (*file.notes, *classes.notes, *channels.notes))
