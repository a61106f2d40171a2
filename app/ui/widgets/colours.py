"""The colours of the window, light and dark. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colours:
    """One appearance; each value is ``#rrggbb``.

    Attributes:
        window: Behind everything.
        surface: Panels, bars, cards.
        raised: Buttons and fields.
        hover: A raised thing under the mouse.
        border: Hairlines.
        text: Words.
        muted: Words of second rank; still 4.5:1 on ``surface``.
        accent: What to press, what is chosen.
        accent_hover: The same under the mouse.
        link: Words to press; 4.5:1 on all that they stand on.
        on_accent: Words on the accent.
        danger: Failures.
        warning: Troubles that pass.
        success: Things done.
        canvas: Around the frame.
    """

    window: str
    surface: str
    raised: str
    hover: str
    border: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    link: str
    on_accent: str
    danger: str
    warning: str
    success: str
    canvas: str


DARK = Colours(
    window="#13161b",
    surface="#1a1e25",
    raised="#272d37",
    hover="#333b47",
    border="#2f3642",
    text="#e8ebf0",
    muted="#9ba5b4",
    accent="#2f6fe0",
    accent_hover="#346fe2",
    link="#7fabf8",
    on_accent="#ffffff",
    danger="#f47c7c",
    warning="#f0b44c",
    success="#4cc38a",
    canvas="#0b0d10",
)
LIGHT = Colours(
    window="#f2f4f7",
    surface="#ffffff",
    raised="#edf0f4",
    hover="#e0e5ec",
    border="#d5dbe3",
    text="#1a2029",
    muted="#596473",
    accent="#2563eb",
    accent_hover="#1d55d0",
    link="#1d55d0",
    on_accent="#ffffff",
    danger="#c03030",
    warning="#8f5f00",
    success="#1c7d4a",
    canvas="#14171b",
)
