"""Room on the disks that recordings go to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from app.core.errors import AppError
from app.core.files.disk import disk_space, size_text


def check_room(folders: Iterable[Path], min_free: int) -> None:
    """Refuses to write on where little is left; a disk that cannot tell has room.

    Raises:
        AppError: Less than ``min_free`` bytes are free for one of the folders.
    """
    for folder in folders:
        space = disk_space(folder)
        if space is not None and space.free < min_free:
            free, wanted = size_text(space.free), size_text(min_free)
            raise AppError(
                f"Nothing is recorded: {free} are free on the disk of {folder}, and {wanted} shall stay free.",
                "Free some space; the recording then goes on by itself.",
            )
