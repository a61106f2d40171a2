"""``ssd-viewer [SOURCE]``: the window."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from app.cli.console import Console, UsageError
from app.cli.options import add_detection_flags, overrides
from app.core.errors import AppError


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.add_argument("source", nargs="?", metavar="SOURCE", help="what to look at (default: the last source)")
    parser.add_argument("--camera", metavar="N|NAME", help="look through this camera")
    add_detection_flags(parser)
    return run


def run(options: argparse.Namespace, _console: Console) -> int:
    """Open the window and stay until it is closed."""
    source = _source(options)
    _check_display()
    try:
        from app.ui.main import run as open_window
    except ImportError as error:
        raise AppError(
            f"The window cannot open: {error}.", "Install the libraries Qt needs (README), or use annotate or detect."
        ) from error
    return open_window(source, overrides(options))


def _source(options: argparse.Namespace) -> str | None:
    if options.camera is not None and options.source is not None:
        raise UsageError("SOURCE and --camera exclude each other.", "Name one of them.")
    if options.camera is not None:
        return f"camera:{options.camera}"
    source: str | None = options.source
    if source is None or "://" in source or source.startswith("camera:"):
        return source
    if not Path(source).exists():
        raise AppError(f"{source}: no such file, folder or command.", "See ssd-viewer --help.")
    return str(Path(source).resolve())


def _check_display() -> None:
    """Without a display Qt ends the process by abort(); say it before."""
    wanted = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in wanted):
        raise AppError("There is no display to open a window on.", "Use ssd-viewer annotate or detect instead.")
