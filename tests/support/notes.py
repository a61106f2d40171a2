"""Returns the remedies that an importer's notes offer."""

from __future__ import annotations

from collections.abc import Iterable

from detector.errors import Remedy
from detector.importers.notes import Note


def remedies_of(notes: Iterable[Note]) -> tuple[Remedy, ...]:
    """Returns the remedies of all notes, in order."""
    return tuple(remedy for note in notes for remedy in note.remedies)
