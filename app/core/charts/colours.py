"""Colours of charts, by role, on light and on dark paper.

The colours of series start from Okabe and Ito's set for all kinds of colour vision, made darker on light paper and
lighter on dark paper until each has the contrast of 3 : 1 that WCAG 2.2 (1.4.11) asks of graphics. When they run out,
they are reused with dashed lines.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.core.palette import RGB

_SERIES_LIGHT: tuple[RGB, ...] = (
    (14, 90, 170),  # blue
    (232, 68, 0),  # vermilion
    (0, 146, 104),  # bluish green
    (178, 74, 140),  # reddish purple
    (62, 68, 76),  # slate
    (137, 148, 30),  # olive
    (59, 144, 238),  # sky
)
_SERIES_DARK: tuple[RGB, ...] = (
    (92, 172, 250),
    (235, 104, 58),
    (16, 214, 140),
    (204, 136, 178),
    (240, 242, 245),
    (236, 212, 54),
    (76, 104, 238),
)
SERIES = len(_SERIES_LIGHT)


def _with_series(base: dict[str, RGB], series: tuple[RGB, ...]) -> Mapping[str, RGB]:
    return base | {f"s{index}": colour for index, colour in enumerate(series)}


LIGHT: Mapping[str, RGB] = _with_series(
    {
        "paper": (255, 255, 255),
        "ink": (27, 31, 36),
        "muted": (89, 99, 110),
        "axis": (139, 148, 158),
        "grid": (230, 233, 237),
        "faint": (197, 203, 211),
    },
    _SERIES_LIGHT,
)
DARK: Mapping[str, RGB] = _with_series(
    {
        "paper": (20, 23, 28),
        "ink": (230, 233, 238),
        "muted": (158, 168, 181),
        "axis": (110, 119, 131),
        "grid": (42, 48, 56),
        "faint": (74, 83, 95),
    },
    _SERIES_DARK,
)


def series_role(index: int) -> str:
    """Returns the colour role of the ``index``-th series."""
    return f"s{index % SERIES}"


def hex_colour(colour: RGB) -> str:
    """Returns the colour in CSS and SVG notation: "#1b1f24"."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
