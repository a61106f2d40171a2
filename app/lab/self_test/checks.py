"""One line of the self-test's report, and the guard that turns an exception into one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    Attributes:
        name: Subject of the check.
        ok: Whether it works; None for a plain fact.
        detail: Findings.
    """

    name: str
    ok: bool | None
    detail: str


Part = Callable[[], Iterator[Check]]


def guarded(name: str, part: Part) -> Iterator[Check]:
    """Yields a part's checks; any exception inside becomes a failed check."""
    try:
        yield from part()
    except Exception as error:
        yield Check(name, False, f"{type(error).__name__}: {error}")
