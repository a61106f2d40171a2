"""The archive for Linux, ``ssd-viewer-VERSION-linux-x86_64.tar.xz``: the bundle with menu entry, icons and install.sh.

``python -m tools.package.archive`` packs dist/ssd-viewer. The same bundle gives the same bytes: sorted, without owners,
everything dated like the last commit (SOURCE_DATE_EPOCH).
"""

from __future__ import annotations

import argparse
import io
import lzma
import os
import platform
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.part_file import PartFile
from tools.package.facts import INSIDE, NAME, ROOT, VERSION, PackageError, package_name, source_date
from tools.package.icons import write_icons

LINUX = ROOT / "packaging" / "linux"
SERVICE = LINUX / f"{NAME}-watch@.service", ROOT / "packaging" / "docker" / "Dockerfile"
BEST, QUICK = 9, 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or link of an archive.

    Attributes:
        place: Path below the archive's one folder.
        content: Bytes, or the file or link (kept as a link) with the content.
        runs: Whether it is executable.
    """

    place: str
    content: bytes | Path
    runs: bool = False


def shared_files(date: int) -> Iterator[Entry]:
    """Menu entry, description and icons, laid out like /usr/share; ``date`` of the release in seconds since 1970."""
    yield Entry(f"applications/{NAME}.desktop", LINUX / f"{NAME}.desktop")
    told = (LINUX / f"{NAME}.metainfo.xml").read_text("utf-8")
    lines = [line for line in told.splitlines(keepends=True) if not line.startswith("<!--")]
    day = time.strftime("%Y-%m-%d", time.gmtime(date))
    told = "".join(lines).replace("@VERSION@", VERSION).replace("@DATE@", day)
    yield Entry(f"metainfo/{NAME}.metainfo.xml", told.encode())
    with tempfile.TemporaryDirectory() as folder:
        for file in write_icons(Path(folder)):
            place = file.relative_to(folder).as_posix()
            if place.startswith("hicolor/"):
                yield Entry(f"icons/{place}", file.read_bytes())


def program_files(bundle: Path) -> Iterator[Entry]:
    """All of the bundle; links inside it stay links."""
    for path in bundle.rglob("*"):
        if path.is_symlink() or path.is_file():
            yield Entry(path.relative_to(bundle).as_posix(), path, runs=os.access(path, os.X_OK))


def archive_entries(bundle: Path, date: int) -> list[Entry]:
    """Lists the entries of the archive, in order."""
    entries = [Entry(f"program/{entry.place}", entry.content, entry.runs) for entry in program_files(bundle)]
    entries += [Entry(f"share/{entry.place}", entry.content) for entry in shared_files(date)]
    entries += [Entry(name, LINUX / name, runs=True) for name in ("install.sh", "uninstall.sh")]
    entries += [Entry(f"service/{file.name}", file) for file in SERVICE]
    entries.append(Entry("README.txt", _read_me()))
    entries.append(Entry("LICENCES.txt", bundle / INSIDE / "LICENCES.txt"))
    return sorted(entries, key=lambda entry: entry.place)


def _read_me() -> bytes:
    """The bundle has libraries of the system it was made on, and so needs a C library no older than that one's."""
    return (LINUX / "README.txt").read_text("utf-8").replace("@GLIBC@", platform.libc_ver()[1]).encode()


def write_archive(bundle: Path, folder: Path, preset: int = BEST) -> Path:
    """Pack ``bundle`` into an archive in ``folder``; it is complete under its name or not there.

    Args:
        bundle: The result of `make bundle`.
        folder: Folder for the archive.
        preset: Compression level of xz, 0 to 9.

    Raises:
        PackageError: It is no bundle, there is no date, or this is no Linux.
        OSError: It cannot be read, or written there.
    """
    if not sys.platform.startswith("linux"):
        raise PackageError("The archive is for Linux. For Windows and macOS see docs/packaging.md.")
    date = source_date()
    machine = platform.machine()
    name = package_name(bundle, f"linux-{machine}")
    entries = archive_entries(bundle, date)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.tar.xz"
    # Addresses of jumps made absolute: machine code packs some percent tighter.
    filters = [{"id": lzma.FILTER_X86}] if machine == "x86_64" else []
    filters.append({"id": lzma.FILTER_LZMA2, "preset": preset})
    part = PartFile(target, lambda descriptor: os.fdopen(descriptor, "r+b"))
    try:
        part.file.truncate()
        with (
            lzma.open(part.file, "wb", filters=filters) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
        ):
            for entry in entries:
                add_entry(archive, name, entry, date)
        part.sync()
        part.commit()
    except BaseException:
        part.discard()
        raise
    return target


def add_entry(archive: tarfile.TarFile, top: str, entry: Entry, date: int) -> None:
    info = tarfile.TarInfo(f"{top}/{entry.place}")
    info.mtime, info.mode = date, 0o755 if entry.runs else 0o644
    content = entry.content
    if isinstance(content, Path) and content.is_symlink():
        info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, str(content.readlink())
        archive.addfile(info)
        return
    with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as file:
        info.size = file.seek(0, io.SEEK_END)
        file.seek(0)
        archive.addfile(info, file)


def main(arguments: Sequence[str] | None = None) -> int:
    """Pack, and say what came out; 1 where that was not possible."""
    parser = argparse.ArgumentParser(prog="python -m tools.package.archive", description="The archive for Linux.")
    parser.add_argument("--bundle", type=Path, default=Path("dist", NAME), help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder to write to (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="larger, in a fraction of the time: for trials")
    options = parser.parse_args(arguments)
    try:
        made = write_archive(options.bundle, options.out, QUICK if options.quick else BEST)
    except (PackageError, OSError) as error:
        print(f"No archive: {error}", file=sys.stderr)
        return 1
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
