"""Image files: a single one, and a folder of them shown one after the other. Used on ``ssdv-capture``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from app.core.errors import AppError
from app.core.file_types import IMAGE_SUFFIXES
from app.core.frames import Frame, ImageBGR, SourceInfo
from app.core.sources.base import frame_from_bgr, never
from app.core.sources.image_decoder import DecodedImage, decode_image


def read_image(path: Path, upright: bool = True) -> ImageBGR:
    """UInt8[H, W, 3], transparent parts on black.

    Args:
        path: The file.
        upright: Turned as the file says; False for the pixels as they are stored.

    Raises:
        AppError: Not there, not readable, or of an unknown kind.
    """
    return read_decoded(path, upright).image_bgr


def read_decoded(path: Path, upright: bool = True) -> DecodedImage:
    """See ``read_image``; and whether parts of it were transparent."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AppError(f"{path.name} cannot be read: {error.strerror}.", f"Looked for {path}.") from error
    decoded = decode_image(content, upright)
    if decoded is None:
        raise AppError(f"{path.name} is not a readable image.", "It is damaged, or of an unknown kind.")
    return decoded


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts "img2" before "img10", letters regardless of case."""
    pieces = re.split(r"([0-9]+)", name)
    return tuple((0, int(p), "") if i % 2 else (1, 0, p.casefold()) for i, p in enumerate(pieces))


def list_images(folder: Path) -> list[Path]:
    """The image files in ``folder`` by extension, naturally sorted; hidden ones left out.

    Raises:
        AppError: The folder cannot be read, or holds no image.
    """
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")]
    except OSError as error:
        raise AppError(f"The folder {folder.name} cannot be read: {error.strerror}.") from error
    if not found:
        raise AppError(f"The folder {folder.name or folder} holds no images.", "Choose one with JPEG or PNG files.")
    return sorted(found, key=lambda path: (natural_key(path.name), path.name))


class FolderSource:
    """Images one after the other, at a steady pace; one that cannot be read is skipped and noted.

    Args:
        name: Shown to people.
        paths: At least one image.
        fps: Images per second of ``pts_s``.

    Raises:
        AppError: None of the images can be read.
    """

    def __init__(self, name: str, paths: list[Path], fps: Fraction, reopen_uri: str) -> None:
        self.reopen_uri = reopen_uri
        self._paths = paths
        self._fps = fps
        self._notes: dict[str, None] = {}
        self._unreadable: set[int] = set()
        self._next = 0
        first = self.read()
        if first is None:
            raise AppError(f"None of the {len(paths)} images in {name} can be read.")
        self._next = 0
        self.info = SourceInfo(
            "folder", name, first.width, first.height, fps, len(paths) / fps, len(paths), seekable=True
        )

    def read(self) -> Frame | None:
        """The next readable image; None after the last one."""
        while self._next < len(self._paths):
            index, self._next = self._next, self._next + 1
            image = self._load(index)
            if image is not None:
                return frame_from_bgr(image, index, index / self._fps, time.monotonic_ns(), self._paths[index].name)
        return None

    def seek(self, pts_s: Fraction, enough: Callable[[], bool] = never) -> bool:
        """Continue with the image shown at ``pts_s``; it is there at once."""
        self._next = min(max(0, int(pts_s * self._fps)), len(self._paths) - 1)
        return True

    def seek_before(self, pts_s: Fraction) -> None:
        """Continue with the last readable image before ``pts_s``, or the first one."""
        index = min(-int(-pts_s * self._fps // 1), len(self._paths)) - 1
        while index > 0 and self._load(index) is None:
            index -= 1
        self._next = max(0, index)

    def take_notes(self) -> tuple[str, ...]:
        """One line for each image skipped since the last call."""
        notes = tuple(self._notes)
        self._notes.clear()
        return notes

    def close(self) -> None:
        """Nothing is held open."""

    def _load(self, index: int) -> ImageBGR | None:
        try:
            return read_image(self._paths[index])
        except AppError as error:
            if index not in self._unreadable:
                self._unreadable.add(index)
                self._notes[f"Skipped: {error.message}"] = None
            return None


class ImageSource:
    """A single image, given once.

    Raises:
        AppError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.reopen_uri = str(path)
        self._image: ImageBGR | None = read_image(path)
        height, width = self._image.shape[:2]
        self.info = SourceInfo("image", path.name, width, height, frame_count=1)

    def read(self) -> Frame | None:
        """The image, the first time; None afterwards."""
        image, self._image = self._image, None
        if image is None:
            return None
        return frame_from_bgr(image, 0, Fraction(0), time.monotonic_ns(), self.info.name)

    def take_notes(self) -> tuple[str, ...]:
        """Nothing to say."""
        return ()

    def close(self) -> None:
        """Nothing is held open."""
