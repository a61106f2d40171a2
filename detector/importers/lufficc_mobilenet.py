"""MobileNetV2-SSD320 of lufficc/SSD, e.g. ``mobilenet_v2_ssd320_voc0712_v2.pth``.

SSDLite on the 96-channel map before MobileNetV2 goes to stride 32; all four numbers of a default box clamped; RGB minus
the mean, not scaled. The default boxes are those of the configuration file in force since March 2020.
"""

from __future__ import annotations

from collections.abc import Mapping

from detector.config import MOBILENET320
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, choose_labels, refuse_priors
from detector.importers.folding import FoldingReader, class_outputs
from detector.importers.mobilenet_v2_names import inverted_residuals
from detector.importers.notes import Note
from detector.registry import MODELS
from detector.safetensors_file import Array
from detector.spec import InputSpec, ModelSpec

_BOXES = Note(
    "Default boxes: as configured since March 2020; earlier files had other steps on the three coarsest maps."
)
_HEADS = (("loc", "box_head.predictor.reg_headers"), ("conf", "box_head.predictor.cls_headers"))


def import_lufficc_mobilenet(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer``."""
    refuse_priors(overrides, "lufficc/SSD's MobileNetV2-SSD320")
    last = len(MOBILENET320.grids) - 1
    classes = class_outputs(state, f"{_HEADS[1][1]}.{last}", MOBILENET320.boxes_per_cell[last], source)
    labels = choose_labels(classes - 1, overrides)
    channels = choose_channels(InputSpec(height=320, width=320), overrides)
    spec = ModelSpec(
        name="lufficc-mobilenetv2",
        architecture="ssdlite-mobilenetv2-narrow",
        labels=labels.value,
        input=channels.value,
        config=MOBILENET320,
        postprocess=MODELS["ssdlite320-mobilenetv2-voc"].postprocess,
        title=f"SSDLite320 MobileNetV2, {classes - 1} classes",
        provenance="lufficc/SSD, MobileNetV2-SSD320",
    )
    reader = FoldingReader(state, spec, source)
    inverted_residuals(reader, base="backbone.features", extras="backbone.extras", nested=True)
    for ours, theirs in _HEADS:
        for i in range(last):
            reader.conv(f"{ours}.{i}.depthwise", f"{theirs}.{i}.conv.0", f"{theirs}.{i}.conv.1")
            reader.conv(f"{ours}.{i}.pointwise", f"{theirs}.{i}.conv.3")
        reader.conv(f"{ours}.{last}", f"{theirs}.{last}")
    return Imported(as_published(spec, source), reader.finish(), (_BOXES, *labels.notes, *channels.notes))
