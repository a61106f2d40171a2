"""Output to stdout, stderr and the ``--json`` file. With ``--json -`` stdout carries the JSON and nothing else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from app.core.addresses import without_passwords
from app.core.errors import AppError


class UsageError(AppError):
    """The command was typed wrongly; exit code 2."""


class Console:
    """Words for people and results for programs."""

    def __init__(self) -> None:
        self._quiet = False
        self._json: str | None = None

    def configure(self, quiet: bool, json_target: str | None) -> None:
        """Take over ``--quiet`` and ``--json``."""
        self._quiet, self._json = quiet, json_target

    @property
    def shows_progress(self) -> bool:
        """A progress bar is for a terminal only."""
        return not self._quiet and sys.stderr.isatty()

    @property
    def json_file(self) -> Path | None:
        """Returns where the result is written to; None for stdout or nowhere."""
        return Path(self._json) if self._json not in (None, "-") else None

    def say(self, line: str = "") -> None:
        """A line of the result, for people."""
        if not self._quiet and self._json != "-":
            print(line)

    def note(self, line: str) -> None:
        """Something to know that is no failure."""
        if not self._quiet:
            print(f"ssd-viewer: {without_passwords(one_line(line))}", file=sys.stderr)

    def error(self, line: str) -> None:
        """A failure: one line, whatever it says."""
        print(f"ssd-viewer: {without_passwords(one_line(line))}", file=sys.stderr)

    def give(self, result: Any) -> None:
        """Write the ``--json`` result, where one was asked for.

        Raises:
            AppError: The file cannot be written.
        """
        if self._json == "-":
            print(json.dumps(result), flush=True)
        elif self._json is not None:
            from app.core.files.atomic_file import write_atomically

            content = json.dumps(result, ensure_ascii=False).encode("utf-8", "backslashreplace")
            write_atomically(Path(self._json), content + b"\n")

    def check_json_apart(self, inputs: Iterable[Path], outputs: Iterable[Path] = ()) -> None:
        """Refuse to write the result over an input, or over another file that is made.

        Raises:
            AppError: It is one.
        """
        if self.json_file is not None:
            from app.core.export.targets import check_apart, same_file

            check_apart([self.json_file], inputs)
            if any(same_file(self.json_file, output) for output in outputs):
                raise AppError(f"{self.json_file.name} is named twice as a file to write.", "Give each its own name.")


def one_line(text: str) -> str:
    """Returns ``text`` without line breaks and control characters: a file's name cannot write on the terminal."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def mark(ok: bool | None) -> str:
    """Returns how a check's line begins: passed, failed, or None for what is only told."""
    return {True: "[ ok ]", False: "[FAIL]", None: "[info]"}[ok]


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Returns lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def ensure_streams() -> None:
    """Give a program without a console (Windows, started by an icon) somewhere to print; odd letters never fail."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - lives as long as the program
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
