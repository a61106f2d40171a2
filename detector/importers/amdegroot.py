"""amdegroot/ssd.pytorch: SSD300 on VGG-16, plain state dicts such as ``ssd300_mAP_77.43_v2.pth``."""

from __future__ import annotations

from collections.abc import Mapping

from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, choose_labels, choose_priors
from detector.importers.vgg import CLAMPED_CONFIGS, Naming, measure, numbered, pick_classes, take
from detector.labels import COCO80
from detector.registry import MODELS
from detector.safetensors_file import Array
from detector.spec import InputSpec, ModelSpec

NAMING = Naming(
    base=numbered("vgg.{}"),
    extra=numbered("extras.{}"),
    loc=numbered("loc.{}"),
    conf=numbered("conf.{}"),
    norm={"l2norm.scale": "L2Norm.weight"},
)
_RULE = MODELS["ssd300-vgg16-voc-amdegroot"].postprocess
_COCO_OUTPUTS = 201  # what the authors' COCO configuration asks for; only the first 81 are ever trained


def import_amdegroot(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer``."""
    notes: list[str] = []
    file = measure(state, NAMING, source, (300,), notes)
    kept = tuple(range(file.classes))
    if file.classes == _COCO_OUTPUTS and (overrides.labels is None or len(overrides.labels) == len(COCO80)):
        kept = tuple(range(1 + len(COCO80)))
        notes.append(
            "201 outputs, as this layout's COCO configuration has them: the 120 that no class uses are left out."
        )
    classes = len(kept) - 1
    spec = ModelSpec(
        name="amdegroot",
        architecture="ssd-vgg16",
        labels=choose_labels(classes, overrides, notes),
        input=choose_channels(InputSpec(300, 300), overrides, notes),
        config=CLAMPED_CONFIGS[300, choose_priors(classes, overrides, notes)],
        postprocess=_RULE,
        width=file.width,
        title=f"{classes} classes, SSD300 VGG-16",
        provenance="Weights of amdegroot/ssd.pytorch",
    )
    if overrides.channels is None:
        notes.append("Weights that were converted from Caffe (ssd_300_VOC0712.pth) want --channels bgr.")
    tensors = pick_classes(take(state, NAMING, spec, source, file.classes), kept, file.classes)
    return Imported(as_published(spec, source), tensors, tuple(notes))
