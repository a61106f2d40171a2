"""Trains the demo model from nothing on a CPU: ``python -m tools.demo.train --out weights/demo.safetensors``.

The trainer is the program's own; what is the demo's is the scenes, which are drawn while it learns. Stopped, the same
command goes on.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import torch

from app.cli.interrupt import cancel_on_interrupt
from detector.model_file import open_file
from detector.runtime.open import open_detector
from detector.runtime.torch_cpu import has_native_bf16
from detector.spec import ModelSpec
from detector.training.batches import HostBatches
from detector.training.checkpoint import load_checkpoint
from detector.training.finish import stored_state, write_model
from detector.training.fit import Fit, FitPlan, TrainingProgress
from detector.training.order import Order
from detector.training.recipe import Recipe, recipe_to_json
from detector.training.trainer import Trainer, new_network
from tools.demo.evaluate import Accuracy, measure
from tools.demo.samples import CONFIG, FRESH, INPUT, DrawnExamples, scenes
from tools.demo.shapes import CLASSES

WIDTH = 0.125
RECIPE = Recipe(
    steps=4300,
    batch=16,
    rate=3e-3,
    shape="cosine",
    warmup=200,
    optimiser="adamw",
    weight_decay=1e-2,
    clip_norm=10.0,
    batch_norm=True,
    augment=False,
)
"""Hyperparameters of the demo."""

_SAVE_EVERY_S = 90.0
_REPORT_EVERY_STEPS = 50
_FRESH_SCENES = 500


def describe(recipe: Recipe) -> ModelSpec:
    """Returns the demo's spec without its accuracy."""
    images = recipe.steps * recipe.batch
    return ModelSpec(
        name="demo",
        architecture="ssd-vgg16",
        labels=CLASSES,
        input=INPUT,
        config=CONFIG,
        width=WIDTH,
        title="Demo: knows drawn shapes only (" + ", ".join(CLASSES) + ")",
        demo=True,
        licence="MIT",
        provenance=(
            f"Trained from random weights by tools/demo/train.py on the {images} scenes number 0 to {images - 1} drawn "
            f"by tools/demo/scenes.py, each seen once. Recipe: {recipe_to_json(recipe)}. Batch normalisation folded, "
            f"stored as float16. Measured on scenes {FRESH} to {FRESH + _FRESH_SCENES - 1}: COCO average precision at "
            "IoU 0.5."
        ),
    )


class _Printer:
    """Prints the events of the training."""

    def __init__(self) -> None:
        self._printed = 0

    def progress(self, progress: TrainingProgress) -> None:
        """Prints a line every few steps."""
        if progress.step - self._printed >= _REPORT_EVERY_STEPS or progress.step == progress.steps:
            self._printed = progress.step
            print(
                f"step {progress.step} of {progress.steps}  {progress.spent_s / 60:.1f} min  "
                f"loss {progress.localisation:.3f} + {progress.confidence:.3f}  {progress.images_per_s:.1f} scenes/s",
                flush=True,
            )

    def validated(self, step: int, scores: dict[str, float]) -> None:
        """Never called, as no validation is requested."""

    def note(self, line: str) -> None:
        """Prints a warning."""
        print(line, flush=True)


def new_trainer(recipe: Recipe) -> Trainer:
    """The demo's training before its first step."""
    spec = describe(recipe)
    return Trainer(spec, new_network(spec, recipe), recipe, torch.device("cpu"), bf16=has_native_bf16())


def new_source(recipe: Recipe) -> HostBatches:
    """The scenes of ``recipe``, each once."""
    count = recipe.steps * recipe.batch
    return HostBatches(DrawnExamples(count), Order(count, recipe.batch, recipe.seed), torch.device("cpu"), threads=1)


def finish(trainer: Trainer, out: Path, spent_s: float) -> Accuracy:
    """Measures the weights to be stored, and stores them with their description and the time spent."""
    state = stored_state(trainer.result())
    spec = replace(trainer.spec, provenance=f"{trainer.spec.provenance} {spent_s / 60:.0f} minutes on cpu.")
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "demo.safetensors"
        write_model(trial, spec, state, {})
        with open_detector(open_file(trial), device="cpu", precision="fp32") as detector:
            accuracy = measure(detector, scenes(FRESH, _FRESH_SCENES))
    measured = {f"AP50 on {_FRESH_SCENES} freshly drawn scenes": round(accuracy.ap50, 4)}
    write_model(out, spec, state, measured)
    return accuracy


def main() -> None:
    """Trains, measures, writes."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo.train", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("weights/demo.safetensors"), help="model file to write")
    parser.add_argument("--steps", type=int, default=RECIPE.steps, help="length of the training (default %(default)s)")
    parser.add_argument("--checkpoint-dir", type=Path, default=Path("out/demo"), help="where to keep the progress")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU; such narrow layers gain little from more")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(arguments.threads)
    recipe = replace(RECIPE, steps=arguments.steps)
    trainer, checkpoint, spent_s = new_trainer(recipe), arguments.checkpoint_dir / "checkpoint.pt", 0.0
    if checkpoint.exists():
        spent_s = load_checkpoint(checkpoint, trainer)
        print(f"going on after step {trainer.step}, {spent_s / 60:.1f} minutes")
    stop = threading.Event()
    with cancel_on_interrupt(stop.set):
        fit = Fit(trainer, new_source(recipe), FitPlan(checkpoint, _SAVE_EVERY_S), _Printer(), spent_s)
        if not fit.run(stop):
            print(f"stopped after step {trainer.step}; the same command goes on")
            return
    print(f"{arguments.out}: {finish(trainer, arguments.out, fit.spent_s)}")


if __name__ == "__main__":
    main()
