"""Choices about an annotated video: container, quality, encoder, deinterlacing. Immutable values.

``CONTAINERS`` and ``QUALITIES`` are what a form or the command line offers; the container follows from the ending.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class ContainerKind:
    """A kind of file an annotated video can be.

    Attributes:
        name: For people.
        format: FFmpeg's name of the muxer.
        suffixes: Endings; the first one is proposed.
    """

    name: str
    format: str
    suffixes: tuple[str, ...]


MP4 = ContainerKind("MP4", "mp4", (".mp4", ".m4v"))
MKV = ContainerKind("Matroska", "matroska", (".mkv",))
WEBM = ContainerKind("WebM", "webm", (".webm",))
CONTAINERS = (MP4, MKV, WEBM)

QUALITIES = {
    "draft": "Draft: quickest, smaller file",
    "good": "Good: hard to tell from the original",
    "best": "Best: slower, larger file",
}


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """The choices of how the video is written.

    Attributes:
        quality: A key of ``QUALITIES``.
        encoder: FFmpeg's name of an encoder; "auto" takes the best that opens on this computer.
        deinterlace: Make whole frames of interlaced ones.
        images_per_s: Rate at which a folder or numbered sequence of images becomes a video.
    """

    quality: str = "good"
    encoder: str = AUTO
    deinterlace: bool = False
    images_per_s: Fraction = Fraction(25)


def container_of(path: Path) -> ContainerKind | None:
    """The container that the ending of ``path`` asks for; None if it is of no video we write."""
    suffix = path.suffix.lower()
    return next((kind for kind in CONTAINERS if suffix in kind.suffixes), None)
