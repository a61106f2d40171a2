"""SSD300-ResNet50 of NVIDIA's DeepLearningExamples (PyTorch/Detection/SSD), e.g. ``nvidia_ssdpyt_amp_200703.pt``.

Its predictors are transposed: output channel ``value * boxes + box`` where all others have ``box * values + value``,
and its boxes run (level, shape, row, column). Bringing the channels into our order lets our default boxes stand.
Their training (DALI) and their evaluation (PIL) both smooth while shrinking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from detector.config import SSD300_COCO_CLAMPED, SSD300_VOC_CLAMPED
from detector.errors import Remedy
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, choose_labels
from detector.importers.folding import FoldingReader, class_outputs
from detector.importers.notes import Note
from detector.plans.tables import RESNET_STAGES
from detector.safetensors_file import Array
from detector.spec import InputSpec, ModelSpec, PostprocessSpec

# ImageNet's mean and deviation, which the training subtracts from and divides RGB in 0..1 by.
_INPUT = InputSpec(
    height=300,
    width=300,
    mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
    std=(0.229 * 255, 0.224 * 255, 0.225 * 255),
    smooth=True,
)
_RULE = PostprocessSpec(score_floor=0.05, iou_threshold=0.5, top_k=200, max_detections=200)  # of their evaluate.py
_BASE = "feature_extractor.feature_extractor"
_FIRST_STAGE = 4  # place of ResNet's layer1 among its children: conv1, bn1, relu, maxpool, layer1, ...


def import_nvidia(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer``."""
    config = SSD300_VOC_CLAMPED if overrides.priors == "voc" else SSD300_COCO_CLAMPED
    boxes = config.boxes_per_cell
    classes = class_outputs(state, "conf.0", boxes[0], source)
    labels, channels = choose_labels(classes - 1, overrides), choose_channels(_INPUT, overrides)
    spec = ModelSpec(
        name="nvidia-ssd300",
        architecture="ssd-resnet50",
        labels=labels.value,
        input=channels.value,
        config=config,
        postprocess=_RULE,
        title=f"SSD300 ResNet-50, {classes - 1} classes",
        provenance="NVIDIA DeepLearningExamples, SSD300 ResNet-50",
    )
    reader = FoldingReader(state, spec, source)
    _base(reader)
    for i in range(len(boxes) - 1):
        reader.conv(f"extras.{i}.squeeze", f"additional_blocks.{i}.0", f"additional_blocks.{i}.1", bias=False)
        reader.conv(f"extras.{i}.widen", f"additional_blocks.{i}.3", f"additional_blocks.{i}.4", bias=False)
    for i, count in enumerate(boxes):
        reader.conv(f"loc.{i}", f"loc.{i}", reorder=_box_first(count))
        reader.conv(f"conf.{i}", f"conf.{i}", reorder=_box_first(count))
    return Imported(
        as_published(spec, source), reader.finish(), (*_boxes_note(overrides), *labels.notes, *channels.notes)
    )


def _boxes_note(overrides: Overrides) -> tuple[Note, ...]:
    if overrides.priors is not None:
        return ()
    text = "Sizes of the default boxes: COCO's, as the authors train. If trained with VOC's, take those."
    return (Note(text, (Remedy("priors", "voc"),)),)


def _base(reader: FoldingReader) -> None:
    reader.conv("stem", f"{_BASE}.0", f"{_BASE}.1", bias=False)
    for number, (blocks, _narrow, _stride) in enumerate(RESNET_STAGES):
        for index in range(blocks):
            ours, theirs = f"stages.{number}.{index}", f"{_BASE}.{_FIRST_STAGE + number}.{index}"
            for part, layer in (("squeeze", 1), ("filter", 2), ("widen", 3)):
                reader.conv(f"{ours}.{part}", f"{theirs}.conv{layer}", f"{theirs}.bn{layer}", bias=False)
            if index == 0:
                reader.conv(f"{ours}.shortcut", f"{theirs}.downsample.0", f"{theirs}.downsample.1", bias=False)


def _box_first(boxes: int) -> Callable[[Array], Array]:
    """Rows [values * boxes, ...] to [boxes * values, ...]."""

    def reorder(tensor: Array) -> Array:
        return tensor.reshape(-1, boxes, *tensor.shape[1:]).swapaxes(0, 1).reshape(tensor.shape)

    return reorder
