"""Writes a case of events out of a list. For a worker; no Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from app.core.errors import AppError
from app.core.events.answer import Answer, content_sha256, source_answer
from app.core.settings import OverlaySettings
from app.ui.events.event_work import EventList


class CaseCancelledError(AppError):
    """The user stopped it; nothing was left."""


@dataclass(frozen=True, slots=True, eq=False)
class CaseRequest:
    """A case to write.

    Attributes:
        folder: Where.
        made: The list.
        numbers: Which of its events go in.
        before_s: Seconds a clip begins before its event.
        after_s: Seconds it goes on after it.
        overlay: How boxes look.
    """

    folder: Path
    made: EventList
    numbers: frozenset[int]
    before_s: float
    after_s: float
    overlay: OverlaySettings

    @property
    def frames(self) -> int:
        """How many frames its clips have, about."""
        times = self.made.followed.seen.pts_s
        length = float(times[-1] - times[0]) if len(times) > 1 else 0.0
        per_s = (len(times) - 1) / length if length > 0 else 0.0
        chosen = [event for event in self.made.events if event.id in self.numbers]
        around = (self.before_s + self.after_s) * per_s * len(chosen)
        return round(sum(event.duration_s for event in chosen) * per_s + around) + len(chosen)


def answer_of(made: EventList, numbers: frozenset[int]) -> Answer:
    """Returns the events of a list as an answer to what was asked, without those that are not among ``numbers``."""
    query, wanted = made.wanted.query, made.wanted
    rejected = frozenset(row.number for row in made.rows if row.verdict.rejected)
    source = source_answer(
        made.followed, wanted.detection.threshold, made.events, rejected, query.question, wanted.scene
    )
    chosen = tuple(event for event in source.events if event.id in numbers)
    return Answer(query.question, (replace(source, events=chosen),))


def write(request: CaseRequest, check: Callable[[], None]) -> Path:
    """Writes the case; returns its folder.

    Args:
        request: What goes in.
        check: Called for each frame that is read; may raise to stop.

    Raises:
        AppError: It cannot be written, or the video cannot be read; nothing is left.
    """
    from app.core.cases.case import write_case
    from app.core.cases.images import Look

    answer = answer_of(request.made, request.numbers)
    look = Look(Fraction(str(request.before_s)), Fraction(str(request.after_s)), request.overlay)
    write_case(request.folder, answer, [content_sha256(source.path, check) for source in answer.sources], look, check)
    return request.folder
