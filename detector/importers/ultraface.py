"""UltraFace ``.pth`` files (slim and RFB) to a spec and a state dict of ours. Our network keeps the published names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from detector.config import ultraface_config
from detector.errors import DetectorError, Remedy
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, choose_labels, refuse_priors
from detector.importers.notes import Choice, Note
from detector.registry import MODELS
from detector.safetensors_file import Array

_SIZE = re.compile(r"(?<!\d)(320|640)(?!\d)")


def import_rfb(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer`` for the RFB variant."""
    return _import(state, "rfb", source, overrides)


def import_slim(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer`` for the slim variant."""
    return _import(state, "slim", source, overrides)


def _import(state: Mapping[str, Array], variant: str, source: SourceFile, overrides: Overrides) -> Imported:
    refuse_priors(overrides, "UltraFace")
    predictor = state.get("classification_headers.3.weight")
    rows = 0 if predictor is None or predictor.ndim == 0 else predictor.shape[0]
    boxes = ultraface_config().boxes_per_cell[-1]
    if rows % boxes or rows // boxes < 2:
        raise DetectorError(f"This UltraFace file has {rows} class outputs per cell, which are not of {boxes} boxes.")
    # Both input sizes have the same tensors; the published files of the larger one are told by their hash alone.
    large = MODELS[f"ultraface-{variant}-640"]
    assert large.weights is not None
    known = large if source.sha256.startswith(large.weights.sha256) else MODELS[f"ultraface-{variant}-320"]
    is_known = known.weights is not None and source.sha256.startswith(known.weights.sha256 or "?")
    size = Choice(overrides.size or (known.input.width, known.input.height))
    if not is_known and overrides.size is None:
        size = _size_in_name(source)
    width, height = size.value
    labels = _labels(rows // boxes - 1, is_known, source, overrides)
    channels = choose_channels(known.input, overrides)
    spec = replace(
        known,
        title=f"UltraFace {variant}, {width} x {height}",
        input=replace(channels.value, width=width, height=height),
        config=ultraface_config(height, width),
        labels=labels.value,
        licence="",
        provenance="Weights of Ultra-Light-Fast-Generic-Face-Detector-1MB",
        accuracy={},
        weights=None,
    )
    published = as_published(spec, source)
    if (width, height) != (known.input.width, known.input.height):
        published = replace(published, title=spec.title)
    return Imported(published, dict(state), (*size.notes, *labels.notes, *channels.notes))


def _size_in_name(source: SourceFile) -> Choice[tuple[int, int]]:
    """(width, height) that the file's name tells, as the published ones do; it is asked for where that tells none."""
    told = set(_SIZE.findall(source.name))
    if len(told) != 1:
        raise DetectorError(
            f"{source.name} does not say the size of its images, nor is it one of the published files.",
            "Say the size it was trained with: most have 320 x 240, some 640 x 480; at another it finds less.",
            Remedy("size", "320x240"),
        )
    width = int(told.pop())
    height = width * 3 // 4
    text = f"Input: {width} x {height} pixels, by the file's name; one made for another size finds less."
    return Choice((width, height), (Note(text, (Remedy("size", "640x480" if width == 320 else "320x240"),)),))


def _labels(classes: int, is_known: bool, source: SourceFile, overrides: Overrides) -> Choice[tuple[str, ...]]:
    """Faces, of a published file or one that has a single class; what else it may find is said to be unknown."""
    if classes > 1 or overrides.labels is not None:
        return choose_labels(classes, overrides, source.classes)
    text = "One class, assumed to be faces, as the published ones; the file does not tell."
    return Choice(("face",), () if is_known else (Note(text, (Remedy("labels", "FILE"),)),))
