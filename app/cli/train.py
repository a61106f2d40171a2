"""``ssd-viewer train``: from annotated images to a detector. Main thread; also under ``torchrun -m app train``."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from app.cli.console import Console, UsageError
from app.cli.interrupt import cancel_on_interrupt
from app.cli.train_display import TrainingDisplay
from app.cli.train_options import add_options
from app.lab.training.training_request import DataRequest, TrainingRequest, TrainingResult, starts_from_detector
from detector.errors import DetectorError
from detector.evaluation.text_encoding import text_encoding
from detector.training.recipe import FINE_TUNING, FINE_TUNING_EPOCHS, Recipe, changed, recipe_from_json

_INTERRUPTED = 130


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    add_options(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """Train, show how it goes, tell what became of it."""
    request = training_request(options)
    console.check_json_apart([*request.data.roots, request.out])
    from app.lab.training.training_job import Listener, train  # imports torch

    leads = os.environ.get("RANK", "0") == "0"
    display = TrainingDisplay(console if leads else None)
    stop = threading.Event()
    try:
        with cancel_on_interrupt(stop.set, terminate=True):
            trained = train(request, Listener(display.progress, display.note), stop)
    finally:
        display.close()
    if leads:
        console.give(_as_json(trained))
        _tell(trained, console, request)
    return 0 if trained.step >= trained.steps else _INTERRUPTED


def training_request(options: argparse.Namespace) -> TrainingRequest:
    """Returns the request that the options describe.

    Raises:
        UsageError: They contradict each other, or the recipe cannot be read.
    """
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
        min_epochs=FINE_TUNING_EPOCHS if _as_long_as_it_takes(options) else 0.0,
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
            content = options.recipe.read_bytes()
            recipe = recipe_from_json(content.decode(text_encoding(content)))
        given = {name: getattr(options, name, None) for name in asdict(recipe)}
        return changed(recipe, {name: value for name, value in given.items() if value is not None})
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"The recipe {options.recipe} cannot be read: {reason}.") from error
    except DetectorError as error:
        raise UsageError(error.message, error.hint, *error.remedies) from error


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
