"""Model files as the library sees them: a description and a few numbers, made without torch. They list; none runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from detector.config import SSD300_VOC
from detector.safetensors_file import write_arrays
from detector.spec import InputSpec, ModelSpec
from detector.spec_json import spec_to_json
from detector.weights import METADATA_KEY

ANIMALS = ("cat", "dog", "horse")


def described(name: str, labels: tuple[str, ...] = ANIMALS, **fields: object) -> ModelSpec:
    """A sound description of an SSD300."""
    spec = ModelSpec(name, "ssd-vgg16", labels, InputSpec(300, 300), SSD300_VOC, title=f"About {name}")
    return replace(spec, **fields)  # type: ignore[arg-type] # whatever the test asks for


def put_model(folder: Path, name: str, labels: tuple[str, ...] = ANIMALS, **fields: object) -> Path:
    """A file that the library lists as the model ``name``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    write_arrays(path, {"w": np.zeros(4, np.float32)}, {METADATA_KEY: spec_to_json(described(name, labels, **fields))})
    return path
