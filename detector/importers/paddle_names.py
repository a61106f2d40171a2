"""Tells Paddle's files by their names and first bytes."""

from __future__ import annotations

import re
from pathlib import Path

from detector.errors import DetectorError

_PARTS = {".pdmodel": ".pdiparams", "__model__": "__params__"}
_START = re.compile(rb"\x0a[\x80-\xff]{0,9}[\x00-\x7f]\x08\x00\x10(\xff{9}\x01|\x00)[\x1a\x22]")
_PADDLE_3 = re.compile(rb'"magic"\s*:\s*"pir"')


def is_paddle(start: bytes, path: Path) -> bool:
    """Returns whether a file that begins with ``start`` is a Paddle program: one block, the first."""
    return path.suffix.lower() == ".pdmodel" or path.name == "__model__" or _START.match(start) is not None


def refuse_relatives(start: bytes, path: Path) -> None:
    """Raise ``DetectorError`` for Paddle's files that hold no program that could be run here."""
    if path.suffix.lower() == ".pdparams":
        raise DetectorError(
            f"{path.name} holds the weights of a Paddle training, without their network.",
            "Export the model with Paddle, and import its .pdmodel.",
        )
    if start.lstrip().startswith(b"{") and _PADDLE_3.search(start):
        raise DetectorError(
            f"{path.name} is a program of Paddle 3, which is not supported.",
            "Export the model as a .pdmodel, with FLAGS_enable_pir_api=0 in the environment.",
        )


def program_beside(path: Path) -> Path | None:
    """Returns the program whose weights ``path`` holds, by its name; None for other files.

    Raises:
        DetectorError: It is missing.
    """
    for program, weights in _PARTS.items():
        if weights in (path.suffix.lower(), path.name):
            found = path.with_suffix(program) if program.startswith(".") else path.with_name(program)
            if not found.is_file():
                raise DetectorError(
                    f"{path.name} holds the weights of a Paddle model, whose {found.name} is missing beside it.",
                    "Both files make up the model.",
                )
            return found
    return None


def weights_of(path: Path) -> Path:
    """Returns where the weights of a program lie."""
    if path.name == "__model__":
        return path.with_name(_PARTS[path.name])
    return path.with_suffix(_PARTS[".pdmodel"])
