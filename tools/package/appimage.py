"""One file for Linux that runs without being installed: ``python -m tools.package.appimage`` (the last step untested).

Lays out dist/AppDir from the bundle as an AppImage wants it, which runs as it is (dist/AppDir/AppRun), and packs it
with ``appimagetool`` where there is one (github.com/AppImage/appimagetool).
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.package.archive import LINUX, Entry, program_files, shared_files
from tools.package.facts import NAME, PackageError, package_name, source_date


def lay_out(bundle: Path, folder: Path) -> None:
    """Fill ``folder``, which must not be there yet.

    Raises:
        PackageError: It is no bundle, or there is no date, or the folder is there.
    """
    if folder.exists():
        raise PackageError(f"{folder} is there already. Remove it first.")
    package_name(bundle, "")  # refuses what is no bundle
    for entry in program_files(bundle):
        _put(folder / "usr" / "lib" / NAME, entry)
    for entry in shared_files(source_date()):
        _put(folder / "usr" / "share", entry)
    shared = folder / "usr" / "share"
    shutil.copyfile(shared / "applications" / f"{NAME}.desktop", folder / f"{NAME}.desktop")
    shutil.copyfile(shared / "icons" / "hicolor" / "256x256" / "apps" / f"{NAME}.png", folder / f"{NAME}.png")
    (folder / ".DirIcon").symlink_to(f"{NAME}.png")
    _put(folder, Entry("AppRun", LINUX / "AppRun", runs=True))


def _put(folder: Path, entry: Entry) -> None:
    target = folder / entry.place
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(entry.content, bytes):
        target.write_bytes(entry.content)
    else:
        shutil.copyfile(entry.content, target, follow_symlinks=False)
    if not target.is_symlink():
        target.chmod(0o755 if entry.runs else 0o644)


def pack(folder: Path, target: Path) -> None:
    """Make the AppImage with appimagetool.

    Raises:
        PackageError: There is no appimagetool, or it failed; what it said is on stderr.
    """
    tool = shutil.which("appimagetool")
    if tool is None:
        raise PackageError(f"There is no appimagetool here. {folder} is ready for one.")
    environment = {**os.environ, "ARCH": platform.machine(), "SOURCE_DATE_EPOCH": str(source_date())}
    if subprocess.run([tool, str(folder), str(target)], env=environment, check=False).returncode:
        raise PackageError("appimagetool failed (see above).")


def main(arguments: Sequence[str] | None = None) -> int:
    """Lay out and pack; 1 where that was not possible."""
    parser = argparse.ArgumentParser(prog="python -m tools.package.appimage", description="One file for Linux.")
    parser.add_argument("--bundle", type=Path, default=Path("dist", NAME), help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder to write to (default: %(default)s)")
    options = parser.parse_args(arguments)
    folder = options.out / "AppDir"
    try:
        lay_out(options.bundle, folder)
        target = options.out / f"{package_name(options.bundle, platform.machine())}.AppImage"
        pack(folder, target)
    except (PackageError, OSError) as error:
        print(f"No AppImage: {error}", file=sys.stderr)
        return 1
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
