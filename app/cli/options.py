"""Flags that several commands share, and the settings they make. Defaults come from ``app.core.settings``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.console import Console, UsageError
from app.core.errors import AppError
from app.core.settings import DetectionSettings, ModelSettings
from app.core.thresholds import COMMON, iou_for, threshold_for

if TYPE_CHECKING:
    from detector.model_file import ModelEntry

PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8")


def fraction(what: str) -> Callable[[str], float]:
    """A parser of numbers from 0 to 1 that names itself when it refuses."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0.0 <= value <= 1.0:  # refuses NaN, too
            raise argparse.ArgumentTypeError(f"{what} must be a number from 0 to 1, not {text!r}")
        return value

    return parse


def positive(what: str) -> Callable[[str], int]:
    """A parser of whole numbers from 1 up that names itself when it refuses."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise argparse.ArgumentTypeError(f"{what} must be a whole number from 1 up, not {text!r}")
        return int(text)

    return parse


def names(text: str) -> tuple[str, ...]:
    """Comma-separated class names."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise argparse.ArgumentTypeError("no class is named")
    return found


def add_detection_flags(parser: argparse.ArgumentParser, measuring: bool = False) -> None:
    """``--model --device --precision --threshold --iou --classes``; those not given are None.

    Args:
        parser: The command's parser.
        measuring: A model is named and judged by its own rule, rather than by what suits the eye.
    """
    own = "the model's own"
    if measuring:
        name, threshold = "none", "as low as the model's rule goes"
    else:
        name, threshold = ModelSettings().name, f"{own}, else {COMMON}"
    add_model_flags(parser, name)
    parser.add_argument(
        "--threshold", type=fraction("the threshold"), metavar="0..1", help=f"least score (default: {threshold})"
    )
    parser.add_argument(
        "--iou",
        type=fraction("the IoU limit"),
        metavar="0..1",
        help=f"of boxes of one class that overlap more, the best is kept (default: {own})",
    )
    parser.add_argument("--classes", type=names, metavar="NAME[,NAME]", help="only these classes (default: all)")


def add_model_flags(parser: argparse.ArgumentParser, default: str) -> None:
    """``--model --device --precision``; those not given are None."""
    parser.add_argument("--model", metavar="NAME|FILE", help=f"the detector (default: {default})")
    parser.add_argument("--device", metavar="auto|cpu|cuda[:N]|gpu|npu|mps", help="where it runs (default: auto)")
    parser.add_argument("--precision", choices=PRECISIONS, help="number format of the network (default: auto)")


def add_jobs_flag(parser: argparse.ArgumentParser) -> None:
    """``--jobs``, for commands that take several videos."""
    parser.add_argument(
        "--jobs",
        type=positive("--jobs"),
        default=1,
        metavar="N",
        help="videos at the same time (default: 1; on a CPU they share its cores, and more is seldom faster)",
    )


def add_result_flags(parser: argparse.ArgumentParser, below: bool = False) -> None:
    """``--quiet --json``; ``below`` another parser that has them, whose values must not be reset."""
    unset = argparse.SUPPRESS
    parser.add_argument(
        "--quiet", action="store_true", default=unset if below else False, help="say nothing but errors"
    )
    parser.add_argument(
        "--json", metavar="FILE|-", default=unset if below else None, help="the result for programs; - is stdout"
    )


def overrides(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The flags that were given, as settings by section and name."""
    sections = {
        "model": {"name": options.model, "device": options.device, "precision": options.precision},
        "detection": {"threshold": options.threshold, "iou": options.iou, "classes": options.classes},
    }
    given = {
        section: {name: value for name, value in values.items() if value is not None}
        for section, values in sections.items()
    }
    return {section: values for section, values in given.items() if values}


def detection_settings(options: argparse.Namespace) -> tuple[ModelSettings, DetectionSettings]:
    """Model and detection settings: the flags given, the rest by default; see ``with_own_limits``."""
    given = overrides(options)
    return ModelSettings(**given.get("model", {})), DetectionSettings(**given.get("detection", {}))


def with_own_limits(
    detection: DetectionSettings, options: argparse.Namespace, threshold: float | None, iou: float | None
) -> DetectionSettings:
    """``detection`` with the threshold and the limit of overlaps that were asked for, else the model's own."""
    threshold = threshold_for(threshold, asked=options.threshold)
    return replace(detection, threshold=threshold, iou=iou_for(iou, asked=options.iou))


def find_model(model: ModelSettings, detection: DetectionSettings) -> ModelEntry:
    """The model asked for; its classes are checked.

    Raises:
        UsageError: There is no such model, device or class.
        DetectorError: The model is known but its weights are not here, or they are broken.
    """
    from app.core.detection_filter import check_classes
    from app.core.models import user_library
    from detector.errors import DetectorError
    from detector.runtime.devices import check_device

    try:
        check_device(model.device)
    except DetectorError as error:
        raise UsageError(error.message, error.hint, *error.remedies) from error
    library = user_library()
    known = {entry.name for entry in library.list()} | {broken.name for broken in library.broken()}
    if model.name not in known and not Path(model.name).exists():
        raise UsageError(f"There is no model {model.name!r}.", f"Known: {', '.join(sorted(known))}.")
    entry = library.find(model.name)
    try:
        check_classes(detection.classes, entry.spec.labels, entry.name)
    except AppError as error:
        raise UsageError(error.message, error.hint, *error.remedies) from error
    return entry


def say_if_demo(entry: ModelEntry, console: Console) -> None:
    """The model in the box finds hearts on photos of people; whoever did not choose it should know why."""
    if entry.spec.demo:
        console.note(f"{entry.name} is a demo: it knows drawn shapes only. Choose another model with --model.")


def open_for(entry: ModelEntry, model: ModelSettings, console: Console, *, for_batches: bool = False) -> Any:
    """The detector, on the calling thread; what the user should know of it is noted."""
    from app.core.models import open_entry

    detector = open_entry(entry, model.device, model.precision, for_batches=for_batches)
    for line in detector.notes:
        console.note(line)
    return detector
