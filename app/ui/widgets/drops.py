"""Recognises what was dropped on the window, by name alone: reading files is for workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.core.file_types import IMAGE_SUFFIXES, VIDEO_ENDINGS

DropKind = Literal["nothing", "video", "image", "folder", "weights", "mixed"]

VIDEOS = VIDEO_ENDINGS
IMAGES = tuple(IMAGE_SUFFIXES)
WEIGHTS = (".safetensors", ".pth", ".pt", ".xml", ".onnx", ".tflite", ".caffemodel", ".pb", ".pdmodel", ".json")
_DESCRIPTION = "model.json"
"""The description of a TensorFlow.js model; what is dropped with it are the shards beside it."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The files of a drop, and what they are.

    Attributes:
        kind: What to do with it; an unknown ending counts as video, and the reader explains if it is none.
        paths: The files, in the order dropped.
    """

    kind: DropKind
    paths: tuple[Path, ...]

    @property
    def to_export(self) -> tuple[Path, ...]:
        """The paths that may be, or hold, videos."""
        return tuple(path for path in self.paths if _kind(path) in ("video", "folder"))


def _kind(path: Path) -> DropKind:
    ending = path.suffix.lower()
    if path.is_dir():
        return "weights" if (path / _DESCRIPTION).is_file() else "folder"
    if ending in WEIGHTS:
        return "weights"
    return "image" if ending in IMAGES else "video"


def classify(paths: Sequence[Path]) -> Drop:
    """Recognise what was dropped; different kinds together are "mixed"."""
    descriptions = tuple(path for path in paths if path.name == _DESCRIPTION)
    if len(descriptions) == 1:
        return Drop("weights", descriptions)
    kinds = {_kind(path) for path in paths}
    if not kinds:
        return Drop("nothing", ())
    return Drop(kinds.pop() if len(kinds) == 1 else "mixed", tuple(paths))
