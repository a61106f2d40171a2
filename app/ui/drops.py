"""What was dropped on the window, told by name alone: reading files is for workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.core.sources.base import IMAGE_SUFFIXES

DropKind = Literal["nothing", "video", "image", "folder", "weights", "mixed"]

VIDEOS = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp",
    ".ogv", ".mjpeg", ".mjpg", ".gif",
)  # fmt: skip
IMAGES = tuple(IMAGE_SUFFIXES)
WEIGHTS = (".safetensors", ".pth", ".pt", ".xml", ".onnx", ".caffemodel")


@dataclass(frozen=True, slots=True)
class Drop:
    """A recognised drop.

    Attributes:
        kind: What to do with it; an unknown ending counts as video, and the reader explains if it is none.
        paths: The files, in the order dropped.
    """

    kind: DropKind
    paths: tuple[Path, ...]


def _kind(path: Path) -> DropKind:
    ending = path.suffix.lower()
    if path.is_dir():
        return "folder"
    if ending in WEIGHTS:
        return "weights"
    return "image" if ending in IMAGES else "video"


def classify(paths: Sequence[Path]) -> Drop:
    """Recognise what was dropped; different kinds together are "mixed"."""
    kinds = {_kind(path) for path in paths}
    if not kinds:
        return Drop("nothing", ())
    return Drop(kinds.pop() if len(kinds) == 1 else "mixed", tuple(paths))
