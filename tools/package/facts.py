"""Name, version and date of a package. Shared by tools/package."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from app import __version__

ROOT = Path(__file__).resolve().parents[2]
NAME = "ssd-viewer"
VERSION = __version__
INSIDE = "_internal"
"""Folder in which PyInstaller puts everything but the executable."""


class PackageError(Exception):
    """One line on why no package can be made."""


def source_date() -> int:
    """Seconds since 1970: SOURCE_DATE_EPOCH, else the time of the last commit, so that two builds of it are the same.

    Raises:
        PackageError: There is neither.
    """
    said = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not said:
        command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
        try:
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError) as error:
            raise PackageError("Not a git checkout: set SOURCE_DATE_EPOCH to the date of the sources.") from error
    if not said.isdecimal():
        raise PackageError(f"SOURCE_DATE_EPOCH is seconds since 1970, not {said!r}.")
    return int(said)


def bundle_kind(bundle: Path) -> str:
    """Returns whether the folder that `make bundle` made is ``lean`` or ``full`` (with torch).

    Raises:
        PackageError: It is no such folder.
    """
    if not (bundle / INSIDE).is_dir() or not any((bundle / name).is_file() for name in (NAME, f"{NAME}.exe")):
        raise PackageError(f"{bundle} is no packaged program. `make bundle` makes one.")
    return "full" if (bundle / INSIDE / "torch").is_dir() else "lean"


def package_name(bundle: Path, system: str) -> str:
    """``ssd-viewer-VERSION-SYSTEM``; the full one says so."""
    return "-".join([NAME, VERSION, *(["full"] if bundle_kind(bundle) == "full" else []), system])
