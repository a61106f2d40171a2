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


@dataclass(frozen=True, slots=True)
class CaseChoice:
    """The events of which a case can be made.

    Attributes:
        listed: How many are listed.
        selected: How many of them are selected.
        folder: Where the case goes, unless another folder is chosen.
        answer: Called on a worker, with whether only what is selected goes in, and with a function that may raise to
            stop; returns the events as an answer to what was asked.
    """

    listed: int
    selected: int
    folder: Path
    answer: Callable[[bool, Callable[[], None]], Answer]


@dataclass(frozen=True, slots=True)
class CaseRequest:
    """A case to write.

    Attributes:
        folder: Where.
        choice: Of which events.
        only_selected: Whether only what is selected goes in.
        before_s: Seconds a clip begins before its event.
        after_s: Seconds it goes on after it.
        overlay: How boxes look.
    """

    folder: Path
    choice: CaseChoice
    only_selected: bool
    before_s: float
    after_s: float
    overlay: OverlaySettings


def choice_of(made: EventList, selected: frozenset[int]) -> CaseChoice:
    """Returns what can be made of the list of one video; ``selected`` are numbers of its events."""
    listed, video = frozenset(row.number for row in made.listed), made.wanted.video

    def answer(only_selected: bool, _check: Callable[[], None]) -> Answer:
        return answer_of(made, selected if only_selected else listed)

    return CaseChoice(len(listed), len(selected), video.with_name(f"{video.stem}.case"), answer)


def answer_of(made: EventList, numbers: frozenset[int]) -> Answer:
    """Returns the events of a list as an answer to what was asked, without those that are not among ``numbers``."""
    query, wanted = made.wanted.query, made.wanted
    rejected = frozenset(row.number for row in made.rows if row.verdict.rejected)
    source = source_answer(
        made.followed, wanted.detection.threshold, made.events, rejected, query.question, wanted.scene
    )
    chosen = tuple(event for event in source.events if event.id in numbers)
    return Answer(query.question, (replace(source, events=chosen),))


def frames_of(answer: Answer, around_s: float) -> int:
    """Returns how many frames the clips of a case have, about, with that many seconds before and after an event."""
    count = 0.0
    for source in answer.sources:
        times = source.seen.pts_s
        length = float(times[-1] - times[0]) if len(times) > 1 else 0.0
        per_s = (len(times) - 1) / length if length > 0 else 0.0
        count += sum((event.duration_s + around_s) * per_s + 1 for event in source.events)
    return round(count)


def write(
    request: CaseRequest, check: Callable[[], None], tick: Callable[[], None], begin: Callable[[int], None]
) -> Path:
    """Writes the case; returns its folder.

    Args:
        request: What goes in.
        check: Called often; may raise to stop.
        tick: Called for each frame of a clip; may raise to stop.
        begin: Told how many frames the clips have, about.

    Raises:
        AppError: It cannot be written, or a video cannot be read; nothing is left.
    """
    from app.core.cases.case import write_case
    from app.core.cases.images import Look

    answer = request.choice.answer(request.only_selected, check)
    hashes = [content_sha256(source.path, check) for source in answer.sources]
    begin(frames_of(answer, request.before_s + request.after_s))
    look = Look(Fraction(str(request.before_s)), Fraction(str(request.after_s)), request.overlay)
    write_case(request.folder, answer, hashes, look, tick)
    return request.folder
