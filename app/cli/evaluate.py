"""``ssd-viewer evaluate``: the accuracy of a model, or of detections that exist already. Main thread."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.console import Console, UsageError
from app.cli.evaluate_report import add_report_flags, write_reports, written_reports
from app.cli.evaluate_text import as_json, lines
from app.cli.evaluate_threshold import (
    add_threshold_flags,
    check_threshold_flags,
    keep_recommended,
    tell_thresholds,
)
from app.cli.interrupt import cancel_on_interrupt
from app.cli.options import add_detection_flags, add_result_flags, detection_settings, find_model, open_for, say_if_demo
from app.core.settings import DetectionSettings
from detector.evaluation.results import METRICS

if TYPE_CHECKING:
    from detector.detections import DetectionFilter
    from detector.evaluation.detection_table import DetectionTable
    from detector.evaluation.results import DataSet, Evaluation
    from detector.model_file import ModelEntry
    from detector.runtime.base import Detector

_KINDS = ("voc", "coco")


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "Measure accuracy on annotated images: of a model (--model), or of detections that exist already "
        "(--detections). Annotations are read as VOC or COCO; classes are matched by name."
    )
    parser.add_argument("--data", required=True, type=Path, metavar="ROOT", help="VOCdevkit, COCO folder or .json file")
    parser.add_argument("--format", choices=_KINDS, default="", help="of the annotations (default: as found)")
    parser.add_argument(
        "--split", default="", metavar="NAME", help="which images, e.g. test or val2017 (default: the usual one)"
    )
    parser.add_argument(
        "--metric",
        choices=METRICS,
        help="voc07: eleven points; voc: area under the curve; coco: the twelve numbers (default: voc07 or coco)",
    )
    parser.add_argument(
        "--detections",
        type=Path,
        metavar="PATH",
        help="a folder of *det_test_CLASS.txt, a COCO results .json, or what detect --json wrote",
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="OWN=DATA",
        help="what the model calls OWN is DATA in the annotations; repeatable",
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="only the first N images")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the detections, as a COCO results .json")
    add_threshold_flags(parser)
    add_report_flags(parser)
    add_detection_flags(parser, measuring=True)
    add_result_flags(parser)
    return run


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"the limit must be a number from 1, not {text!r}")
    return int(text)


def run(options: argparse.Namespace, console: Console) -> int:
    """Read, detect, score, tell."""
    renames = _renames(options.map)
    written = _check(options)
    from app.core.export.targets import check_apart
    from detector.evaluation.data_sets import only_classes, read_data

    data = only_classes(read_data(options.data, options.format, options.split, options.limit), options.classes or ())
    check_apart(written, [path for path in (data.root, options.detections) if path is not None and path.is_file()])
    entry = _model(options, console) if options.detections is None else None
    if entry is not None:
        evaluation, found = _of_model(options, entry, console, data, renames)
    else:
        evaluation, found = _of_detections(options, data, renames)
    told = tell_thresholds(options, evaluation)
    if options.save is not None:
        from app.core.files.atomic_file import write_atomically
        from detector.evaluation.results_file import results_json

        write_atomically(options.save, results_json(evaluation.data, found))
    for note in evaluation.notes:
        console.note(note)
    for line in (*lines(evaluation), *told.lines()):
        console.say(line)
    write_reports(options, evaluation, told.shown.threshold, console)
    console.give(as_json(evaluation) | told.as_json())
    if options.store_threshold and entry is not None:
        keep_recommended(told, entry, console)
    return 0


def _renames(pairs: list[str]) -> dict[str, str]:
    renames: dict[str, str] = {}
    for pair in pairs:
        own, equals, data = (part.strip() for part in pair.partition("="))
        if not (own and equals and data):
            raise UsageError(f"--map wants OWN=DATA, not {pair!r}.", 'For example --map "vehicle=car".')
        renames[own] = data
    return renames


def _check(options: argparse.Namespace) -> list[Path]:
    """Refuse what can be seen to be wrong before any work.

    Returns:
        The files that will be written.

    Raises:
        UsageError: With the reason.
    """
    if options.model is None and options.detections is None:
        raise UsageError("There is nothing to measure.", "Name a model with --model, or detections with --detections.")
    if options.detections is not None:
        for flag in ("model", "threshold", "iou", "device", "precision"):
            if getattr(options, flag) is not None:
                raise UsageError(f"--detections exist already: --{flag} has no effect on them.", "Leave one out.")
        if not options.detections.exists():
            raise UsageError(f"{options.detections} does not exist.")
    check_threshold_flags(options)
    if not options.data.exists():
        raise UsageError(f"{options.data} does not exist.")
    if options.save is not None and options.save.suffix.lower() != ".json":
        raise UsageError(f"--save writes a .json file, not {options.save.name}.")
    named = (options.save, Path(options.json) if options.json not in (None, "-") else None)
    return [*(path for path in named if path is not None), *written_reports(options)]


def _of_detections(
    options: argparse.Namespace, data: DataSet, renames: dict[str, str]
) -> tuple[Evaluation, DetectionTable]:
    from detector.evaluation.data_sets import score, usual_metric
    from detector.evaluation.detection_files import read_detections
    from detector.evaluation.results import Evaluation

    found = read_detections(options.detections, data, renames)
    result = score(data, found, options.metric or usual_metric(data))
    return Evaluation(str(options.detections), "", data, result, (*data.notes, *found.notes)), found


def _model(options: argparse.Namespace, console: Console) -> ModelEntry:
    """The model to measure, which can be written to where that is wanted.

    Raises:
        UsageError: There is none of that name, or its file is not to be changed.
        DetectorError: Its weights are not here, or broken.
    """
    from detector.errors import DetectorError
    from detector.stored_threshold import refuse_fixed

    model, _ = detection_settings(options)
    entry = find_model(model, DetectionSettings())  # --classes are the data's
    say_if_demo(entry, console)
    if options.store_threshold:
        try:
            refuse_fixed(entry)
        except DetectorError as error:
            raise UsageError(error.message, error.hint, *error.remedies) from error
    return entry


def _of_model(
    options: argparse.Namespace, entry: ModelEntry, console: Console, data: DataSet, renames: dict[str, str]
) -> tuple[Evaluation, DetectionTable]:
    from app.lab.evaluation.model_run import EvaluationCancelledError, run_model
    from detector.evaluation.data_sets import score, usual_metric
    from detector.evaluation.results import Evaluation

    model, _ = detection_settings(options)
    stop = threading.Event()
    with open_for(entry, model, console, for_batches=True) as detector, cancel_on_interrupt(stop.set):
        with EvaluationBar(entry.name, len(data.images), console.shows_progress) as bar:
            try:
                done = run_model(detector, data, _wanted(options, detector), renames, bar.show, stop)
            except EvaluationCancelledError:
                raise KeyboardInterrupt from None
        device = detector.device
    result = score(done.data, done.found, options.metric or usual_metric(data))
    notes = (*data.notes, *done.notes)
    return Evaluation(entry.name, device, done.data, result, notes, done.seconds, entry.spec), done.found


def _wanted(options: argparse.Namespace, detector: Detector) -> DetectionFilter | None:
    """The model's own rule, down to its low floor score, unless --threshold or --iou ask for another."""
    from detector.detections import DetectionFilter

    if options.threshold is None and options.iou is None:
        return None
    rule = detector.spec.postprocess
    return DetectionFilter(
        rule.score_floor if options.threshold is None else options.threshold,
        rule.iou_threshold if options.iou is None else options.iou,
        max_detections=rule.max_detections,
    )


class EvaluationBar:
    """A progress bar on stderr."""

    def __init__(self, name: str, total: int, shown: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            desc=name, total=total, unit="image", file=sys.stderr, dynamic_ncols=True, leave=False, disable=not shown
        )

    def show(self, done: int, total: int) -> None:
        """Take over the newest state; images that are not here do not count."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> EvaluationBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
