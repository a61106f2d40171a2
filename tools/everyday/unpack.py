"""From the folder of tars to a VOCdevkit: those there are, each once, nothing outside the target. Main thread."""

from __future__ import annotations

import tarfile
from pathlib import Path

from detector.errors import DetectorError
from detector.evaluation.results import DataSet

_MAX_FILES = 100_000
_MAX_BYTES = 4 * 1024**3
_NOTE = "unpacked.txt"


def unpack(tars: Path, target: Path) -> list[str]:
    """Unpack every ``.tar`` and ``.tar.gz`` in ``tars`` into ``target`` that was not unpacked there before.

    The tars may come one after the other, in several runs: what is unpacked stays, and is noted in ``target``.

    Returns:
        Names of what was unpacked now.

    Raises:
        DetectorError: A tar is damaged, too large, or reaches outside; or there is no room.
    """
    note = target / _NOTE
    done = set(note.read_text(encoding="utf-8").split("\n")) if note.exists() else set()
    found = sorted(p for p in tars.iterdir() if p.name.endswith((".tar", ".tar.gz", ".tgz"))) if tars.is_dir() else []
    fresh = []
    for path in found:
        key = f"{path.name} {path.stat().st_size}"
        if key in done:
            continue
        _unpack_one(path, target)
        with note.open("a", encoding="utf-8") as file:
            file.write(key + "\n")
        fresh.append(path.name)
    return fresh


def missing_images(data: DataSet) -> int:
    """Returns how many images of ``data`` are not there (yet)."""
    return sum(1 for image in data.images if image.path is None or not image.path.is_file())


def _unpack_one(path: Path, target: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path) as archive:
            _check(archive, path)
            archive.extractall(target, filter="data")  # refuses links, devices and names that lead outside
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DetectorError(f"{path} cannot be unpacked: {error}.") from error
    except OSError as error:
        raise DetectorError(f"{path} cannot be unpacked: {error.strerror or error}.") from error


def _check(archive: tarfile.TarFile, path: Path) -> None:
    """The whole list is looked at before anything is written."""
    files, size = 0, 0
    for member in archive:
        files, size = files + 1, size + member.size
        if not (member.isfile() or member.isdir()):
            raise DetectorError(f"{path} holds {member.name!r}, which is neither file nor folder.")
        if files > _MAX_FILES or size > _MAX_BYTES:
            raise DetectorError(f"{path} holds more than {_MAX_FILES} files or {_MAX_BYTES / 1e9:.0f} GB.")
