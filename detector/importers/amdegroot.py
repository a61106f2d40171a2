"""amdegroot/ssd.pytorch: SSD300 on VGG-16, plain state dicts such as ``ssd300_mAP_77.43_v2.pth``."""

from __future__ import annotations

from collections.abc import Mapping

from detector.errors import Remedy
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, choose_labels, choose_priors
from detector.importers.notes import Note
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
    file = measure(state, NAMING, source, (300,))
    notes = file.notes
    kept = tuple(range(file.classes))
    if file.classes == _COCO_OUTPUTS and (overrides.labels is None or len(overrides.labels) == len(COCO80)):
        kept = tuple(range(1 + len(COCO80)))
        text = "201 outputs, as this layout's COCO configuration has them: the 120 that no class uses are left out."
        notes = (*notes, Note(text))
    classes = len(kept) - 1
    labels, priors = choose_labels(classes, overrides), choose_priors(classes, overrides)
    channels = choose_channels(InputSpec(300, 300), overrides)
    spec = ModelSpec(
        name="amdegroot",
        architecture="ssd-vgg16",
        labels=labels.value,
        input=channels.value,
        config=CLAMPED_CONFIGS[300, priors.value],
        postprocess=_RULE,
        width=file.width,
        title=f"{classes} classes, SSD300 VGG-16",
        provenance="Weights of amdegroot/ssd.pytorch",
    )
    notes = (*notes, *labels.notes, *channels.notes, *priors.notes)
    if overrides.channels is None:
        text = "Weights that were converted from Caffe (ssd_300_VOC0712.pth) want BGR."
        notes = (*notes, Note(text, (Remedy("channels", "bgr"),)))
    tensors = pick_classes(take(state, NAMING, spec, source, file.classes), kept, file.classes)
    return Imported(as_published(spec, source), tensors, notes)
