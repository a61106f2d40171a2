"""Parts common to all charts: title line, text sizes, spacing, labels along the bottom. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.core.charts.drawing import Item, Text
from app.core.charts.text import fit, text_width
from app.core.charts.ticks import Scale, Tick, ticks

TITLE = 14.0
SMALL = 11.5
GAP = 8.0
LINE = 1.45  # height of a line, in font sizes
EDGE = 6.0  # free space around a chart


def head(title: str, note: str, width: float) -> tuple[list[Item], float]:
    """Lays out title and note on one line; returns the items and the y of their lower edge.

    The title takes precedence: the note is dropped if there is no room beside it.
    """
    if not title and not note:
        return [], EDGE
    room = width - 2 * EDGE
    baseline = EDGE + TITLE
    shown = fit(title, TITLE, room, bold=True)
    items: list[Item] = []
    if shown:
        full = title if shown != title else ""
        items.append(Text(EDGE, baseline, shown, TITLE, bold=True, full=full))
    left = room - text_width(shown, TITLE, bold=True) - 2 * GAP
    beside = fit(note, SMALL, left)
    if beside and beside == note:
        items.append(Text(width - EDGE, baseline, beside, SMALL, "muted", "end"))
    return items, EDGE + TITLE * LINE


@dataclass(frozen=True, slots=True)
class Below:
    """The horizontal axis: a scale between two positions, with labels below.

    Attributes:
        scale: Maps values to 0..1.
        left: Start of the axis, px.
        right: End of the axis, px.
        width: Width of the whole chart, px; labels stay inside.
    """

    scale: Scale
    left: float
    right: float
    width: float

    def x_at(self, value: float) -> float:
        """Returns the position of ``value``, px."""
        return self.left + self.scale.place(value) * (self.right - self.left)

    def ticks(self) -> tuple[Tick, ...]:
        """Returns as many ticks as there is room for labels."""
        for at_most in range(max(2, min(12, int((self.right - self.left) / 40))), 1, -1):
            found = ticks(self.scale, at_most)
            if self._apart(found):
                return found
        return ticks(self.scale, 1)

    def labels(self, found: Sequence[Tick], y: float) -> list[Item]:
        """Lays out labels with their upper edge at ``y``, centred below their ticks, kept inside the chart."""
        return [Text(self._centre(tick), y + SMALL, tick.label, SMALL, "muted", "middle") for tick in found]

    def _centre(self, tick: Tick) -> float:
        half = text_width(tick.label, SMALL) / 2
        return min(max(self.x_at(tick.value), EDGE + half), self.width - EDGE - half)

    def _apart(self, found: Sequence[Tick]) -> bool:
        return all(
            self._centre(second) - self._centre(first)
            >= (text_width(first.label, SMALL) + text_width(second.label, SMALL)) / 2 + GAP
            for first, second in pairwise(found)
        )
