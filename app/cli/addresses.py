"""Addresses of streams on the command line: where one is accepted, and the message where it is not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from app.cli.console import UsageError
from app.core.addresses import is_address, redact, with_schemes

_ONE_SLASH = re.compile(r"^(\w+):/(?!/)")  # a path on the command line has lost the other


def check_files(named: Iterable[str | Path], command: str) -> None:
    """Refuse addresses, with or without their scheme, where only files are read; no password of them is shown.

    Raises:
        UsageError: One is named.
    """
    for name in map(str, named):
        address = name if is_address(name) else "" if Path(name).exists() else next(iter(with_schemes(name)), "")
        if address:
            address = _ONE_SLASH.sub(r"\1://", address)
            raise UsageError(
                f"{redact(address)} is the address of a stream, and {command} reads files.",
                "Streams are shown by the window: ssd-viewer ADDRESS.",
            )
