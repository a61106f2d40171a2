"""Selects which of PyInstaller's files are left out of the bundle, and which are stripped. Called by build.spec.

An entry is PyInstaller's (place in the bundle, file, kind). Pure but for ``strip_entry``.
"""

from __future__ import annotations

import posixpath
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from tools.package.icu_data import smaller_library

Entry = tuple[str, str, str]

UNUSED = (
    # Torch's own tests.
    "torch/test/",
    # A part of the system's C library, which must be that of the rest of it.
    "libmvec.so",
    # Qt: its translations, and plugins of no use to a window that plays images (they drag in GTK, QML and OpenSSL).
    "PySide6/Qt/translations",
    "plugins/platformthemes/libqgtk3",
    "plugins/platforminputcontexts/libqtvirtualkeyboard",
    "plugins/platforms/libqeglfs",
    "plugins/platforms/libqlinuxfb",
    "plugins/platforms/libqminimal",
    "plugins/platforms/libqvkkhrdisplay",
    "plugins/platforms/libqvnc",
    "plugins/egldeviceintegrations/",
    "plugins/generic/",
    "plugins/imageformats/libqpdf",
    "plugins/networkinformation/",
    "plugins/tls/",
)
UNUSED_LEAN = (
    # OpenVINO's readers of other frameworks' models; networks are built, or read in its own format.
    "openvino/frontend/jax",
    "openvino/frontend/onnx",
    "openvino/frontend/paddle",
    "openvino/frontend/pytorch",
    "openvino/frontend/tensorflow",
)


def is_unused(entry: Entry, full: bool) -> bool:
    """Returns whether the file is dead weight, by its path; ``full``: the bundle has torch."""
    place = entry[0].replace("\\", "/")
    return any(part in place for part in UNUSED + (() if full else UNUSED_LEAN))


def without_unused(entries: Iterable[Entry], full: bool, needs: Callable[[str], set[str]]) -> list[Entry]:
    """The entries but for dead weight, and for the libraries that only dead weight needs.

    Args:
        entries: The bundle's libraries.
        full: The bundle has torch.
        needs: The file names of all libraries that a file needs, directly or not.
    """
    everything = list(entries)
    dead = [entry for entry in everything if is_unused(entry, full)]
    kept = [entry for entry in everything if not is_unused(entry, full)]
    dragged = {name for entry in dead for name in needs(entry[1])}
    roots = [entry for entry in kept if _file_name(entry) not in dragged]
    wanted = {name for entry in roots for name in needs(entry[1])}
    return [entry for entry in kept if _file_name(entry) not in dragged - wanted]


def without_dangling(entries: Iterable[Entry], places: set[str]) -> list[Entry]:
    """The entries but for links to what is not in ``places``."""
    return [entry for entry in entries if entry[2] != "SYMLINK" or _target(entry) in places]


def is_strippable(entry: Entry) -> bool:
    """Returns whether symbols may be cut off: Python and its modules, and PyAV's, which come with theirs.

    Not the libraries that wheels bring along: those were rewritten to find each other, and ``strip`` damages some.
    """
    path = PurePosixPath(entry[0].replace("\\", "/"))
    if path.name.startswith("libpython") or "lib-dynload" in path.parts:
        return True
    return path.parts[0] == "av" and path.suffix == ".so"


def with_small_icu(entries: Iterable[Entry], folder: Path) -> list[Entry]:
    """The entries with the small ICU data (``tools.package.icu_data``), made in ``folder``, for Qt's.

    Raises:
        ValueError: Qt's is not understood.
        subprocess.CalledProcessError: It could not be made.
    """
    changed = []
    for place, file, kind in entries:
        small = None
        if kind != "SYMLINK" and _file_name((place, file, kind)).startswith("libicudata.so") and "Qt" in place:
            small = smaller_library(Path(file), folder)
        changed.append((place, str(small or file), kind))
    return changed


def strip_entry(entry: Entry, folder: Path) -> Entry:
    """The entry with a stripped copy in ``folder`` for its file; the entry itself where that does not work."""
    copy = folder / entry[0]
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(entry[1], copy)
    try:
        done = subprocess.run(["strip", "--strip-unneeded", str(copy)], capture_output=True, check=False)
    except FileNotFoundError:  # no binutils: larger, and as good
        return entry
    return (entry[0], str(copy), entry[2]) if done.returncode == 0 else entry


def _target(entry: Entry) -> str:
    """Returns the target of a link, as a path in the bundle."""
    return posixpath.normpath(PurePosixPath(entry[0]).parent / entry[1])


def _file_name(entry: Entry) -> str:
    return PurePosixPath(entry[0].replace("\\", "/")).name
