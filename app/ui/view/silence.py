"""When nothing is to be seen in the picture, and what is said then. Pure.

A person who sees no box cannot know whether nothing is there, the threshold is too high or nothing runs. Live, things
are missed in single pictures all the time; so silence begins after a second of nothing, and ends at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.overlay import threshold_showing

AFTER_NS = 1_000_000_000
"""Of nothing, by the clock of the pictures, before anything is said of it."""


class Silence:
    """Follows the pictures of one source."""

    def __init__(self) -> None:
        self._since_ns: int | None = None

    def forget(self) -> None:
        """Another source, or another model."""
        self._since_ns = None

    def update(self, seen: bool, captured_ns: int, still: bool) -> bool:
        """Whether it is time to say that there is nothing.

        Args:
            seen: Something is shown in the present picture.
            captured_ns: When that was taken, see ``Frame.captured_ns``.
            still: No other picture follows by itself: nothing can flicker.
        """
        if seen:
            self._since_ns = None
            return False
        if self._since_ns is None:
            self._since_ns = captured_ns
        return still or captured_ns - self._since_ns >= AFTER_NS


@dataclass(frozen=True, slots=True)
class Lowering:
    """Nothing is shown, and what would be at a lower threshold.

    Attributes:
        words: For the picture.
        threshold: The highest that shows the best candidate, in hundredths; None where there is no candidate.
    """

    words: str
    threshold: float | None


def silent_text(threshold: float, best: tuple[str, float] | None) -> Lowering:
    """What is said of a picture in which nothing reaches ``threshold``.

    Args:
        threshold: In force.
        best: Class and score of the best candidate among the classes shown; None for none at all.
    """
    if best is None:
        return Lowering("Nothing found", None)
    label, score = best
    lower = threshold_showing(score)
    return Lowering(f"Nothing above {threshold:.2f}  ·  best: {label} {lower:.2f}", lower)
