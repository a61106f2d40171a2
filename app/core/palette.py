"""The colour of each class: from its name, and apart from the other classes of its model where there are few.

Nothing but the model's list of labels enters, so a class keeps its colour through a run, a file and the next start.

Used by ``app.core.overlay``, thus by the window and by exported files alike. Any thread.
"""

from __future__ import annotations

import colorsys
from functools import lru_cache
from hashlib import blake2b

RGB = tuple[int, int, int]
"""Red, green, blue, each 0..255 (sRGB)."""

BLACK: RGB = (0, 0, 0)
WHITE: RGB = (255, 255, 255)

# Chosen among some thousand so that the commonest class names lie well apart on the hue circle.
_SALT = (61556).to_bytes(2, "big")
_LIGHTNESS = (0.46, 0.55, 0.66)
_SATURATION = 0.92

# Okabe and Ito's set for all kinds of colour vision, without its black, which vanishes on dark images; the last two
# repeat its blue and vermilion lighter, told apart by brightness alone.
COLOUR_BLIND: tuple[RGB, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (166, 216, 255),
    (255, 190, 150),
)
SINGLE: RGB = (64, 224, 96)

_MAX_HUES = 24  # hues that can still be told apart


def _digest(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, salt=_SALT).digest()


@lru_cache(maxsize=4096)
def class_colour(name: str, palette: str = "vivid") -> RGB:
    """Colour of a class.

    Args:
        name: The label as the model spells it.
        palette: "vivid", "colour-blind" or "single"; anything else counts as "vivid".
    """
    if palette == "single":
        return SINGLE
    digest = _digest(name)
    if palette == "colour-blind":
        return COLOUR_BLIND[int.from_bytes(digest[:4], "big") % len(COLOUR_BLIND)]
    return _vivid(_hue(name), digest[4])


@lru_cache(maxsize=64)
def model_colours(labels: tuple[str, ...], palette: str = "vivid") -> dict[str, RGB]:
    """Colours of a model's classes, kept apart from each other as far as their number allows.

    Each class has the colour of its name unless an earlier one of the list is too near; then it moves to the widest
    gap that is left. With more classes than can be told apart, names alone decide.
    """
    if palette == "colour-blind":
        return _unlike_where_possible(labels)
    if palette == "single" or len(labels) > _MAX_HUES:
        return {name: class_colour(name, palette) for name in labels}
    colours: dict[str, RGB] = {}
    taken: list[float] = []
    for name in labels:
        hue = _hue(name)
        if _gap(hue, taken) < 0.5 / len(labels):
            hue = max((slot / 72 for slot in range(72)), key=lambda other: _gap(other, taken))
        taken.append(hue)
        colours.setdefault(name, _vivid(hue, _digest(name)[4]))
    return colours


def _unlike_where_possible(labels: tuple[str, ...]) -> dict[str, RGB]:
    colours: dict[str, RGB] = {}
    for name in labels:
        own = class_colour(name, "colour-blind")
        free = [colour for colour in COLOUR_BLIND if colour not in colours.values()]
        colours.setdefault(name, own if own in free or not free else free[0])
    return colours


def _hue(name: str) -> float:
    return int.from_bytes(_digest(name)[:4], "big") / 2**32


def _gap(hue: float, others: list[float]) -> float:
    """Distance on the hue circle (0..0.5) to the nearest of ``others``."""
    return min((min(abs(hue - other), 1 - abs(hue - other)) for other in others), default=1.0)


def _vivid(hue: float, shade: int) -> RGB:
    red, green, blue = colorsys.hls_to_rgb(hue, _LIGHTNESS[shade % len(_LIGHTNESS)], _SATURATION)
    return round(red * 255), round(green * 255), round(blue * 255)


def relative_luminance(colour: RGB) -> float:
    """Brightness as WCAG 2.2 defines it, 0 (black) to 1 (white)."""

    def linear(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(value) for value in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: RGB, second: RGB) -> float:
    """WCAG contrast ratio of two colours, 1 to 21; text needs 4.5."""
    bright, dark = sorted((relative_luminance(first), relative_luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@lru_cache(maxsize=4096)
def text_colour(background: RGB) -> RGB:
    """Black or white, whichever reads better on ``background``; the better one always reaches 4.5 : 1."""
    return max((BLACK, WHITE), key=lambda text: contrast(text, background))
