"""Libraries that Linux systems may lack, and the package that brings each (Debian's and Ubuntu's names). Pure."""

from __future__ import annotations

import re

PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libOpenGL.so.0": "libopengl0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libX11-xcb.so.1": "libx11-xcb1",
}
"""What the window needs of the system, as Linux's loader names it."""

_MISSING = re.compile(r"(lib[\w.+-]+\.so(?:\.\d+)*): cannot open shared object file")


def missing_library(message: str) -> str:
    """The library that the loader did not find, by its message; "" if it is about something else."""
    found = _MISSING.search(message)
    return found[1] if found else ""


def package_hint(message: str) -> str:
    """Returns the package to install, going by the loader's message; "" where that is not known."""
    package = PACKAGES.get(missing_library(message))
    return f"Install {package}." if package else ""
