"""A small training, and as a program of its own, to be killed.

``python -m tests.support.training_process FOLDER CHECKPOINT KILL_AT``. The plain network has no batch normalisation:
its first steps are tame enough to be compared between machines.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import torch

from detector.spec import ModelSpec
from detector.training.batches import HostBatches
from detector.training.data import ImageReader, training_images
from detector.training.examples import ImageExamples
from detector.training.fit import Fit, FitPlan, TrainingProgress
from detector.training.networks import new_spec
from detector.training.order import Order
from detector.training.policy import PAPER
from detector.training.processes import Processes
from detector.training.recipe import Recipe
from detector.training.trainer import Trainer, fill_colour, new_network
from tests.support.training_sets import LABELS, SPEC, make_blocks

PLAIN_SPEC = new_spec("plain", "ssd300-vgg16", LABELS, 0.0625)
PLAIN_RECIPE = Recipe(steps=4, batch=4, rate=0.003, clip_norm=5.0, ema=0.9, seed=5)
RECIPE = Recipe(steps=6, batch=4, rate=0.01, shape="cosine", warmup=2, ema=0.9, clip_norm=5.0, seed=5)
_CPU = torch.device("cpu")


class Watching:
    """Keeps what it is told; ends the process like a power cut after a step."""

    def __init__(self, kill_at: int = 0) -> None:
        self.reports: list[TrainingProgress] = []
        self.notes: list[str] = []
        self.scores: list[tuple[int, dict[str, float]]] = []
        self._kill_at = kill_at

    def progress(self, progress: TrainingProgress) -> None:
        self.reports.append(progress)
        if progress.step == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def validated(self, step: int, scores: dict[str, float]) -> None:
        self.scores.append((step, scores))

    def note(self, line: str) -> None:
        self.notes.append(line)


def make_trainer(recipe: Recipe = RECIPE, processes: Processes | None = None, spec: ModelSpec = SPEC) -> Trainer:
    return Trainer(spec, new_network(spec, recipe), recipe, _CPU, processes or Processes())


def make_source(
    folder: Path, recipe: Recipe = RECIPE, processes: Processes | None = None, spec: ModelSpec = SPEC
) -> HostBatches:
    """Six images of blocks, augmented; the images are made where they are not there yet."""
    us = processes or Processes()
    images = training_images([make_blocks(folder, 6)], LABELS)
    size = (spec.input.height, spec.input.width)
    examples = ImageExamples(images, PAPER, size, fill_colour(spec.input), recipe.seed, ImageReader())
    return HostBatches(examples, Order(len(images), recipe.batch, recipe.seed, us.rank, us.count), _CPU, 1)


def main(folder: Path, checkpoint: Path, kill_at: int) -> None:
    """Train until the end that comes too soon."""
    torch.set_num_threads(1)
    plan = FitPlan(checkpoint, save_every_s=0.0, look_every_s=0.0)
    Fit(make_trainer(), make_source(folder), plan, Watching(kill_at)).run(threading.Event())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
