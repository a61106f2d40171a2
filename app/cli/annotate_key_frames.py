"""The flag of ``annotate`` about how often the network sees a frame."""

from __future__ import annotations

import argparse

from app.cli.console import UsageError


def add_key_frame_flag(parser: argparse.ArgumentParser) -> None:
    """Adds ``--detect-every``."""
    parser.add_argument(
        "--detect-every",
        default="1",
        metavar="N",
        help="run the network on every Nth frame only, and carry boxes along the motion between; auto: by frame rate",
    )


def detect_every(options: argparse.Namespace) -> int:
    """Returns the value for ``ExportRequest.detect_every``.

    Raises:
        UsageError: It is neither a number of frames nor "auto".
    """
    from app.core.export.request import AUTO, MAX_DETECT_EVERY

    asked = options.detect_every
    if asked == "auto":
        return AUTO
    if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:9]) <= MAX_DETECT_EVERY):
        raise UsageError(f"--detect-every cannot be {asked}.", f"Write a number from 1 to {MAX_DETECT_EVERY}, or auto.")
    return int(asked)
