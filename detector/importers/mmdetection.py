"""mmdetection's SSD300 and SSD512: names of version 2.14 and later, of 2.x before, and of 1.x.

The background is the last class from version 2 on; version 1 had it first, under the names of early version 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from detector.config import LOG_SIZE_LIMIT
from detector.errors import Remedy
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, choose_labels, choose_priors
from detector.importers.notes import Note
from detector.importers.vgg import CAFFE_CONFIGS, Naming, measure, numbered, pick_classes, take
from detector.safetensors_file import Array
from detector.spec import InputSpec, ModelSpec, PostprocessSpec

OLD = Naming(
    base=numbered("backbone.features.{}"),
    extra=numbered("backbone.extra.{}"),
    loc=numbered("bbox_head.reg_convs.{}"),
    conf=numbered("bbox_head.cls_convs.{}"),
    norm={"l2norm.scale": "backbone.l2_norm.weight"},
)
CURRENT = replace(
    OLD,
    extra=lambda i: f"neck.extra_layers.{i // 2}.{i % 2}.conv",
    loc=numbered("bbox_head.reg_convs.{}.0"),
    conf=numbered("bbox_head.cls_convs.{}.0"),
    norm={"l2norm.scale": "neck.l2_norm.weight"},
)
_MEAN = (123.675, 116.28, 103.53)  # RGB
_RULE = PostprocessSpec(score_floor=0.02, top_k=1000, max_detections=200, clip=True, max_log_size=LOG_SIZE_LIMIT)


def import_current(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer`` for version 2.14 and later."""
    return _import(state, CURRENT, source, overrides, background_last=True)


def import_old(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer`` for version 2 before 2.14."""
    imported = _import(state, OLD, source, overrides, background_last=True)
    text = "Taken to have the background last, as from version 2 on. If made with version 1, name that layout."
    return replace(imported, notes=(*imported.notes, Note(text, (Remedy("layout", "mmdetection-1"),))))


def import_version_1(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer`` for version 1."""
    return _import(state, OLD, source, overrides, background_last=False)


def _import(
    state: Mapping[str, Array], naming: Naming, source: SourceFile, overrides: Overrides, *, background_last: bool
) -> Imported:
    file = measure(state, naming, source, (300, 512))
    classes = file.classes - 1
    order = (classes, *range(classes)) if background_last else tuple(range(file.classes))
    labels, priors = choose_labels(classes, overrides, source.classes), choose_priors(classes, overrides)
    channels = choose_channels(InputSpec(file.side, file.side, mean=_MEAN), overrides)
    spec = ModelSpec(
        name="mmdetection",
        architecture="ssd-vgg16",
        labels=labels.value,
        input=channels.value,
        config=CAFFE_CONFIGS[file.side, priors.value],
        postprocess=_RULE,
        width=file.width,
        title=f"{classes} classes, SSD{file.side} VGG-16",
        provenance="Weights of mmdetection",
    )
    tensors = pick_classes(take(state, naming, spec, source, file.classes), order, file.classes)
    return Imported(as_published(spec, source), tensors, (*file.notes, *labels.notes, *channels.notes, *priors.notes))
