"""Images as a video: a folder of them, or a name with a number in it ("shot_%04d.png"). Used on ``ssdv-export-read``.

The first image decides the size; others are scaled to it where the video is written.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from app.core.errors import AppError
from app.core.file_types import NUMBER, is_sequence
from app.core.frames import UNCHANGED, DecodedFrame, FrameConversion, ImageBGR, SourceInfo
from app.core.media.container import MAX_PIXELS
from app.core.sources.images import decode_image, list_images, natural_key
from app.core.sources.video import VideoReader

_NAMED = 5  # skipped images that are named


class FrameReader(Protocol):
    """The contract of what an export reads from.

    Attributes:
        info: What the source turned out to be.
        start_s: Where the first frame lies in the source's own time.
        lead_s: How long the source runs, with its sound, before the first frame.
        conversion: What is done to its frames.
        broken_packets: Pieces that could not be decoded, so far.
        is_incomplete: Parts of the source are missing, as far as is known by now.
    """

    info: SourceInfo
    start_s: Fraction
    lead_s: Fraction
    conversion: FrameConversion

    @property
    def broken_packets(self) -> int: ...

    @property
    def is_incomplete(self) -> bool: ...

    def read_frame(self) -> DecodedFrame | None:
        """The next frame; None at the end."""
        ...

    def take_notes(self) -> tuple[str, ...]:
        """Lines for the user since the last call."""
        ...

    def close(self) -> None:
        """Let go of the file; idempotent."""
        ...


def open_frames(source: Path, deinterlace: bool = False, images_per_s: Fraction = Fraction(25)) -> FrameReader:
    """A video file, a folder of images, or a numbered sequence of them.

    Raises:
        AppError: It cannot be read.
    """
    if is_sequence(source):
        return SequenceReader(source, images_per_s)
    return VideoReader(source, deinterlace)


class SequenceReader:
    """Reads images in the order of their numbers; one that cannot be read leaves no gap, and is noted.

    Args:
        source: Folder or pattern.
        per_s: Images a second.

    Attributes:
        paths: The images, in order.

    Raises:
        AppError: There are none, or none can be read.
    """

    start_s = lead_s = Fraction(0)
    conversion = UNCHANGED
    is_incomplete = False

    def __init__(self, source: Path, per_s: Fraction) -> None:
        self.paths = list_images(source) if source.is_dir() else _numbered(source)
        self._period = 1 / per_s
        self._next = self._index = 0
        self._notes: list[str] = []
        self._transparent = False
        self.broken_packets = 0
        first = self._load()
        if first is None:
            raise AppError(f"None of the {len(self.paths)} images of {source.name} can be read.")
        height, width = first.shape[:2]
        if height * width > MAX_PIXELS:
            raise AppError(f"The images of {source.name} are {width} x {height} pixels, too large for a video.")
        self._first: ImageBGR | None = first
        count = len(self.paths)
        self.info = SourceInfo("folder", source.name, width, height, per_s, count * self._period, count)

    def read_frame(self) -> DecodedFrame | None:
        """The next image; None after the last one."""
        image, self._first = self._first, None
        if image is None:
            image = self._load()
        if image is None:
            return None
        index, self._index = self._index, self._index + 1
        return DecodedFrame(image, index, index * self._period)

    def take_notes(self) -> tuple[str, ...]:
        """A line for each of the first images skipped, and their number where there are more."""
        notes, self._notes = self._notes, []
        if notes and self.broken_packets > _NAMED:
            notes.append(f"Skipped in all: {self.broken_packets} images.")
        return tuple(notes)

    def close(self) -> None:
        """Nothing is held open."""

    def _load(self) -> ImageBGR | None:
        while self._next < len(self.paths):
            path = self.paths[self._next]
            self._next += 1
            try:
                image, transparent = decode_image(path)
                if transparent and not self._transparent:
                    self._transparent = True
                    self._notes.append("Transparent parts are shown on black.")
                return image
            except AppError as error:
                self.broken_packets += 1
                if self.broken_packets <= _NAMED:
                    self._notes.append(f"Skipped: {error.message}")
        return None


def _numbered(pattern: Path) -> list[Path]:
    """Files that ``pattern`` means, by their numbers."""
    place = NUMBER.search(pattern.name)
    assert place is not None
    digits = f"\\d{{{place[2]},}}" if place[1] and place[2] else "\\d+"
    name = re.compile(re.escape(pattern.name[: place.start()]) + digits + re.escape(pattern.name[place.end() :]))
    try:
        found = [path for path in pattern.parent.iterdir() if name.fullmatch(path.name)]
    except OSError as error:
        raise AppError(f"{pattern.parent} cannot be read: {error.strerror}.") from error
    if not found:
        raise AppError(f"There is no image {pattern.name}.", f"Looked in {pattern.parent}.")
    return sorted(found, key=lambda path: natural_key(path.name))
