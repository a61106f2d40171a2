"""Finds the videos among files and folders. Looks at the disk: not for the GUI thread.

A file that is named is taken as it is, whatever its ending. A folder is searched with all below it, by ending alone:
hidden names, our own ``*.annotated.*`` and our own folders below it (clips) are passed over, links to folders are
followed once. A folder without videos that has images in it is taken for one video made of these.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.core.file_types import IMAGE_SUFFIXES, VIDEO_ENDINGS
from app.core.files.atomic_folder import MARK

_OURS = re.compile(r"\.annotated( \(\d+\))?$")
_TELL_EVERY = 20


@dataclass(frozen=True, slots=True)
class FoundVideo:
    """One video to export.

    Attributes:
        path: The file.
        folder: Where it lies below the folder that was named; ``Path()`` for a file that was named itself.
    """

    path: Path
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search.

    Attributes:
        videos: Each file once, in the order named; those of a folder by name.
        troubles: What could not be looked into, one line each.
        complete: False when the search was stopped.
    """

    videos: tuple[FoundVideo, ...]
    troubles: tuple[str, ...]
    complete: bool = True


def find_videos(
    paths: Iterable[Path],
    on_count: Callable[[int], None] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> SearchResult:
    """Search ``paths``; files that do not exist are kept, for whoever opens them says so best.

    Args:
        paths: Files and folders.
        on_count: Called now and then with how many were found so far.
        stopped: Asked for every folder and every few files; True ends the search.
    """
    videos: list[FoundVideo] = []
    troubles: list[str] = []
    seen: set[str] = set()
    for video in _all(paths, troubles, stopped):
        where = os.path.realpath(video.path)
        if where in seen:
            continue
        seen.add(where)
        videos.append(video)
        if len(videos) % _TELL_EVERY == 0:
            if on_count is not None:
                on_count(len(videos))
            if stopped():
                break
    return SearchResult(tuple(videos), tuple(troubles), not stopped())


def _all(paths: Iterable[Path], troubles: list[str], stopped: Callable[[], bool]) -> Iterator[FoundVideo]:
    visited: set[tuple[int, int]] = set()
    for path in paths:
        if not _is_folder(path):
            yield FoundVideo(path)
            continue
        barren = True
        for video in _below(path, troubles, stopped, visited):
            barren = False
            yield video
        if barren and _has_images(path):
            yield FoundVideo(path)


def _below(
    root: Path, troubles: list[str], stopped: Callable[[], bool], visited: set[tuple[int, int]]
) -> Iterator[FoundVideo]:
    """The videos under ``root``, a folder's own before those of its folders; a folder is entered once, by any name."""
    waiting = [root]
    while waiting and not stopped():
        folder = waiting.pop()
        try:
            facts = folder.stat()
            # Windows may number no folder at all (0); there a loop of links ends at the longest path allowed.
            if facts.st_ino and (facts.st_dev, facts.st_ino) in visited:
                continue
            visited.add((facts.st_dev, facts.st_ino))
            with os.scandir(folder) as listing:
                listed = list(listing)
            if folder != root and any(entry.name == MARK for entry in listed):
                continue  # clips, or images to train on
            named = [entry for entry in listed if not entry.name.startswith(".")]
            entries = sorted(named, key=lambda entry: (entry.name.casefold(), entry.name))
        except OSError as error:
            troubles.append(f"The folder {folder} cannot be looked into: {error.strerror or error}.")
            continue
        for entry in entries:
            if is_video_name(entry.name) and not _is_folder(entry):
                yield FoundVideo(folder / entry.name, folder.relative_to(root))
        waiting += [folder / entry.name for entry in reversed(entries) if _is_folder(entry)]


def is_video_name(name: str) -> bool:
    """Returns whether a file found in a folder passes for a video, and is none that this program made."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - a name, not a path; asked thousands of times
    return ending.lower() in VIDEO_ENDINGS and _OURS.search(stem) is None


def _has_images(folder: Path) -> bool:
    try:
        with os.scandir(folder) as listing:
            return any(os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES for entry in listing)  # noqa: PTH122 - as above
    except OSError:  # told already, by the search
        return False


def _is_folder(item: Path | os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a loop of links, a name too long, a disk that went away
        return False
