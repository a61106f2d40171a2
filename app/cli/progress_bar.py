"""A progress bar on stderr, where that is a terminal; subclasses say what it counts."""

from __future__ import annotations

import sys
from typing import Any, Self


class ProgressBar:
    """Is drawn while a command works, and taken off the terminal at the end.

    Args:
        name: Before the bar.
        shown: Whether anything is drawn at all.
        look: Further arguments of ``tqdm``.
    """

    def __init__(self, name: str, shown: bool, **look: Any) -> None:
        from tqdm import tqdm

        self._bar = tqdm(desc=name, file=sys.stderr, dynamic_ncols=True, leave=False, disable=not shown, **look)

    def close(self) -> None:
        """Take the bar off the terminal."""
        self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
