"""``ssd-viewer models optimise``: what a model needs to run in int8, and how fast it is here. Main thread."""

from __future__ import annotations

import argparse
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.console import Console, table
from app.cli.interrupt import cancel_on_interrupt
from app.cli.progress_bar import ProgressBar
from app.core.models import user_library

if TYPE_CHECKING:
    from detector.runtime.format_measurements import MeasuredFormat, Optimised

_SCALE = 1000


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = (
        "Measure the ranges of values a model needs to run in int8 and put them into its file, and measure how fast "
        "int8 is here beside fp32 and bf16 and how far their detections agree with fp32's. From then on --precision "
        "auto takes the fastest that agrees. A model that came with the program stays as it is: NAME-int8 is its "
        "optimised copy. One whose file has ranges that agree is only timed, unless images are named. Takes minutes; "
        "nothing changes until it is done."
    )
    parser.add_argument("model", metavar="M", help="a name or a model file")
    parser.add_argument(
        "--calibrate",
        type=Path,
        metavar="FOLDER|VIDEO",
        help="images like those it will see; the agreement is measured on some of them (default: the ranges in the "
        "model's file, else drawn images)",
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Optimise and tell; 130 when interrupted."""
    from app.core.optimise.run import optimise
    from detector.runtime.format_measurements import DRAWN, ENOUGH, best_format
    from detector.runtime.other_process import WorkStoppedError

    entry = user_library().find(options.model)
    stop = threading.Event()
    with _Bar(entry.name, console.shows_progress) as bar, cancel_on_interrupt(stop.set):
        try:
            done = optimise(entry, options.calibrate, bar.show, stop)
        except WorkStoppedError:
            bar.close()
            console.error("Interrupted. Nothing was changed.")
            return 130
    measured = done.measured
    _, why = best_format(measured)
    console.give({"model": done.entry.name, **as_json(measured)})
    if done.entry.name != entry.name:
        console.say(f"{entry.name} stays as it came; its optimised copy is {done.entry.name}.")
    for line in table([("FORMAT", "FRAMES/S", "AGREES WITH FP32", "SCORES DIFFER BY"), *map(_row, measured.formats)]):
        console.say(line)
    console.say(how_compared(measured))
    nothing_fits = "fp32 is used: nothing else is faster and agrees well enough."
    if measured.objects < ENOUGH:
        nothing_fits = f"fp32 is used: fewer than {ENOUGH} objects tell little. Calibrate on other images."
    console.say(f"--precision auto: {why or nothing_fits}")
    if measured.calibration == DRAWN and measured.of("int8") is not None:
        console.say(
            "int8 was calibrated on drawn images: it runs where you ask for it. To let auto take it: --calibrate."
        )
    return 0


def as_json(measured: Optimised) -> dict[str, Any]:
    """The result for programs; also part of ``models info``."""
    from detector.runtime.format_measurements import AGREES, best_format

    return {**asdict(measured), "agreement_asked_for": AGREES, "auto": best_format(measured)[0]}


def how_compared(measured: Optimised) -> str:
    """Returns the agreement and what it was measured on, as a line."""
    return (
        f"Agreement: average precision (overlap 0.5) against the {measured.objects} objects that fp32 finds with a "
        f"score of at least {measured.least_score:.2f} in {measured.compared} images ({measured.calibration}); "
        f"calibrated on {measured.calibrated} others by {measured.made_with}."
    )


def _row(each: MeasuredFormat) -> tuple[str, ...]:
    agreement = "-" if each.agreement is None else f"{each.agreement:.2%}"
    difference = "-" if each.score_difference is None else f"{each.score_difference:.4f}"
    return each.precision, f"{each.frames_per_s:.1f}", agreement, difference


class _Bar(ProgressBar):
    """Counts shares of the work."""

    def __init__(self, name: str, shown: bool) -> None:
        super().__init__(name, shown, total=_SCALE, bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed}")
        self._name = name

    def show(self, text: str, share: float) -> None:
        """Take over the newest state."""
        self._bar.set_description_str(f"{self._name}: {text}", refresh=False)
        self._bar.update(round(share * _SCALE) - self._bar.n)
