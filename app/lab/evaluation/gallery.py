"""Shows the worst mistakes of each kind as crops, or as a table if the images are not at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.core.charts.svg import escaped
from app.core.errors import AppError
from app.core.html_page import cell, notes, number, table
from app.core.overlay import shown_score
from app.lab.evaluation.crops import crop_of, open_image
from app.lab.evaluation.mistakes import Kind, Mistake, Mistakes
from detector.evaluation.results import Evaluation

_HEADS: dict[Kind, tuple[str, str]] = {
    Kind.MISSED: (
        "Missed",
        "Objects that no detection shown was meant for, the largest first; of classes never detected, last.",
    ),
    Kind.CONFUSED: ("Taken for another class", "In the right place, with the wrong name. The most confident first."),
    Kind.MISPLACED: ("Badly placed", "Of the right class, but the overlap (IoU) is below one half."),
    Kind.BACKGROUND: ("Nothing there", "No annotated object is meant. Some are objects that nobody annotated."),
    Kind.DUPLICATE: ("Found twice", "A better detection had found the object already."),
}
_MAX_PER_IMAGE = 2  # examples of a kind, so that they differ
_MAX_UNREADABLE = 5  # named in the notes


class Gallery:
    """The crops in the report of one evaluation.

    Args:
        evaluation: The evaluation; its images are read by ``sections``.
        mistakes: All mistakes.
        examples: Maximum number of examples of each kind.
    """

    def __init__(self, evaluation: Evaluation, mistakes: Mistakes, examples: int) -> None:
        self._outcomes = evaluation.result.outcomes
        self._labels = evaluation.data.labels
        self._mistakes = mistakes
        self._examples = examples
        self._never = {n for n, each in enumerate(evaluation.result.per_class) if not each.detections}
        self._unreadable: dict[int, str] = {}

    def sections(self) -> Iterator[str]:
        """Yields heading and crops of each kind, then notes on what could not be shown."""
        here = any(outcome.truth.path is not None for outcome in self._outcomes)
        if here:
            yield (
                '<p><span class="key truth"></span>true object <span class="key found"></span>detection '
                '<span class="key other"></span>other true objects in the image</p>'
            )
        else:
            yield notes(["The images of the data set are not here, so the mistakes are listed without crops."])
        for kind, mistakes in self._mistakes.of.items():
            if mistakes:
                title, words = _HEADS[kind]
                yield f'<h3>{escaped(title)} ({len(mistakes):,})</h3><p class="quiet">{escaped(words)}</p>'
                telling = sorted(mistakes, key=self._is_of_class_never_detected)
                yield self._images(telling) if here else self._listing(telling)
        yield notes(self._issues())

    def _issues(self) -> list[str]:
        lines = [f"Not shown: {line}" for line in list(self._unreadable.values())[:_MAX_UNREADABLE]]
        more = len(self._unreadable) - _MAX_UNREADABLE
        return [*lines, f"Not shown: {more} more images."] if more > 0 else lines

    def _is_of_class_never_detected(self, mistake: Mistake) -> bool:
        """Such a class is usually unknown to the model, so missing it tells nothing."""
        truth = self._outcomes[mistake.image].truth
        return mistake.kind is Kind.MISSED and int(truth.class_ids[mistake.truth]) in self._never

    def _images(self, mistakes: Sequence[Mistake]) -> str:
        figures: list[str] = []
        shown: dict[int, int] = {}
        for mistake in mistakes:
            if len(figures) >= self._examples:
                break
            if shown.get(mistake.image, 0) < _MAX_PER_IMAGE and (figure := self._figure(mistake)):
                shown[mistake.image] = shown.get(mistake.image, 0) + 1
                figures.append(figure)
        return f'<div class="crops">{"".join(figures)}</div>'

    def _figure(self, mistake: Mistake) -> str:
        """Returns a crop with its caption; "" if the image cannot be shown."""
        outcome = self._outcomes[mistake.image]
        if outcome.truth.path is None or mistake.image in self._unreadable:
            return ""
        try:
            crop = crop_of(mistake, outcome, self._labels, open_image(outcome.truth))
        except AppError as error:
            self._unreadable[mistake.image] = error.message
            return ""
        return f"<figure>{crop}<figcaption>{self._caption(mistake)}</figcaption></figure>"

    def _caption(self, mistake: Mistake) -> str:
        shown, true = self._names(mistake)
        score = shown_score(mistake.score)
        match mistake.kind:
            case Kind.MISSED if mistake.found >= 0:
                words = f"<b>{true}</b>, found at only {score}"
            case Kind.MISSED:
                words = f"<b>{true}</b>"
            case Kind.CONFUSED:
                words = f"<b>{shown}</b> {score}, is {true}"
            case Kind.BACKGROUND:
                words = f"<b>{shown}</b> {score}"
            case _:
                words = f"<b>{shown}</b> {score}, overlap {mistake.overlap:.2f}"
        return f"{words} · {escaped(self._outcomes[mistake.image].truth.image_id)}"

    def _names(self, mistake: Mistake) -> tuple[str, str]:
        """Returns the names of the class shown and of the true one, escaped; "" for none."""
        outcome = self._outcomes[mistake.image]
        shown = self._labels[outcome.found.class_ids[mistake.found]] if mistake.found >= 0 else ""
        true = self._labels[outcome.truth.class_ids[mistake.truth]] if mistake.truth >= 0 else ""
        return escaped(shown), escaped(true)

    def _listing(self, mistakes: Sequence[Mistake]) -> str:
        rows = []
        for mistake in mistakes[: self._examples]:
            outcome = self._outcomes[mistake.image]
            boxes = outcome.truth.boxes_xyxy if mistake.kind is Kind.MISSED else outcome.found.boxes_xyxy
            x1, y1, x2, y2 = boxes[mistake.truth if mistake.kind is Kind.MISSED else mistake.found].tolist()
            shown, true = self._names(mistake)
            rows.append(
                (
                    cell(outcome.truth.image_id),
                    f'<td class="text">{shown or "-"}</td><td class="text">{true or "-"}</td>',
                    number(mistake.score if mistake.found >= 0 else float("nan"), ".2f"),
                    cell(f"{x1:.0f}, {y1:.0f} to {x2:.0f}, {y2:.0f}"),
                )
            )
        return table(("Image", "Shown as", "Is", "Score", "Box"), rows, "facts", texts=3)
