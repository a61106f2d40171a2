"""UltraFace ``.pth`` files (slim and RFB) to a spec and a state dict of ours. Our network keeps the published names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from detector.config import ultraface_config
from detector.errors import DetectorError
from detector.registry import MODELS
from detector.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

# Both input sizes have the same tensors; the published 640 files are told by their hash alone.
_PUBLISHED_640 = ("bf34512b", "02ca7780")


def import_ultraface(state: Mapping[str, Tensor], layout: str, sha256: str) -> tuple[ModelSpec, dict[str, Tensor]]:
    """Describe and convert an UltraFace state dict.

    Args:
        state: As read from the file.
        layout: "ultraface-rfb" or "ultraface-slim".
        sha256: Of the file.

    Returns:
        The spec (named as in the registry) and the tensors under the names of our network.

    Raises:
        DetectorError: It has other than the one class, face.
    """
    published = MODELS[f"{layout}-320"]
    rows = state["classification_headers.3.weight"].shape[0] if "classification_headers.3.weight" in state else 0
    if rows != 6:  # 3 boxes per cell x (background, face)
        raise DetectorError(f"This UltraFace file has {rows} class outputs per cell instead of 6.")
    spec = replace(published, provenance=f"{published.provenance}; SHA-256 {sha256}")
    if sha256.startswith(_PUBLISHED_640):
        spec = replace(
            spec,
            input=replace(spec.input, height=480, width=640),
            config=ultraface_config(480, 640),
            title=spec.title.replace("320 x 240", "640 x 480"),
        )
    if published.weights is None or sha256 != published.weights.sha256:
        spec = replace(spec, accuracy={}, weights=None)  # measured on the published file only
    return spec, dict(state)
