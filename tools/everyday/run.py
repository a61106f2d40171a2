"""One run of the fine-tuning: from where it was stopped to its end. On the main thread; pictures load on others."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from detector.errors import DetectorError
from detector.labels import COCO80
from detector.training.batches import HostBatches
from detector.training.checkpoint import load_checkpoint
from detector.training.data import BadPictures, PictureExamples
from detector.training.fit import Fit, FitPlan
from detector.training.matcher import Matcher
from detector.training.order import Order
from detector.training.survey import fingerprint
from detector.training.trainer import Trainer, fill_colour
from tools.everyday.courses import Course
from tools.everyday.criterion import DistillingCriterion
from tools.everyday.material import Sources, gather, overlapping
from tools.everyday.start import Start, network_of, teacher_of
from tools.everyday.training_log import TrainingLog

NAME = "everyday"


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line.

    Attributes:
        sources: Pictures.
        work: Folder to keep everything in.
        device: Where to train.
        threads: Of the CPU.
        save_minutes: Between checkpoints.
    """

    sources: Sources
    work: Path
    device: torch.device
    threads: int = 2
    save_minutes: float = 4.0


class Run:
    """One run of the command.

    Args:
        options: What was asked for.
        course: How.
        start: What is fine-tuned.
        stop: Ends it after the step under way, saved.
        log: Is told.
    """

    def __init__(self, options: Options, course: Course, start: Start, stop: threading.Event, log: TrainingLog) -> None:
        self.options, self.course, self.start = options, course, start
        self.material = gather(options.sources, options.work, course.replay)
        if both := overlapping(self.material.pictures, self.material.voc_val):
            raise DetectorError(f"{both} of the pictures to measure on are among those to learn from.")
        self.spec = replace(start.spec, name=NAME, labels=COCO80)
        steps = max(1, round(course.epochs * len(self.material.pictures) / course.recipe.batch))
        self.recipe = replace(course.recipe, steps=steps)
        self.bad = BadPictures()
        self.spent_s = 0.0
        self._stop, self._log = stop, log

    def train(self) -> Trainer | None:
        """Go on to the last step; None where it was stopped before."""
        options, material = self.options, self.material
        trainer = self._trainer()
        checkpoint, data = options.work / "checkpoint.pt", fingerprint(material.pictures)
        if checkpoint.exists():
            self.spent_s = load_checkpoint(checkpoint, trainer, data)
            self._log.note(f"going on after step {trainer.step} of {trainer.recipe.steps}")
        if trainer.step >= trainer.recipe.steps:
            return trainer
        examples = PictureExamples(
            material.pictures,
            self.course.policy,
            (self.spec.input.height, self.spec.input.width),
            fill_colour(self.spec.input),
            self.recipe.seed,
            self.bad,
        )
        order = Order(len(material.pictures), self.recipe.batch, self.recipe.seed)
        source = HostBatches(examples, order, options.device, options.threads)
        fit = Fit(
            trainer,
            source,
            FitPlan(checkpoint, options.save_minutes * 60, data=data),
            self._log,
            self.spent_s,
        )
        finished = fit.run(self._stop)
        self.spent_s = fit.spent_s
        return trainer if finished else None

    def _trainer(self) -> Trainer:
        assert self.spec.config is not None  # the start has default boxes
        course, device = self.course, self.options.device
        network = network_of(self.start)
        freeze(network, course.frozen)
        criterion = DistillingCriterion(
            Matcher(self.spec.config, device),
            teacher_of(self.start, device, self.recipe.batch),
            self.material.labelled,
            course.distillation,
        )
        return Trainer(
            self.spec,
            network,
            self.recipe,
            device,
            bf16=device.type == "cuda",  # on a CPU depthwise convolutions learn slower in bfloat16 than in float32
            criterion=criterion,
            slow=course.slow,
            slowness=course.slowness,
        )


def freeze(network: nn.Module, names: tuple[str, ...]) -> None:
    """Let parameters whose names begin so stay as they are."""
    for name, parameter in network.named_parameters():
        if name.startswith(names):
            parameter.requires_grad_(False)
