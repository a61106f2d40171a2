"""``ssd-viewer cameras``: which there are, without starting any."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from app.cli.console import Console, table
from app.cli.options import add_result_flags


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = "Names, stable ids and formats of the cameras. No camera is started."
    add_result_flags(parser)
    return run


def run(_options: argparse.Namespace, console: Console) -> int:
    """List them."""
    from app.core.sources.cameras import list_cameras

    cameras = list_cameras(ask_formats=True)
    console.give(
        {
            "cameras": [
                {"index": c.number, "name": c.name, "stable_id": c.stable_id, "formats": list(c.formats)}
                for c in cameras
            ]
        }
    )
    if not cameras:
        console.say("No camera is connected.")
        return 0
    lines = table([("N", "NAME", "STABLE ID"), *((str(c.number), c.name, c.stable_id) for c in cameras)])
    console.say(lines[0])
    for camera, line in zip(cameras, lines[1:], strict=True):
        console.say(line)
        for offered in camera.formats or ("formats unknown until the camera runs",):
            console.say(f"     {offered}")
    return 0
