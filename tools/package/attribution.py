"""Finds the owner and licence of every library in a bundle, for the page of licences. Reads the installed packages.

``python -m tools.package.attribution dist/ssd-viewer`` lists them, and names libraries of unknown origin.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.metadata import distributions, packages_distributions
from pathlib import Path, PurePosixPath

from app.core.licences import Part
from tools.package.facts import INSIDE, NAME, PackageError, bundle_kind
from tools.package.third_party import BY_PREFIX, IN_OPENCV, IN_QT, NVIDIA, OLD_OPENSSL, Library

_LIBRARY = re.compile(r"\.(so(\.[\w.]+)?|dll|pyd|dylib)$", re.IGNORECASE)
_PYTHON = re.compile(
    r"(^|/)(lib)?python3[\w.]*(/lib-dynload/.*|\.(so|dll|dylib)[\d.]*|)$|^base_library\.zip$", re.IGNORECASE
)
_WHEEL_INSIDE = re.compile(r"(^|/)([\w]+\.libs|\.dylibs)/|Qt/lib/libicu|openvino/libs/libtbb")
_MICROSOFT = re.compile(r"(^|/)(vcruntime|msvcp|concrt|ucrtbase|api-ms-win)[^/]*\.dll$", re.IGNORECASE)
_DOC = Path("/usr/share/doc")

PYTHON = Part("Python", "PSF-2.0", "https://www.python.org")
PROGRAM = Part(NAME, "MIT", "its start by PyInstaller, GPL-2.0-or-later WITH Bootloader-exception")
MICROSOFT = Part("Microsoft's C and C++ runtime", "Microsoft's terms for redistribution", "Visual Studio")


def owners(places: Iterable[str]) -> dict[str, Part | None]:
    """Returns the owner of each library; None if unknown.

    Args:
        places: Paths of libraries and executables as in the bundle's inner folder, with forward slashes.
    """
    found: dict[str, Part | None] = {}
    asked = []
    for place in sorted(set(places)):
        found[place] = _known(place)
        if found[place] is None:
            asked.append(place)
    found.update(_of_the_system(asked))
    return found


def shipped_parts(places: Iterable[str]) -> list[Part]:
    """Lists the parts to name besides Python packages: system libraries, and those inside wheels."""
    parts = {part for part in owners(places).values() if part is not None}
    named = {part for part in parts if part.origin != _PACKAGE} - {PYTHON, PROGRAM}
    for package, inside in (("PySide6_Essentials", IN_QT), ("opencv-python-headless", IN_OPENCV)):
        if any(part.title == package for part in parts):
            named |= {_part(library) for library in inside}
    return sorted(named, key=lambda part: part.title.lower())


def shipped_packages(modules: Iterable[str]) -> list[str]:
    """The Python packages, but for ours, that modules of these names came with.

    Args:
        modules: As they are imported, ``numpy.linalg`` or only ``numpy``.
    """
    known = packages_distributions()
    tops = {module.partition(".")[0] for module in modules}
    return sorted({package for top in tops for package in known.get(top, ())} - {NAME})


def unfit_to_pass_on(parts: Iterable[Part]) -> list[str]:
    """Names the parts that the GPL does not allow in one program, so that the bundle may not be distributed."""
    return sorted({part.title for part in parts} & {OLD_OPENSSL.name, NVIDIA.name})


def libraries_in(bundle: Path) -> list[str]:
    """Lists the paths of all libraries in a finished bundle, without links.

    Raises:
        PackageError: It is no bundle.
    """
    bundle_kind(bundle)
    inside = bundle / INSIDE
    files = (path for path in inside.rglob("*") if _LIBRARY.search(path.name) and not path.is_symlink())
    return sorted(path.relative_to(inside).as_posix() for path in files)


_PACKAGE = "a Python package"


def _known(place: str) -> Part | None:
    if place in (NAME, f"{NAME}.exe"):
        return PROGRAM
    if _PYTHON.search(place):
        return PYTHON
    if _MICROSOFT.search(place):
        return MICROSOFT
    if place.startswith("nvidia/") or re.search(r"torch/lib/lib(cu|nv|nccl)", place):
        return _part(NVIDIA)
    if _WHEEL_INSIDE.search(place):
        return _inside_a_wheel(PurePosixPath(place).name)
    package = _packages().get(place)
    return Part(package, "", _PACKAGE) if package else None


def _inside_a_wheel(name: str) -> Part | None:
    fits = [prefix for prefix in BY_PREFIX if name.startswith(prefix)]
    return _part(BY_PREFIX[max(fits, key=len)]) if fits else None


@lru_cache(maxsize=1)
def _packages() -> dict[str, str]:
    """Each installed library's place, as site-packages and the bundle have it, and the package it came with."""
    return {
        str(PurePosixPath(*file.parts)): package.metadata["Name"]
        for package in distributions()
        for file in package.files or ()
        if _LIBRARY.search(file.name)
    }


@lru_cache(maxsize=256)
def _part(library: Library) -> Part:
    folders = sorted(_DOC.glob(f"{library.debian}*/copyright")) if library.debian else []
    return Part(library.name, library.licence, library.origin, _text(folders[0]) if folders else "")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""


def _of_the_system(places: Sequence[str]) -> dict[str, Part | None]:
    """Returns the libraries that PyInstaller took from the build system, by dpkg's records of their names."""
    names = {place: PurePosixPath(place).name for place in places if "/" not in place}
    packages = _dpkg_owners(sorted(set(names.values())))
    return {place: _system_part(packages[name]) if name in packages else None for place, name in names.items()} | {
        place: None for place in places if place not in names
    }


def _dpkg_owners(names: Sequence[str]) -> dict[str, str]:
    """The Debian package of each library's file name."""
    if not names:
        return {}
    told = _said(["dpkg-query", "-S", *(f"*/{name}" for name in names)])
    found: dict[str, str] = {}
    for line in told.splitlines():
        package, _, path = line.partition(": ")
        # If several have that name, e.g. for other processors, take the one in the system's own folder.
        if re.match(r"(/usr)?/lib/[\w-]+-linux-gnu/[^/]+$", path):
            found.setdefault(PurePosixPath(path).name, package.partition(":")[0])
    return found


@lru_cache(maxsize=256)
def _system_part(package: str) -> Part:
    source = _said(["dpkg-query", "-W", "-f", "${source:Package} ${source:Version}\n", package]).partition("\n")[0]
    text = _text(_DOC / package / "copyright")
    terms = list(dict.fromkeys(re.findall(r"^License:[ \t]*(\S.*)$", text, re.MULTILINE)))  # the first is of the whole
    licence = terms[0] + ("; some files otherwise" if terms[1:] else "") if terms else "see its text"
    return Part(package, licence, f"Debian source package {source}", text)


def _said(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:  # not a Debian
        return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Lists them; returns 1 if an owner is unknown."""
    parser = argparse.ArgumentParser(prog="python -m tools.package.attribution", description="Whose each library is.")
    parser.add_argument("bundle", type=Path, help="a folder made by `make bundle`")
    options = parser.parse_args(arguments)
    try:
        found = owners([NAME, *libraries_in(options.bundle)])
    except PackageError as error:
        print(error, file=sys.stderr)
        return 1
    for place, part in found.items():
        print(f"{place}: {part.title}, {part.licence or part.origin}" if part else f"{place}: UNKNOWN")
    for title in unfit_to_pass_on(part for part in found.values() if part):
        print(f"Not to be passed on together with GPL codecs: {title}")
    return 1 if None in found.values() else 0


if __name__ == "__main__":
    sys.exit(main())
