"""mb1-ssd, mb1-ssd-lite and mb2-ssd-lite of qfgaohao/pytorch-ssd, which jetson-inference trains too.

Any number of classes; the names lie in the ``labels.txt`` beside the file. The default boxes are those of 300 x 300
pixels, the only size these trainers had for years; a file does not tell another.
"""

from __future__ import annotations

from collections.abc import Mapping

from detector.config import MOBILENET300
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, choose_labels, refuse_priors
from detector.importers.folding import FoldingReader, class_outputs
from detector.importers.mobilenet_v2_names import inverted_residuals
from detector.importers.notes import Note
from detector.plans.tables import V1_LAYERS
from detector.safetensors_file import Array
from detector.spec import Architecture, InputSpec, ModelSpec, PostprocessSpec

_INPUT = InputSpec(height=300, width=300, mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0))
_RULE = PostprocessSpec(top_k=200)
_HEADS = (("loc", "regression_headers"), ("conf", "classification_headers"))
_LEVELS = len(MOBILENET300.grids)


def import_mb1(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer`` for mb1-ssd and mb1-ssd-lite, which differ behind the base network."""
    lite = "classification_headers.0.2.weight" in state
    last = f"classification_headers.{_LEVELS - 1}"
    if lite:
        spec, notes = _describe(state, source, overrides, "mb1-ssd-lite", "ssdlite-mobilenetv1", last)
    else:
        spec, notes = _describe(state, source, overrides, "mb1-ssd", "ssd-mobilenetv1", last)
    reader = FoldingReader(state, spec, source)
    reader.conv("stem", "base_net.0.0", "base_net.0.1", bias=False)
    for i in range(len(V1_LAYERS)):
        theirs = f"base_net.{i + 1}"
        reader.conv(f"blocks.{i}.depthwise", f"{theirs}.0", f"{theirs}.1", bias=False)
        reader.conv(f"blocks.{i}.pointwise", f"{theirs}.3", f"{theirs}.4", bias=False)
    for i in range(_LEVELS - 2):
        reader.conv(f"extras.{i}.squeeze", f"extras.{i}.0")
        _maybe_separable(reader, f"extras.{i}.widen", f"extras.{i}.2", lite)
    for ours, theirs in _HEADS:
        for i in range(_LEVELS):
            _maybe_separable(reader, f"{ours}.{i}", f"{theirs}.{i}", lite and i < _LEVELS - 1)
    return Imported(as_published(spec, source), reader.finish(), notes)


def _maybe_separable(reader: FoldingReader, ours: str, theirs: str, separable: bool) -> None:
    """One convolution, or a depthwise and a pointwise one with a ReLU between, none of them normalised."""
    if separable:
        reader.conv(f"{ours}.depthwise", f"{theirs}.0")
        reader.conv(f"{ours}.pointwise", f"{theirs}.2")
    else:
        reader.conv(ours, theirs)


def import_mb2_lite(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer`` for mb2-ssd-lite."""
    last = f"classification_headers.{_LEVELS - 1}"
    spec, notes = _describe(state, source, overrides, "mb2-ssd-lite", "ssdlite-mobilenetv2", last)
    reader = FoldingReader(state, spec, source)
    inverted_residuals(reader, base="base_net", extras="extras", nested=False)
    for ours, theirs in _HEADS:
        for i in range(_LEVELS - 1):
            reader.conv(f"{ours}.{i}.depthwise", f"{theirs}.{i}.0", f"{theirs}.{i}.1")
            reader.conv(f"{ours}.{i}.pointwise", f"{theirs}.{i}.3")
        reader.conv(f"{ours}.{_LEVELS - 1}", f"{theirs}.{_LEVELS - 1}")
    return Imported(as_published(spec, source), reader.finish(), notes)


def _describe(
    state: Mapping[str, Array],
    source: SourceFile,
    overrides: Overrides,
    name: str,
    architecture: Architecture,
    predictor: str,
) -> tuple[ModelSpec, tuple[Note, ...]]:
    """The spec, its classes counted at ``predictor``, and the notes."""
    refuse_priors(overrides, name)
    size = Note("Input: 300 x 300 pixels, unless the trainer was told otherwise; the file does not tell.")
    classes = class_outputs(state, predictor, MOBILENET300.boxes_per_cell[0], source)
    labels, channels = choose_labels(classes - 1, overrides), choose_channels(_INPUT, overrides)
    where = Note("The trainer writes the class names to labels.txt, beside the weights.")
    spec = ModelSpec(
        name=name,
        architecture=architecture,
        labels=labels.value,
        input=channels.value,
        config=MOBILENET300,
        postprocess=_RULE,
        title=f"{name}, {classes - 1} classes",
        provenance=f"qfgaohao/pytorch-ssd or jetson-inference, {name}",
    )
    return spec, (size, *labels.notes, *((where,) if overrides.labels is None else ()), *channels.notes)
