"""Decides when to say that nothing is detected, and what to say then. Pure.

A person who sees no box cannot know whether nothing is there, the threshold is too high or nothing runs. Live, objects
are missed in single frames all the time; so silence begins after a second without detections, and ends at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.overlay import threshold_showing

AFTER_NS = 1_000_000_000
"""Nanoseconds without detections, by the clock of the frames, before anything is said."""


class Silence:
    """Follows the frames of one source."""

    def __init__(self) -> None:
        self._since_ns: int | None = None

    def forget(self) -> None:
        """Start again: another source, or another model."""
        self._since_ns = None

    def update(self, seen: bool, captured_ns: int, still: bool) -> bool:
        """Returns whether it is time to say that there is nothing.

        Args:
            seen: Something is shown in the present frame.
            captured_ns: When that was taken, see ``Frame.captured_ns``.
            still: No other frame follows by itself: nothing can flicker.
        """
        if seen:
            self._since_ns = None
            return False
        if self._since_ns is None:
            self._since_ns = captured_ns
        return still or captured_ns - self._since_ns >= AFTER_NS


@dataclass(frozen=True, slots=True)
class ThresholdHint:
    """A text for when nothing is shown, and the lower threshold at which something would be.

    Attributes:
        words: To be shown on the frame.
        threshold: The highest that shows the best candidate, in hundredths; None where there is no candidate.
    """

    words: str
    threshold: float | None


def silent_text(threshold: float, best: tuple[str, float] | None) -> ThresholdHint:
    """Returns what to say about a frame in which nothing reaches ``threshold``.

    Args:
        threshold: In force.
        best: Class and score of the best candidate among the classes shown; None for none at all.
    """
    if best is None:
        return ThresholdHint("Nothing found", None)
    label, score = best
    lower = threshold_showing(score)
    return ThresholdHint(f"Nothing above {threshold:.2f}  ·  best: {label} {lower:.2f}", lower)


def hidden_text(count: int, alone: bool = True) -> str:
    """Returns text such as "3 detections hidden by the class filter"; shorter where others are named before."""
    return f"{_detections(count, alone)} hidden by the class filter"


def masked_text(count: int, alone: bool = True) -> str:
    """Returns text such as "3 detections ignored in masks"; shorter where others are named before."""
    return f"{_detections(count, alone)} ignored in masks"


def _detections(count: int, alone: bool) -> str:
    return f"{count} {'detection' if count == 1 else 'detections'}" if alone else str(count)
