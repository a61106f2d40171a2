"""UltraFace ``.pth`` files (slim and RFB) to a spec and a state dict of ours. Our network keeps the published names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from detector.config import ultraface_config
from detector.errors import DetectorError
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import choose_channels, refuse_priors
from detector.registry import MODELS

if TYPE_CHECKING:
    from torch import Tensor

# Both input sizes have the same tensors; the published 640 files are told by their hash alone.
_PUBLISHED_640 = ("bf34512b", "02ca7780")


def import_rfb(state: Mapping[str, Tensor], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer`` for the RFB variant."""
    return _import(state, "ultraface-rfb-320", source, overrides)


def import_slim(state: Mapping[str, Tensor], source: SourceFile, overrides: Overrides) -> Imported:
    """An ``Importer`` for the slim variant."""
    return _import(state, "ultraface-slim-320", source, overrides)


def _import(state: Mapping[str, Tensor], name: str, source: SourceFile, overrides: Overrides) -> Imported:
    refuse_priors(overrides, "UltraFace")
    published = MODELS[name]
    rows = state["classification_headers.3.weight"].shape[0] if "classification_headers.3.weight" in state else 0
    if rows != 6:  # 3 boxes per cell x (background, face)
        raise DetectorError(f"This UltraFace file has {rows} class outputs per cell instead of 6.")
    spec = replace(published, provenance=f"{published.provenance}; SHA-256 {source.sha256}")
    if source.sha256.startswith(_PUBLISHED_640):
        spec = replace(
            spec,
            input=replace(spec.input, height=480, width=640),
            config=ultraface_config(480, 640),
            title=spec.title.replace("320 x 240", "640 x 480"),
        )
    if published.weights is None or source.sha256 != published.weights.sha256:
        spec = replace(spec, accuracy={}, weights=None)  # measured on the published file only
    notes: list[str] = []
    return Imported(replace(spec, input=choose_channels(spec.input, overrides, notes)), dict(state), tuple(notes))
