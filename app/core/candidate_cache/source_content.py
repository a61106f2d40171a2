"""The content of a video on disk, told apart from whatever else its name stood for before. Any thread.

Samples tell most videos apart, but not one that was changed in place between them. So a file is taken for the one that
was analysed only if the system says that nobody touched it since (time of change, time of the last change to the file's
own record, number of the file), or if the hash of its whole content is the same.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from app.core.candidate_cache.store_facts import SourceKey
from app.core.errors import AppError
from app.core.file_types import IMAGE_SUFFIXES

_SAMPLES, _SAMPLE = 16, 65_536
_CHUNK = 2**22
_PLAYLIST_ENDINGS = frozenset(
    (".m3u8", ".m3u", ".ffconcat", ".ffcat", ".concat", ".mpd", ".ism", ".sdp", ".pls", ".xspf", ".asx", ".avs", ".vpy")
)
_PLAYLIST_STARTS = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:#EXTM3U|ffconcat version|v=0\r?\n|(?:<\?xml[^>]*>\s*)?<MPD\b)")


class SourceContent:
    """A video, or a folder of images, as it is now.

    Args:
        path: The file, the folder, or a name with a place for a number.

    Attributes:
        path: The same.
        key: What is stored about it; reads a megabyte at most.
        why_uncacheable: Why detections in it cannot be kept; "" where they can.

    Raises:
        AppError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._whole: str | None = None
        try:
            files = _files(path)
            states = [file.stat() for file in files]
            self.why_uncacheable = _why_uncacheable(files, states)
            digest = hashlib.sha256()
            for file, state in zip(files, states, strict=True):
                digest.update(f"{'' if file == path else repr(file.name)}{state.st_size}:".encode())
                if file == path and not self.why_uncacheable:
                    _add_samples(digest, file, state.st_size)
        except FileNotFoundError as error:
            raise AppError(f"{path.name}: no such file.", f"Looked for {path}.") from error
        except OSError as error:
            raise AppError(f"{path.name} cannot be read: {error.strerror}.", "Check its permissions.") from error
        self._is_file = files == [path]
        size = states[0].st_size if self._is_file else len(files)
        newest = max((state.st_mtime_ns for state in states), default=0)
        self.key = SourceKey(path.name, size, newest, digest.hexdigest(), _stamp(states))

    def unchanged(self) -> bool:
        """Returns whether nobody touched it since this was made."""
        try:
            return _stamp([file.stat() for file in _files(self.path)]) == self.key.stamp
        except OSError:
            return False

    def whole_sha256(self, check: Callable[[], None] = lambda: None) -> str:
        """Returns the SHA-256 of all its bytes, read when first asked for; "" where it cannot be read.

        Args:
            check: Called now and then; may raise to stop.
        """
        if self._whole is None:
            digest = hashlib.sha256()
            try:
                for file in _files(self.path):
                    digest.update(f"{file.name if file != self.path else ''}\0{file.stat().st_size}:".encode())
                    with file.open("rb") as content:
                        while chunk := content.read(_CHUNK):
                            check()
                            digest.update(chunk)
            except OSError:
                return ""
            self._whole = digest.hexdigest()
        return self._whole

    def is_same_as(self, key: SourceKey, whole_sha256: str = "") -> bool:
        """Returns whether this is the very content that was analysed.

        Args:
            key: What was stored about it.
            whole_sha256: The hash of all its bytes then; "" where that is not known.
        """
        if self.why_uncacheable or (key.size, key.sha256) != (self.key.size, self.key.sha256):
            return False
        if key.stamp == self.key.stamp or (self._is_file and self.key.size <= _SAMPLES * _SAMPLE):
            return True
        return whole_sha256 != "" and whole_sha256 == self.whole_sha256()


def _files(path: Path) -> list[Path]:
    """The files whose content it is: itself, or the images of a folder."""
    folder = path
    if not path.is_dir():
        if "%" not in path.name or path.exists():
            return [path]
        folder = path.parent  # a numbered sequence of images
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())


def _why_uncacheable(files: list[Path], states: list[os.stat_result]) -> str:
    if len(files) != 1:
        return ""
    if not stat.S_ISREG(states[0].st_mode):
        return f"{files[0].name} is not a file that can be read twice"
    playlist = files[0].suffix.lower() in _PLAYLIST_ENDINGS
    if not playlist:
        with files[0].open("rb") as file:
            playlist = _PLAYLIST_STARTS.match(file.read(512)) is not None
    return f"{files[0].name} is a playlist, and the files it names may change" if playlist else ""


def _add_samples(digest: hashlib._Hash, path: Path, size: int) -> None:
    last = max(0, size - _SAMPLE)
    with path.open("rb") as file:
        for offset in sorted({last * step // (_SAMPLES - 1) for step in range(_SAMPLES)}):
            file.seek(offset)
            digest.update(file.read(_SAMPLE))


def _stamp(states: list[os.stat_result]) -> str:
    """Returns a hash of what the system says of the files; every change to one of them changes it."""
    facts = ((s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for s in states)
    return hashlib.sha256(repr(list(facts)).encode()).hexdigest()
