"""The flags of ``annotate`` about the annotated video itself: quality, encoder, deinterlacing, pace of images."""

from __future__ import annotations

import argparse
from fractions import Fraction
from typing import TYPE_CHECKING

from app.cli.console import UsageError

if TYPE_CHECKING:
    from app.core.muxing.video_options import VideoOptions

_QUALITIES = ("draft", "good", "best")


def add_video_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say how the video is written."""
    parser.add_argument("--quality", choices=_QUALITIES, default="good", help="of the video; draft is the quickest")
    parser.add_argument(
        "--encoder", default="auto", metavar="NAME", help="FFmpeg's name of a video encoder; auto takes the best here"
    )
    add_reading_flags(parser)


def add_reading_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say how frames are read."""
    parser.add_argument("--deinterlace", action="store_true", help="make whole frames of interlaced ones")
    parser.add_argument(
        "--images-per-second", default="25", metavar="N", help="pace of a folder or numbered sequence of images"
    )


def video_options(options: argparse.Namespace) -> VideoOptions:
    """Returns the video options that the flags ask for.

    Raises:
        UsageError: The pace is none.
    """
    from app.core.muxing.video_options import VideoOptions

    return VideoOptions(options.quality, options.encoder, options.deinterlace, images_per_s(options))


def images_per_s(options: argparse.Namespace) -> Fraction:
    """The pace of images.

    Raises:
        UsageError: It is none.
    """
    try:
        pace = Fraction(options.images_per_second)
    except (ValueError, ZeroDivisionError):
        pace = Fraction(0)
    if not Fraction(1, 100) <= pace <= 1000 or pace.denominator > 1_000_000:
        raise UsageError(
            f"--images-per-second cannot be {options.images_per_second}.", "Write a number from 0.01 to 1000."
        )
    return pace
