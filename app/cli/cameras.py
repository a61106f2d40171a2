"""``ssd-viewer cameras``: which there are, without opening any."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from app.cli.console import Console, table
from app.cli.options import add_result_flags


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = "Names, stable ids and formats of the cameras. No camera is opened."
    add_result_flags(parser)
    return run


def run(_options: argparse.Namespace, console: Console) -> int:
    """List them."""
    from app.core.sources.cameras import list_cameras

    cameras = list_cameras()
    console.give(
        {
            "cameras": [
                {"index": c.index, "name": c.name, "stable_id": c.stable_id, "formats": list(c.formats)}
                for c in cameras
            ]
        }
    )
    if not cameras:
        console.say("No camera is connected.")
        return 0
    rows = [("N", "NAME", "STABLE ID", "FORMATS")]
    rows += [(str(c.index), c.name, c.stable_id, ", ".join(c.formats) or "-") for c in cameras]
    for line in table(rows):
        console.say(line)
    return 0
