"""``ssd-viewer train``: from annotated pictures to a detector. Main thread; also under ``torchrun -m app train``."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.console import Console, UsageError
from app.cli.interrupt import cancel_on_interrupt
from app.cli.options import add_result_flags, names
from app.lab.training.training_request import DataRequest, TrainingRequest, TrainingResult, starts_from_detector
from detector.errors import DetectorError
from detector.training.networks import TRAINABLE
from detector.training.recipe import FINE_TUNING, FINE_TUNING_EPOCHS, Recipe, changed, recipe_from_json

if TYPE_CHECKING:
    from detector.training.fit import Progress

_INTERRUPTED = 130
_LINE_EVERY_S = 30.0

# Flags that set an entry of the recipe: name, kind, what it is.
_RECIPE_FLAGS: tuple[tuple[str, type, str], ...] = (
    ("steps", int, "length of the training"),
    ("batch", int, "images per step, of all processes together"),
    ("rate", float, "highest learning rate"),
    ("warmup", int, "steps of linear rise at the beginning"),
    ("weight-decay", float, "of weights"),
    ("clip-norm", float, "longest gradient; 0 for no limit"),
    ("ema", float, "share of the averaged weights that stays with each step; 0 for no average"),
    ("box-weight", float, "of the cost of places beside that of classes"),
    ("slowness", float, "multiple of the rate at which the base network learns"),
    ("seed", int, "of everything random"),
)


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "Train a detector on annotated images, or fine-tune one. Progress is kept in a folder beside the model file; "
        "the same command goes on where it was stopped. On several GPUs: torchrun --nproc-per-node N -m app train ..."
    )
    _add_data(parser)
    _add_network(parser)
    _add_recipe(parser)
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="where to train (default: auto)")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="(default: auto)")
    parser.add_argument("--threads", type=_positive, default=2, metavar="N", help="loading threads (default: 2)")
    parser.add_argument(
        "--save-minutes", type=_minutes, default=5.0, metavar="M", help="between checkpoints (default: 5)"
    )
    add_result_flags(parser)
    return run


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        required=True,
        action="append",
        type=Path,
        metavar="ROOT",
        help="VOCdevkit, COCO folder or .json file; repeatable",
    )
    parser.add_argument("--format", choices=("voc", "coco"), default="", help="of the annotations (default: as found)")
    parser.add_argument("--split", default="", metavar="NAME", help="which images (default: train or trainval)")
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N images of each root")
    parser.add_argument(
        "--classes", type=names, default=(), metavar="NAME[,NAME]", help="what to learn (default: all there is)"
    )
    parser.add_argument("--validate", type=Path, metavar="ROOT", help="measure on these annotated images now and then")
    parser.add_argument("--validate-split", default="", metavar="NAME", help="which of them (default: the usual one)")
    parser.add_argument(
        "--validate-every",
        type=_minutes,
        metavar="N",
        help="epochs between measurements (default: 5; from a model: a tenth of the training)",
    )


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="model file to write, .safetensors")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="for checkpoint and log (default: the model file's name, .training)"
    )
    parser.add_argument(
        "--network", choices=tuple(TRAINABLE), default="ssd300-vgg16", help="what to train (default: ssd300-vgg16)"
    )
    parser.add_argument(
        "--width", type=_width, default=1.0, metavar="W", help="of a VGG network, 0.0625 to 2 (default: 1)"
    )
    parser.add_argument(
        "--start",
        default="",
        metavar="NAME|FILE",
        help="first weights: a model, e.g. everyday, which sets --network, --width and what the recipe is by default; "
        "or VGG-16's as .pth",
    )


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recipe",
        type=Path,
        metavar="FILE",
        help="JSON with any of the following (default: the paper's; with a model to start from, one to fine-tune by)",
    )
    parser.add_argument("--epochs", type=_minutes, metavar="N", help="passes over the images, instead of --steps")
    for name, kind, words in _RECIPE_FLAGS:
        parser.add_argument(f"--{name}", type=kind, metavar="N", help=f"{words} {_defaults(name)}")
    parser.add_argument("--schedule", dest="shape", choices=("paper", "cosine"), help=_defaults("shape"))
    parser.add_argument("--optimiser", choices=("sgd", "adamw"), help=_defaults("optimiser"))
    yes_no = argparse.BooleanOptionalAction
    parser.add_argument("--batch-norm", action=yes_no, default=None, help="while training a VGG network from nothing")
    parser.add_argument("--augment", action=yes_no, default=None, help="change images at random (default: yes)")
    parser.add_argument("--mild", action=yes_no, default=None, help=f"change them less {_defaults('mild')}")
    parser.add_argument("--freeze", action=yes_no, default=None, help=f"keep the first layers {_defaults('freeze')}")
    parser.add_argument(
        "--use-difficult", action=yes_no, default=None, help="learn VOC's difficult objects (default: yes)"
    )


def _defaults(name: str) -> str:
    """Returns the default of a recipe entry, in brackets for the help."""
    values = (getattr(recipe, name.replace("-", "_")) for recipe in (Recipe(), FINE_TUNING))
    first, tuned = (("no", "yes")[value] if isinstance(value, bool) else value for value in values)
    return f"(default: {first})" if first == tuned else f"(default: {first}; from a model: {tuned})"


def run(options: argparse.Namespace, console: Console) -> int:
    """Train, show how it goes, tell what became of it."""
    request = _request(options)
    console.check_json_apart([*request.data.roots, request.out])
    from app.lab.training.job import Listener, train  # imports torch

    leads = os.environ.get("RANK", "0") == "0"
    display = _Display(console if leads else None)
    stop = threading.Event()
    try:
        with cancel_on_interrupt(stop.set), _stop_when_asked(stop):
            trained = train(request, Listener(display.progress, display.note), stop)
    finally:
        display.close()
    if leads:
        console.give(_as_json(trained))
        _tell(trained, console, request)
    return 0 if trained.step >= trained.steps else _INTERRUPTED


@contextlib.contextmanager
def _stop_when_asked(stop: threading.Event) -> Iterator[None]:
    """While inside, the polite request to end (``kill``, a shutdown, ``torchrun``'s own Ctrl-C) saves first."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = signal.signal(signal.SIGTERM, lambda _signal, _frame: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _request(options: argparse.Namespace) -> TrainingRequest:
    if options.out.suffix != ".safetensors":
        raise UsageError(f"{options.out} is no model file's name.", "It must end in .safetensors.")
    if options.epochs is not None and options.steps is not None:
        raise UsageError("--epochs and --steps exclude each other.")
    data = DataRequest(
        roots=tuple(options.data),
        kind=options.format,
        split=options.split,
        limit=options.limit,
        classes=options.classes,
        validation=options.validate,
        validation_split=options.validate_split,
    )
    return TrainingRequest(
        data=data,
        out=options.out,
        folder=options.folder or options.out.with_suffix(".training"),
        recipe=_recipe(options),
        epochs=options.epochs,
        least_epochs=FINE_TUNING_EPOCHS if _as_long_as_it_takes(options) else 0.0,
        network=options.network,
        width=options.width,
        start=options.start,
        device=options.device,
        precision=options.precision,
        threads=options.threads,
        save_every_s=options.save_minutes * 60,
        validate_every=options.validate_every or (0.0 if starts_from_detector(options.start) else 5.0),
    )


def _as_long_as_it_takes(options: argparse.Namespace) -> bool:
    """Returns whether a model is fine-tuned without a given length."""
    told = (options.recipe, options.epochs, options.steps)
    return starts_from_detector(options.start) and all(value is None for value in told)


def _recipe(options: argparse.Namespace) -> Recipe:
    """The recipe's file, or what suits the start, with the flags on top."""
    recipe = FINE_TUNING if starts_from_detector(options.start) else Recipe()
    try:
        if options.recipe is not None:
            recipe = recipe_from_json(options.recipe.read_text(encoding="utf-8"))
        given = {name: getattr(options, name, None) for name in asdict(recipe)}
        return changed(recipe, {name: value for name, value in given.items() if value is not None})
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"The recipe {options.recipe} cannot be read: {reason}.") from error
    except DetectorError as error:
        raise UsageError(error.message, error.hint, *error.remedies) from error


class _Display:
    """A progress bar on a terminal, a line now and then elsewhere.

    Args:
        console: None to show nothing.
    """

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._bar: Any = None
        self._said_s = 0.0

    def progress(self, progress: Progress) -> None:
        """Some steps are done."""
        if self._console is None:
            return
        loss = f"loss {progress.localisation:.3f} + {progress.confidence:.3f}"
        pace = f"{progress.images_per_s:.1f} images/s"
        if self._console.shows_progress:
            if self._bar is None:
                from tqdm import tqdm

                self._bar = tqdm(total=progress.steps, initial=progress.step, unit="step", dynamic_ncols=True)
            self._bar.set_postfix_str(f"{loss}, rate {progress.rate:.2g}, {pace}", refresh=False)
            self._bar.update(progress.step - self._bar.n)
        elif progress.spent_s - self._said_s >= _LINE_EVERY_S or progress.step == progress.steps:
            self._said_s = progress.spent_s
            left = f"{progress.remaining_s / 60:.0f} min left"
            where = f"step {progress.step} of {progress.steps}, epoch {progress.epoch:.2f}"
            self._console.note(f"{where}: {loss}, rate {progress.rate:.2g}, {pace}, {left}")

    def note(self, line: str) -> None:
        """Something to know."""
        if self._console is None:
            return
        if self._bar is not None:
            self._bar.clear()
        self._console.note(line)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.close()


def _tell(trained: TrainingResult, console: Console, request: TrainingRequest) -> None:
    if trained.bad:
        console.note(f"{len(trained.bad)} image{'s' * (len(trained.bad) > 1)} could not be read.")
    if trained.model is None:
        console.say(f"Stopped after step {trained.step} of {trained.steps}. The same command goes on from there.")
        return
    scores = "".join(f", {name} {value:.4f}" for name, value in trained.scores.items())
    console.say(f"Trained {trained.model} in {trained.seconds / 60:.0f} minutes{scores}.")
    console.say(f"Curves and log: {request.folder}")


def _as_json(trained: TrainingResult) -> dict[str, Any]:
    return {
        "model": None if trained.model is None else str(trained.model),
        "step": trained.step,
        "steps": trained.steps,
        "scores": trained.scores,
        "images_per_s": trained.images_per_s,
        "shares": trained.shares,
        "bad_pictures": {str(path): reason for path, reason in trained.bad.items()},
        "seconds": trained.seconds,
    }


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a number from 1 is wanted, not {text!r}")
    return int(text)


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.001 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"a positive number is wanted, not {text!r}")
    return value


def _width(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0625 <= value <= 2.0:
        raise argparse.ArgumentTypeError(f"the width must be a number from 0.0625 to 2, not {text!r}")
    return value
