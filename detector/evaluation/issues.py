"""Counts what was wrong with data but could be read around: a line for each kind of thing, with a few examples."""

from __future__ import annotations

_EXAMPLES = 3
_MAX_LENGTH = 60


class Issues:
    """Collects while a data set is read."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._examples: dict[tuple[str, str], list[str]] = {}

    def add(self, one: str, many: str, example: str) -> None:
        """Count a thing.

        Args:
            one: What it is, if there is one, e.g. "image is missing".
            many: The same of several, e.g. "images are missing".
            example: Where it was; the first few places are told.
        """
        kind = one, many
        self._counts[kind] = self._counts.get(kind, 0) + 1
        examples = self._examples.setdefault(kind, [])
        if len(examples) < _EXAMPLES and shortened(example) not in examples:
            examples.append(shortened(example))

    def lines(self) -> tuple[str, ...]:
        """E.g. "3 images are missing (a.jpg, b.jpg, c.jpg)."."""
        return tuple(self._line(kind, count) for kind, count in self._counts.items())

    def _line(self, kind: tuple[str, str], count: int) -> str:
        examples = self._examples[kind]
        more = ", …" if count > len(examples) else ""
        return f"{count} {kind[count > 1]} ({', '.join(examples)}{more})."


def shortened(text: str) -> str:
    """``text`` from a file as it may stand within a line: printable, and not endless."""
    clean = printable(text[: _MAX_LENGTH + 1])
    return clean if len(clean) <= _MAX_LENGTH else clean[: _MAX_LENGTH - 1] + "…"


def printable(text: str) -> str:
    """``text`` with a question mark for all that is no letter: control characters, halves of surrogate pairs."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
