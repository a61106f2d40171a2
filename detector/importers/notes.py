"""Notes of importers for people: what was recognised, what was assumed, and the option that says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from detector.errors import Remedy

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Note:
    """A line for people.

    Attributes:
        text: In words that fit both the window and the command line.
        remedies: The options it speaks of; each face phrases them in its own terms.
    """

    text: str
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice(Generic[_Value]):
    """Something that the user, the file or its layout's habit decided.

    Attributes:
        value: The decision.
        notes: What to tell about it; () where it was the user's.
    """

    value: _Value
    notes: tuple[Note, ...] = ()
