"""Whether two builds are the same: ``python -m tools.package.compare A B``, each a bundle's folder or an archive.

The same list of files, and for each the same bytes, mode and, for a link, target; but for EXCEPTIONS. 1 if not.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

EXCEPTIONS: dict[str, str] = {}
"""Paths (as a regular expression for the end of one) that may differ, and why. There are none."""


def contents(build: Path) -> dict[str, str]:
    """Each file's path, without the archive's own folder, and what identifies it.

    Raises:
        OSError: It cannot be read; tarfile.TarError: It is no archive.
    """
    return dict(_of_folder(build) if build.is_dir() else _of_archive(build))


def _of_folder(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*"):
        place = path.relative_to(folder).as_posix()
        if path.is_symlink():
            yield place, f"link to {path.readlink()}"
        elif path.is_file():
            with path.open("rb") as file:
                yield place, _identity(file, os.access(path, os.X_OK))


def _of_archive(archive: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(archive) as opened:
        for member in opened:
            place = member.name.partition("/")[2]
            if member.issym():
                yield place, f"link to {member.linkname}"
            elif file := opened.extractfile(member):
                yield place, _identity(file, bool(member.mode & 0o100)) + f" {member.mtime}"


def _identity(file: IO[bytes], runs: bool) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest() + (" runs" if runs else "")  # type: ignore[arg-type]  # readinto is all it wants


def differences(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """Path and how it differs, for each path that does."""
    found = dict.fromkeys(one.keys() - other.keys(), "only in the first")
    found |= dict.fromkeys(other.keys() - one.keys(), "only in the second")
    found |= {place: "not the same" for place in one.keys() & other.keys() if one[place] != other[place]}
    return dict(sorted(found.items()))


def excused(place: str, exceptions: dict[str, str]) -> str:
    """Returns why this path may differ; empty if it may not."""
    return next((why for pattern, why in exceptions.items() if re.search(f"(^|/)({pattern})$", place)), "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and list what differs."""
    parser = argparse.ArgumentParser(prog="python -m tools.package.compare", description="Are two builds the same?")
    parser.add_argument("one", type=Path, help="a bundle's folder, or an archive")
    parser.add_argument("other", type=Path, help="another")
    options = parser.parse_args(arguments)
    try:
        one, other = contents(options.one), contents(options.other)
    except (OSError, tarfile.TarError) as error:
        print(f"Not compared: {error}", file=sys.stderr)
        return 1
    found = differences(one, other)
    for place, how in found.items():
        print(f"{place}: {how}" + (f" ({why})" if (why := excused(place, EXCEPTIONS)) else ""))
    wrong = sum(not excused(place, EXCEPTIONS) for place in found)
    print(f"{len(one)} and {len(other)} files, {wrong} unexpected differences, {len(found) - wrong} expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
