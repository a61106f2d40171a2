"""The threshold in ``ssd-viewer evaluate``: what a model does at its own, which one to recommend, and keeping that."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from app.cli.console import Console, UsageError, one_line
from app.core.errors import AppError
from app.core.thresholds import threshold_for

if TYPE_CHECKING:
    from detector.evaluation.recommend import OperatingPoint
    from detector.evaluation.results import Evaluation
    from detector.model_file import ModelEntry


def add_threshold_flags(parser: argparse.ArgumentParser) -> None:
    """``--recommend --store-threshold``."""
    parser.add_argument(
        "--recommend",
        action="store_true",
        help="say which threshold suits: the best F1 of those at which 80%% of what is shown is right",
    )
    parser.add_argument(
        "--store-threshold",
        action="store_true",
        help="the same, and write it into the model's own file, where the window and the other commands find it",
    )


def check_threshold_flags(options: argparse.Namespace) -> None:
    """Refuse what can be seen to be wrong before any work.

    Raises:
        UsageError: With the reason.
    """
    if options.store_threshold and options.detections is not None:
        raise UsageError("--store-threshold needs a model to store it in.", "Name one with --model.")
    if wants_recommendation(options) and options.threshold is not None:
        raise UsageError("--threshold hides what a recommendation must see.", "Leave one of the two out.")


def wants_recommendation(options: argparse.Namespace) -> bool:
    """Returns whether a threshold is to be recommended."""
    return bool(options.recommend or options.store_threshold)


@dataclass(frozen=True, slots=True)
class Told:
    """The figures about thresholds that ``evaluate`` reports.

    Attributes:
        shown: What the model does at the threshold in force.
        wanted: Whether a recommendation was asked for.
        best: The recommended one; None where none is right often enough.
        loose: The one with the best F1, however often it is wrong; None where nothing is right.
    """

    shown: OperatingPoint
    wanted: bool
    best: OperatingPoint | None
    loose: OperatingPoint | None

    def as_json(self) -> dict[str, Any]:
        """The keys that it adds to the result."""
        shown = asdict(self.shown)
        told: dict[str, Any] = {"threshold": shown.pop("threshold"), "at_threshold": shown}
        return told | ({"recommended": asdict(self.best) if self.best else None} if self.wanted else {})

    def lines(self) -> list[str]:
        """Returns the lines for people."""
        said = ["", f"At the threshold {_text(self.shown)}"]
        if self.best is not None:
            said.append(f"Recommended threshold {_text(self.best)}")
        elif self.wanted:
            best = f"; F1 is best at {_text(self.loose)}" if self.loose is not None else ""
            said.append(f"Recommended threshold: none, as at none 80% of what is shown is right{best}")
        return said


def tell_thresholds(options: argparse.Namespace, evaluation: Evaluation) -> Told:
    """Look for the thresholds that were asked for."""
    from detector.evaluation.recommend import judged, point_at, recommend

    found = judged(evaluation.result.per_class)
    wanted = wants_recommendation(options)
    best = recommend(*found) if wanted else None
    loose = recommend(*found, min_precision=0.0) if wanted and best is None else None
    return Told(point_at(*found, shown_at(options, evaluation)), wanted, best, loose)


def shown_at(options: argparse.Namespace, evaluation: Evaluation) -> float:
    """Score from which a detection counts as shown: ``--shown``, else as everywhere."""
    own = evaluation.model.threshold if evaluation.model is not None else None
    return threshold_for(own, asked=options.threshold if options.shown is None else options.shown)


def keep_recommended(told: Told, entry: ModelEntry, console: Console) -> None:
    """Write the recommended threshold into the model's file.

    Raises:
        AppError: None is recommended.
        DetectorError: The file cannot be written.
    """
    from detector.stored_threshold import store_threshold

    if told.best is None:
        raise AppError("No threshold is recommended, so none was stored.", "The model's file is as before.")
    store_threshold(entry, told.best.threshold)
    console.say(f"Stored {told.best.threshold:.2f} in {one_line(str(entry.path))}")


def _text(point: OperatingPoint) -> str:
    return (
        f"{point.threshold:.2f}: precision {point.precision:.3f}, recall {point.recall:.3f}, F1 {point.f1:.3f}, "
        "all classes together"
    )
