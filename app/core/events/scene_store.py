"""Zones, lines and masks of each source, kept between starts: one small JSON file for each source. Any thread.

A camera or screen is known by its id, a stream by its address without what is secret in it, a file by its content, and
by its place where that is new: a video that was moved keeps its zones, and one that was recorded again has those of the
one before. A folder is known by its place.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core import paths
from app.core.addresses import redact
from app.core.candidate_cache.source_content import SourceContent
from app.core.errors import AppError
from app.core.events.scene import MAX_BYTES, Scene, SceneError, scene_from_json
from app.core.files.atomic_file import write_atomically
from app.core.files.regular_file import read_limited
from app.core.files.write_errors import explain_write_error
from app.core.frames import LIVE_KINDS
from app.core.sources.uri import kind_of, shown_name

_log = logging.getLogger(__name__)
_MAX_FILES = 10_000  # looked through for a video that was moved

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class KeptScene:
    """What is kept of one source.

    Attributes:
        source: By what the source is known: its id, address or place.
        content: Hash of samples of a file; "" for what is no file.
        scene: What was drawn on it.
    """

    source: str
    content: str
    scene: Scene

    @property
    def name(self) -> str:
        """The source's name, for people."""
        return shown_name(self.source)


class SceneStore:
    """All of them.

    Args:
        folder: Where; made when something is written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or paths.scenes_dir()

    def scene_of(self, source: str, warn: Warn = _log.info) -> Scene:
        """Returns what was drawn on a source; nothing where nothing was, or where it cannot be used any more.

        Args:
            source: As it is opened.
            warn: Told in one line when a damaged file was set aside.
        """
        known = _known_as(source)
        kept = self._read(self._file(known), warn)
        if kept is None and known.content:  # recorded again, or changed: what was drawn where it lies
            kept = next((each for each in self._all() if each.source == known.source), None)
        return Scene() if kept is None else kept.scene

    def save(self, source: str, scene: Scene) -> None:
        """Keeps what was drawn on a source.

        Raises:
            AppError: It cannot be written, or would be too large to be read again.
        """
        known, drawn = _known_as(source), scene.as_dict()
        if len(json.dumps(drawn)) > MAX_BYTES:
            raise AppError("There are too many points to keep.", "Draw fewer shapes, or with fewer corners.")
        entry = {"source": known.source, "content": known.content, "scene": drawn}
        file = self._file(known)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_write_error(error, file) from error
        write_atomically(file, json.dumps(entry).encode(), private=True)

    def others(self, source: str) -> tuple[KeptScene, ...]:
        """Returns what was drawn on other sources, the last drawn first."""
        seen = {_known_as(source).source}
        found: list[KeptScene] = []
        for kept in self._all():
            if kept.source not in seen and kept.scene != Scene():
                found.append(kept)
            seen.add(kept.source)
        return tuple(found)

    def _file(self, known: KeptScene) -> Path:
        name = known.content or hashlib.sha256(known.source.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{name}.json"

    def _all(self) -> Iterator[KeptScene]:
        """Returns what is kept, the last written first; damaged files are passed by."""
        dated: list[tuple[int, Path]] = []
        with suppress(OSError):
            for path, _ in zip(self._folder.glob("*.json"), range(_MAX_FILES), strict=False):
                with suppress(OSError):
                    dated.append((path.stat().st_mtime_ns, path))
        for _, path in sorted(dated, reverse=True):
            with suppress(OSError, SceneError):
                yield _kept(path)

    def _read(self, path: Path, warn: Warn) -> KeptScene | None:
        try:
            return _kept(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            warn(f"The zones of this source cannot be read ({error.strerror}); it starts without any.")
        except SceneError as error:
            _log.info("%s: %s", path, error)
            warn(_set_aside(path))
        return None


def live_source(source: str) -> str:
    """By what a camera, screen or stream is known: its id, or its address without what is secret in it."""
    return redact(source) if kind_of(source) == "stream" else source


def _known_as(source: str) -> KeptScene:
    """By what a source is known; nothing drawn on it. Reads a megabyte of a file at most."""
    kind = kind_of(source)
    if kind in LIVE_KINDS:
        return KeptScene(live_source(source), "", Scene())
    place = Path(source).absolute()
    with suppress(OSError, RuntimeError):  # a link that leads to itself
        place = place.resolve()
    content = ""
    if kind != "folder":
        with suppress(AppError):  # gone, or not to be read: opening it says so
            found = SourceContent(place)
            content = "" if found.why_uncacheable else found.key.sha256
    return KeptScene(str(place), content, Scene())


def _kept(path: Path) -> KeptScene:
    """Reads one file, which anybody may have changed.

    Raises:
        OSError: It cannot be read.
        SceneError: It is damaged.
    """
    content = read_limited(path, 2 * MAX_BYTES)
    try:
        entry: Any = json.loads(content or b"")
        source, sample, drawn = entry["source"], entry["content"], entry["scene"]
        if not isinstance(source, str) or not isinstance(sample, str):
            raise TypeError("no text")
        scene = scene_from_json(json.dumps(drawn).encode())
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SceneError(f"{path.name} is damaged: {error!r}") from error
    return KeptScene(source, sample, scene)


def _set_aside(path: Path) -> str:
    kept = path.with_name(path.name + ".broken")
    try:
        path.replace(kept)
    except OSError:
        return "The file with this source's zones is damaged; it starts without any."
    return f"The file with this source's zones was damaged; it starts without any. The old one is kept as {kept}."
