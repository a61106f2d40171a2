"""The flags of ``annotate`` about the objects: their numbers, an image of each, videos around them, annotated sets."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.console import UsageError
from app.cli.options import names
from app.core.errors import AppError
from detector.class_names import find_name

if TYPE_CHECKING:
    from app.core.highlights.options import HighlightOptions

_ALL = "all"
_AROUND_S = "2"
_MAX_SECONDS = 24 * 3600


def add_highlight_flags(parser: argparse.ArgumentParser) -> None:
    """Flags about objects beyond boxes."""
    parser.add_argument(
        "--tracks", action="store_true", help="number each object, and write its number in labels and data"
    )
    parser.add_argument(
        "--snapshots",
        type=names,
        metavar="CLASS[,CLASS]|all",
        help="the best image of each object, clean and with its boxes, in the folder NAME.snapshots",
    )
    parser.add_argument(
        "--clips",
        type=names,
        metavar="CLASS[,CLASS]",
        help="a video around each appearance of the class, with sound, in the folder NAME.clips",
    )
    parser.add_argument(
        "--pre", metavar="S", help=f"seconds a clip begins before its object appears (default: {_AROUND_S})"
    )
    parser.add_argument("--post", metavar="S", help=f"seconds it goes on after (default: {_AROUND_S})")
    parser.add_argument(
        "--frames",
        metavar="S",
        help="COCO, VOC and YOLO data hold one frame every S seconds, with its image; 0: every frame",
    )


def wants_highlights(options: argparse.Namespace) -> bool:
    """Returns whether there is something to write besides the video and the data files."""
    return options.snapshots is not None or options.clips is not None


def check_highlights_asked(options: argparse.Namespace) -> None:
    """Refuse what can be seen to be wrong before any work.

    Raises:
        UsageError: With the reason.
    """
    from app.core.records.formats import FORMATS, format_of

    if options.clips is None and (options.pre is not None or options.post is not None):
        raise UsageError("--pre and --post are about clips.", "Add --clips CLASS.")
    formats = [FORMATS[format_of(Path(name), options.data_format)] for name in options.data]
    if options.frames is not None and not any(known.is_set for known in formats):
        raise UsageError("--frames puts images into annotated sets.", "Add --data .voc, .yolo or .json.")
    hidden = [name for name in _named(options) if options.classes and find_name(name, options.classes) < 0]
    if hidden:
        raise UsageError(f"--classes leaves {hidden[0]} out, of which clips or snapshots are wanted.", "Add it there.")
    highlight_options(options, Path("name"))


def check_highlight_classes(options: argparse.Namespace, labels: Sequence[str], model: str) -> None:
    """Refuse classes that the model does not know.

    Raises:
        UsageError: With what it knows.
    """
    from app.core.detection_filter import check_classes

    try:
        check_classes(_named(options), labels, model)
    except AppError as error:
        raise UsageError(error.message, error.hint, *error.remedies) from error


def _named(options: argparse.Namespace) -> tuple[str, ...]:
    """Classes that clips and snapshots are about."""
    snapshots = options.snapshots or ()
    return (*(options.clips or ()), *(() if tuple(snapshots) == (_ALL,) else snapshots))


def highlight_options(options: argparse.Namespace, output: Path) -> HighlightOptions:
    """Returns the options given; folders are named like the annotated video ``output``.

    Raises:
        UsageError: A number of seconds is none.
    """
    from app.core.highlights.options import HighlightOptions

    snapshots: tuple[str, ...] = options.snapshots or ()
    return HighlightOptions(
        tracks=options.tracks,
        frames_every_s=None if options.frames is None else _seconds("--frames", options.frames),
        snapshots=output.with_name(f"{output.stem}.snapshots") if options.snapshots is not None else None,
        snapshot_classes=() if snapshots == (_ALL,) else snapshots,
        clips=output.with_name(f"{output.stem}.clips") if options.clips is not None else None,
        clip_classes=options.clips or (),
        before_s=_seconds("--pre", options.pre or _AROUND_S),
        after_s=_seconds("--post", options.post or _AROUND_S),
    )


def _seconds(flag: str, text: str) -> Fraction:
    try:
        seconds = Fraction(text)
    except (ValueError, ZeroDivisionError):
        seconds = Fraction(-1)
    if not 0 <= seconds <= _MAX_SECONDS or seconds.denominator > 1_000_000:
        raise UsageError(f"{flag} cannot be {text}.", "Write a number of seconds, 0 or more.")
    return seconds
