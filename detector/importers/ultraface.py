"""UltraFace ``.pth`` files (slim and RFB) to a spec and a state dict of ours. Our network keeps the published names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from detector.errors import DetectorError
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, refuse_priors
from detector.importers.notes import Note
from detector.registry import MODELS
from detector.safetensors_file import Array


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
    if rows != 6:  # 3 boxes per cell x (background, face)
        raise DetectorError(f"This UltraFace file has {rows} class outputs per cell instead of 6.")
    # Both input sizes have the same tensors; the published files of the larger one are told by their hash alone.
    large = MODELS[f"ultraface-{variant}-640"]
    assert large.weights is not None
    known = large if source.sha256.startswith(large.weights.sha256) else MODELS[f"ultraface-{variant}-320"]
    size = Note("Input: 320 x 240 pixels, as the smaller published ones; the file does not tell.")
    channels = choose_channels(known.input, overrides)
    spec = replace(
        known,
        input=channels.value,
        licence="",
        provenance="Weights of Ultra-Light-Fast-Generic-Face-Detector-1MB",
        accuracy={},
        weights=None,
    )
    return Imported(as_published(spec, source), dict(state), (*(() if known is large else (size,)), *channels.notes))
