"""Addresses of streams on the command line: where one is accepted, and the message where it is not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from app.cli.console import UsageError
from app.core.addresses import is_address, redact, with_schemes


def check_files(named: Iterable[str | Path], command: str) -> None:
    """Refuse addresses, with or without their scheme, where only files are read; no password of them is shown.

    Raises:
        UsageError: One is named.
    """
    for name in map(str, named):
        address = name if is_address(name) else "" if Path(name).exists() else next(iter(with_schemes(name)), "")
        if address:
            raise UsageError(
                f"{redact(address)} is the address of a stream, and {command} reads files.",
                "Streams are shown by the window: ssd-viewer ADDRESS.",
            )
