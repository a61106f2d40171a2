"""Estimates the width of text without a font: the layout must hold with whatever font a browser has.

Widths follow the widest of the common sans serif fonts (DejaVu, Verdana); in others, text is a little narrower.
"""

from __future__ import annotations

import unicodedata

_ELLIPSIS = "…"
_NARROW = frozenset("ijlI.,:;'|!()[]{}/\\ ftr-·")
_WIDE = frozenset("mwMW@%…—")


def _em(character: str) -> float:
    """Returns the advance of a character, in font sizes."""
    if character in _NARROW:
        return 0.42
    if character in _WIDE:
        return 1.0
    if unicodedata.east_asian_width(character) in ("W", "F"):
        return 1.05
    if unicodedata.combining(character):
        return 0.0
    return 0.78 if character.isupper() or not character.isascii() else 0.645


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Returns the room for one line of ``text``, px."""
    return sum(map(_em, text)) * size * (1.1 if bold else 1.0)


def fit(text: str, size: float, room: float, bold: bool = False) -> str:
    """Shortens ``text`` to ``room`` px with an ellipsis if need be; returns "" if not even that fits.

    Line ends and control characters become spaces first.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if text_width(line, size, bold) <= room:
        return line
    kept = line
    while kept and text_width(kept + _ELLIPSIS, size, bold) > room:
        kept = kept[:-1]
    return kept.rstrip() + _ELLIPSIS if kept else ""
