"""``ssd-viewer verify``: whether anything of a case changed since it was made. Main thread."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from app.cli.console import Console, one_line
from app.cli.options import add_result_flags


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "Compare a case with its manifest: each file, the videos and the model it came from. Whoever can change the "
        "folder can change the manifest too; compare the SHA-256 that is said of it with the one you noted elsewhere."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="made by events --case")
    add_result_flags(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """Say what is unchanged, changed, missing or added; 1 where anything is not as it was."""
    from app.core.cases.case import MANIFEST, check_case

    found = check_case(options.folder)
    console.check_json_apart([options.folder / name for name in (MANIFEST, *found.files)])
    for name, state in found.files.items():
        console.say(f"{state:<9}  {one_line(name)}")
    for name, state in found.sources.items():
        console.say(f"{state:<9}  video {one_line(name)}")
    console.say(f"{found.model[1]:<9}  model {one_line(found.model[0])}")
    console.say(f"SHA-256 of {MANIFEST}: {found.manifest_sha256}")
    if not found.is_sound:
        console.error(f"{options.folder.name} is not as it was made.")
    console.give(
        {
            "sound": found.is_sound,
            "manifest_sha256": found.manifest_sha256,
            "files": dict(found.files),
            "sources": dict(found.sources),
            "model": {"name": found.model[0], "state": found.model[1]},
        }
    )
    return 0 if found.is_sound else 1
