"""Tells files apart by their names: images, videos, numbered sequences of images."""

from __future__ import annotations

import re
from pathlib import Path

from detector import image_formats

IMAGE_SUFFIXES = image_formats.SUFFIXES
VIDEO_ENDINGS = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp",
    ".ogv", ".mjpeg", ".mjpg", ".gif",
)  # fmt: skip

NUMBER = re.compile(r"%(0?)(\d*)d")
"""The place of the number in the name of a sequence of images, as in ``shot_%04d.png``."""


def is_sequence(source: Path) -> bool:
    """Returns whether ``source`` is a folder, or a name with a place for a number that is no file itself."""
    if source.is_dir():
        return True
    return bool(NUMBER.search(source.name)) and source.suffix.lower() in IMAGE_SUFFIXES and not source.exists()
