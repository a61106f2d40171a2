"""lufficc/SSD with VGG-16: SSD300 and SSD512, the release files such as ``vgg_ssd512_coco_trainval35k.pth``.

Those of its first release, such as ``ssd512_voc0712_mAP80.25.pth``, have other names and are the same otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, choose_labels, choose_priors
from detector.importers.vgg import CLAMPED_CONFIGS, Naming, measure, numbered, take
from detector.registry import MODELS
from detector.safetensors_file import Array
from detector.spec import InputSpec, ModelSpec

NAMING = Naming(
    base=numbered("backbone.vgg.{}"),
    extra=numbered("backbone.extras.{}"),
    loc=numbered("box_head.predictor.reg_headers.{}"),
    conf=numbered("box_head.predictor.cls_headers.{}"),
    norm={"l2norm.scale": "backbone.l2_norm.weight"},
)
NAMING_1 = Naming(
    base=numbered("vgg.{}"),
    extra=numbered("extras.{}"),
    loc=numbered("regression_headers.{}"),
    conf=numbered("classification_headers.{}"),
    norm={"l2norm.scale": "l2_norm.weight"},
)
_RULE = MODELS["ssd300-vgg16-voc"].postprocess


def import_lufficc_vgg(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer``."""
    return _import(state, NAMING, source, overrides)


def import_version_1(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer`` for the first release."""
    return _import(state, NAMING_1, source, overrides)


def _import(state: Mapping[str, Array], naming: Naming, source: SourceFile, overrides: Overrides) -> Imported:
    file = measure(state, naming, source, (300, 512))
    classes = file.classes - 1
    labels, priors = choose_labels(classes, overrides), choose_priors(classes, overrides)
    channels = choose_channels(InputSpec(file.side, file.side), overrides)
    spec = ModelSpec(
        name="lufficc",
        architecture="ssd-vgg16",
        labels=labels.value,
        input=channels.value,
        config=CLAMPED_CONFIGS[file.side, priors.value],
        postprocess=_RULE,
        width=file.width,
        title=f"{classes} classes, SSD{file.side} VGG-16",
        provenance="Weights of lufficc/SSD",
    )
    tensors = take(state, naming, spec, source, file.classes)
    return Imported(as_published(spec, source), tensors, (*file.notes, *labels.notes, *channels.notes, *priors.notes))
