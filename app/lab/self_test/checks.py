"""One line of the self-test's report, and how a part that breaks becomes one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    Attributes:
        name: What was looked at.
        ok: Whether it works; None for a plain fact.
        detail: What was seen.
    """

    name: str
    ok: bool | None
    detail: str


Part = Callable[[], Iterator[Check]]


def guarded(name: str, part: Part) -> Iterator[Check]:
    """A part's checks; whatever breaks inside becomes a failed check, for that is what is being looked for."""
    try:
        yield from part()
    except Exception as error:
        yield Check(name, False, f"{type(error).__name__}: {error}")
