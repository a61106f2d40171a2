"""A folder of recordings: names, what a killed run left, and its limits. Nothing that is not a recording is touched.

A recording tells itself by its name and by a signature within. ``NAME.mp4.keep`` beside it, which the user or a program
may make, says that it stays whatever the limits are.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from app.core.files.regular_file import open_regular
from app.core.files.write_errors import explain_write_error
from app.core.highlights.file_names import file_part
from app.core.paths import videos_dir
from app.core.settings import RecordingSettings
from detector.file_lock import LockedError
from detector.part_file import PART_SUFFIX, PartFile, part_path, remove_abandoned_part

SIGNATURE = "ssd-viewer recording"
"""Stands in every file, so that nothing else is ever taken for one."""
KEEP_SUFFIX = ".keep"
DATA_SUFFIX = ".jsonl"
_VIDEO = re.compile(r".+-\d{8}-\d{6}(?:-\d+)*\.(?:mp4|mov|mkv)")
_PICTURE = re.compile(r".+-\d{8}-\d{6}(?:-\d+)*\.jpg")
_DATA = re.compile(r".+-\d{8}-\d{6}(?:-\d+)*\.jsonl")
_DATA_BEGINS = b'{"frame": '
_LOOKED_AT = 2**20
_DAY_S = 86_400.0
_BOX_HEAD = 16
_GB = 10**9
_BARREN = 4096
"""A part without a signature that is no longer than this was killed before its first second was over."""


@dataclass(frozen=True, slots=True)
class FolderLimits:
    """Limits of a folder of recordings.

    Attributes:
        max_bytes: In all; None for as much as the disk takes.
        max_days: How old a recording may get; None for any age.
    """

    max_bytes: int | None = None
    max_days: float | None = None


def recordings_folder(settings: RecordingSettings) -> Path:
    """Returns the folder of what the window records."""
    return Path(settings.folder).expanduser() if settings.folder.strip() else videos_dir()


def limits_of(settings: RecordingSettings) -> FolderLimits:
    """Returns its limits."""
    return FolderLimits(settings.max_gb * _GB or None, settings.max_days or None)


def recording_stem(folder: Path, source: str, moment: datetime) -> Path:
    """Returns a name without ending that no recording has: the source and the moment it begins, in local time.

    Raises:
        AppError: The folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = {entry.name.partition(".")[0] for entry in os.scandir(folder)}
    except OSError as error:
        raise explain_write_error(error, folder) from error
    base = f"{file_part(source)}-{moment:%Y%m%d-%H%M%S}"
    count = 1
    while (name := base if count == 1 else f"{base}-{count}") in taken:
        count += 1
    return folder / name


def is_recording(path: Path) -> bool:
    """Returns whether ``path`` is a recording of this program, finished or not, or the picture of an event."""
    name = path.name.removesuffix(PART_SUFFIX)
    if not (_VIDEO.fullmatch(name) or _PICTURE.fullmatch(name)) or path.is_symlink():
        return False
    try:
        with open_regular(path) as file:
            return SIGNATURE.encode() in file.read(_LOOKED_AT)
    except OSError:
        return False


def keep_within(folder: Path, limits: FolderLimits, now_s: float) -> list[Path]:
    """Removes the oldest recordings until the folder is within its limits, never what is marked to be kept.

    Args:
        folder: Where they are.
        limits: What it may hold.
        now_s: The time, seconds since 1970.

    Returns:
        What was removed.
    """
    found = sorted(_finished(folder))
    total = sum(size for _, _, size in found)
    removed: list[Path] = []
    for modified_s, path, size in found:
        too_old = limits.max_days is not None and now_s - modified_s > limits.max_days * _DAY_S
        too_much = limits.max_bytes is not None and total > limits.max_bytes
        if not (too_old or too_much):
            continue
        if path.with_name(path.name + KEEP_SUFFIX).exists() or not is_recording(path):
            continue
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size
            removed.append(path)
            path.with_suffix(DATA_SUFFIX).unlink(missing_ok=True)
    return removed


def signed_jpeg(content: bytes) -> bytes:
    """Returns a JPEG with the signature in it, as a comment (ITU-T T.81, B.2.4.5)."""
    comment = SIGNATURE.encode()
    return content[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + content[2:]


def _finished(folder: Path) -> Iterator[tuple[float, Path, int]]:
    """When each was written, which, and how large it is with its data."""
    with contextlib.suppress(OSError):
        sizes = {entry.name: entry.stat(follow_symlinks=False) for entry in os.scandir(folder)}
        for name, facts in sizes.items():
            if (_VIDEO.fullmatch(name) or _PICTURE.fullmatch(name)) and stat.S_ISREG(facts.st_mode):
                data = sizes.get(f"{name.rpartition('.')[0]}{DATA_SUFFIX}")
                yield facts.st_mtime, folder / name, facts.st_size + (data.st_size if data is not None else 0)


def finish_interrupted(folder: Path) -> list[Path]:
    """Gives recordings that a killed run left their names, cut after the last second that is whole.

    Those that a program writes at this moment are left alone.

    Returns:
        Their names.

    Raises:
        AppError: One cannot be finished.
    """
    parts = sorted(folder.glob(f"*{PART_SUFFIX}")) if folder.is_dir() else []
    return finish_left(part.with_name(part.name.removesuffix(PART_SUFFIX)) for part in parts)


def finish_left(targets: Iterable[Path]) -> list[Path]:
    """Like ``finish_interrupted``, for certain files, of which some may not be there."""
    finished: list[Path] = []
    for target in targets:
        try:
            if (path := _finish(target)) is not None:
                finished.append(path)
        except LockedError:
            continue
        except OSError as error:
            raise explain_write_error(error, target) from error
    return finished


def _finish(target: Path) -> Path | None:
    """Returns the recording that was finished; None where there is none."""
    part = part_path(target)
    if _DATA.fullmatch(target.name) and _is_data(part):
        _take_over(target)
    elif _VIDEO.fullmatch(target.name) and part.is_file():
        if is_recording(part) and _holds_media(part, target.suffix):
            return _take_over(target)
        if is_recording(part) or part.stat().st_size <= _BARREN:
            remove_abandoned_part(target)
    return None


def _take_over(target: Path) -> Path:
    free = target
    count = 2
    while free.exists():
        free, count = target.with_name(f"{target.stem}-{count}{target.suffix}"), count + 1
    if free != target:
        part_path(target).rename(part_path(free))
    part = PartFile(free, lambda descriptor: os.fdopen(descriptor, "r+b"))
    with part.file:  # closed also where it gets no name
        if target.suffix in (".mp4", ".mov"):
            part.file.truncate(_whole_boxes(part.file))
        elif target.suffix == DATA_SUFFIX:
            part.file.truncate(_whole_lines(part.file))
        part.sync()
        part.commit()
    return free


def _is_data(part: Path) -> bool:
    with contextlib.suppress(OSError), open_regular(part) as file:
        return file.read(len(_DATA_BEGINS)) == _DATA_BEGINS
    return False


def _whole_lines(file: BinaryIO) -> int:
    """Returns how long the file is up to its last complete line; those of ours are short."""
    length = file.seek(0, os.SEEK_END)
    begin = max(0, length - _LOOKED_AT)
    file.seek(begin)
    return begin + file.read(_LOOKED_AT).rfind(b"\n") + 1


def _whole_boxes(file: BinaryIO) -> int:
    """Returns how long the file is up to the end of its last complete box."""
    return max((end for _, _, end in _boxes(file)), default=0)


def _holds_media(part: Path, suffix: str) -> bool:
    """Whether there is a frame in it, as far as that can be told: MP4 and QuickTime have a box for them."""
    if suffix not in (".mp4", ".mov"):
        return True
    with open_regular(part) as file:
        return any(kind == b"mdat" and end - begin > _BOX_HEAD for kind, begin, end in _boxes(file))


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Type, begin and end of each complete box (ISO/IEC 14496-12, 4.2)."""
    length = file.seek(0, os.SEEK_END)
    at = 0
    while at + 8 <= length:
        file.seek(at)
        head = file.read(_BOX_HEAD)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if size < 8 or at + size > length:
            break
        yield head[4:8], at, at + size
        at += size
