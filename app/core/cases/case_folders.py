"""Folders of clips and snapshots, and the heat map's file: whole under their names, or not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.core.cases.images import Look, file_name, heatmap_png, snapshots, write_clip
from app.core.cases.tables import events_csv
from app.core.events.answer import Answer
from app.core.files.atomic_file import write_atomically
from app.core.files.atomic_folder import AtomicFolder

INDEX = "index.csv"


def write_clips(folder: Path, answer: Answer, look: Look, check: Callable[[], None] = lambda: None) -> None:
    """Writes a folder with a clip of each event, and the table of events.

    Args:
        folder: Where; a folder of ours is replaced.
        answer: The events.
        look: How the clips are made.
        check: Called before each frame; may raise to stop.

    Raises:
        AppError: It cannot be written, or a video cannot be read; nothing is left.
    """
    _write(folder, answer, lambda part: add_clips(part, "", answer, look, check))


def write_snapshots(folder: Path, answer: Answer, look: Look, check: Callable[[], None] = lambda: None) -> None:
    """Writes a folder with the best frame of each event; arguments and errors as for ``write_clips``."""
    _write(folder, answer, lambda part: add_snapshots(part, "", answer, look, check))


def write_heatmap(path: Path, answer: Answer, look: Look, check: Callable[[], None] = lambda: None) -> None:
    """Writes the heat map as PNG; arguments and errors as for ``write_clips``."""
    write_atomically(path, heatmap_png(answer, look, check))


def add_clips(folder: AtomicFolder, below: str, answer: Answer, look: Look, check: Callable[[], None]) -> None:
    """Puts the clips into a folder that is being written, below ``below``."""
    (folder.path / below).mkdir(exist_ok=True)
    for source, event in answer.each():
        write_clip(folder.path / below / file_name(source, event, ".mp4"), source, event, look, check)


def add_snapshots(folder: AtomicFolder, below: str, answer: Answer, look: Look, check: Callable[[], None]) -> None:
    """Puts the snapshots into a folder that is being written, below ``below``."""
    for source in answer.sources:
        snapshots(source, look, lambda name, content: folder.write(below + name, content), check)


def _write(folder: Path, answer: Answer, fill: Callable[[AtomicFolder], None]) -> None:
    part = AtomicFolder(folder)
    try:
        fill(part)
        part.write(INDEX, events_csv(answer).encode("utf-8", "replace"))
        part.complete()
        part.commit()
    except BaseException:
        part.discard()
        raise
