"""``ssd-viewer self-test``: what works on this computer. Main thread; every check reports, none stops the others."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from app.cli.console import Console, mark, one_line
from app.cli.options import add_result_flags
from app.lab.self_test.checks import Check, guarded
from app.lab.self_test.parts import PARTS
from app.lab.self_test.window_check import CHILD_FLAG, STARTED_FLAG


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "Check devices, engines, codecs and cameras; find the known objects in the bundled image; export ten "
        "frames with sound and read them back; open the window and play the sample clip in it."
    )
    parser.add_argument(
        "--only", type=_parts, default=tuple(PARTS), metavar="PART[,PART]", help=f"of {', '.join(PARTS)} (default: all)"
    )
    parser.add_argument(CHILD_FLAG, dest="child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(STARTED_FLAG, type=float, default=0.0, help=argparse.SUPPRESS)
    add_result_flags(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """Report every check; 1 when one fails."""
    if options.child is not None:
        from app.ui.self_test import play_sample

        return play_sample(options.child, options.started)
    checks: list[Check] = []
    for name in options.only:
        for check in guarded(name, PARTS[name]):
            checks.append(check)
            console.say(f"{mark(check.ok)} {check.name}: {one_line(check.detail)}")
    works = all(check.ok is not False for check in checks)
    console.give({"ok": works, "checks": [asdict(check) for check in checks]})
    if not works:
        failed = ", ".join(check.name for check in checks if check.ok is False)
        console.error(f"Does not work here: {failed}.")
    return 0 if works else 1


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(","))
    unknown = [name for name in parts if name not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    return parts
