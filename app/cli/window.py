"""``ssd-viewer [SOURCE...]``: the window, or what is to be opened handed to the one that is open already."""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.cli.console import Console, UsageError
from app.cli.options import add_detection_flags, detection_settings, find_model, overrides
from app.core.addresses import with_schemes
from app.core.crash_files import begin_crash_file
from app.core.errors import AppError
from app.core.exit_watchdog import end_within
from app.core.heap import share_heap
from app.core.instance import InstanceLock, OpenRequest, claim_or_send
from app.core.sources.base import CAMERA, SCREEN
from app.core.system_libraries import package_hint


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="what to look at: a file, a folder of images, or the address of a stream, http(s):// or rtsp(s):// "
        "(default: the last source); of several the first",
    )
    parser.add_argument("--camera", metavar="N|NAME", help="look through this camera")
    parser.add_argument(
        "--screen", nargs="?", const="", metavar="N|WxH+X+Y", help="look at this screen, or at a region of it"
    )
    parser.add_argument(
        "--new-window", action="store_true", help="open another window, even if one is open that could show SOURCE"
    )
    add_detection_flags(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """Open the window and stay until it is closed; or hand over, and end."""
    sources = _sources(options)
    _check_model(options)
    changes = overrides(options)
    place = InstanceLock()
    try:
        # What says how to look is meant for a window of its own: another's settings are not changed from outside.
        hands_over = not (options.new_window or options.camera is not None or options.screen is not None or changes)
        arrival = claim_or_send(place, OpenRequest(sources, _activation()) if hands_over else None)
        if arrival == "handed over":
            console.note("Opened in the window that is there already; --new-window opens another.")
            return 0
        _check_display()
        return _with_crash_file(sources, changes, place if arrival == "first" else None)
    finally:
        place.close()


def _activation() -> str:
    """Returns the token the desktop gave this start so that its window may come to the front."""
    return os.environ.get("XDG_ACTIVATION_TOKEN") or os.environ.get("DESKTOP_STARTUP_ID") or ""


def _with_crash_file(sources: tuple[str, ...], changes: dict[str, dict[str, Any]], place: InstanceLock | None) -> int:
    share_heap()
    crashes = begin_crash_file()
    try:
        return _open_window()(sources, changes, place, end_within)
    finally:
        gc.unfreeze()
        if crashes is not None:
            crashes.end()


def _open_window() -> Callable[..., int]:
    """``app.ui.main.run``; Qt is loaded here."""
    gc.disable()  # modules are no garbage, and looking for it takes a tenth of the start
    try:
        from app.ui.main import run
    except ImportError as error:
        hint = package_hint(str(error)) or "Install the libraries Qt needs (README), or use annotate or detect."
        raise AppError(f"The window cannot open: {error}.", hint) from error
    gc.freeze()  # nor are they later, when the window collects on its own thread and everything there waits
    return run


def _sources(options: argparse.Namespace) -> tuple[str, ...]:
    named = {
        "SOURCE": bool(options.sources),
        "--camera": options.camera is not None,
        "--screen": options.screen is not None,
    }
    asked = [name for name, given in named.items() if given]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} exclude each other.", "Name one of them.")
    if options.camera is not None:
        return (f"{CAMERA}{options.camera}",)
    if options.screen is not None:
        return (f"{SCREEN}{_screen(options.screen)}",)
    return tuple(map(named_source, options.sources))


def _screen(query: str) -> str:
    from app.core.sources.screen import is_screen

    if not is_screen(query):
        raise UsageError(f"{query!r} is no screen.", "Give its number, from 1, or a region such as 1280x720+100+50.")
    return query


def named_source(source: str) -> str:
    """Returns what the command line calls a source as an address that can be opened.

    Raises:
        AppError: There is no such file.
    """
    if source.startswith("file://"):  # as file managers may say it
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        source = url2pathname(urlsplit(source).path)
    if "://" in source or source.startswith((CAMERA, SCREEN)):
        return source
    if not Path(source).exists():
        if with_schemes(source):
            return source  # an address, whose schemes are tried
        raise AppError(f"{source}: no such file, folder or command.", "See ssd-viewer --help.")
    return str(Path(source).resolve())


def _check_model(options: argparse.Namespace) -> None:
    """Checks the model, which is kept for later runs, and makes a file's name absolute.

    Raises:
        UsageError: There is no such model, or it has no such class.
        DetectorError: Its weights are not here, or broken.
    """
    if options.model is None:
        return
    if find_model(*detection_settings(options)).name != options.model:
        options.model = str(Path(options.model).resolve())


def _check_display() -> None:
    """Refuses what makes Qt end the process by abort(): no display, or none of a library that Qt loads late."""
    if not sys.platform.startswith("linux"):
        return
    instead = "Use ssd-viewer annotate or detect instead."
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if not platform and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        raise AppError("There is no display to open a window on.", instead)
    if platform not in ("", "xcb") or os.environ.get("WAYLAND_DISPLAY"):
        return
    for name, package in (("libxcb.so.1", "libxcb1"), ("libxcb-cursor.so.0", "libxcb-cursor0")):
        try:
            ctypes.CDLL(name)
        except OSError as error:
            raise AppError(f"The window cannot open: {name} is missing.", f"Install {package}.") from error
    if not _x_server_answers():
        display = os.environ.get("DISPLAY", "")
        raise AppError(f"The display {display!r} does not answer.", f"Set DISPLAY to one that does. {instead}")


def _x_server_answers() -> bool:
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))  # never NULL; DISPLAY says which
    works: bool = xcb.xcb_connection_has_error(connection) == 0
    if not works:
        xcb.xcb_disconnect(connection)
    # One that works stays: a server whose last client leaves begins anew, and refuses who comes in that moment: Qt.
    return works
