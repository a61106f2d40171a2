"""One run of the fine-tuning: from where it was stopped to its end. On the main thread; images load on others."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from detector.errors import DetectorError
from detector.labels import COCO80
from detector.training.batches import HostBatches
from detector.training.checkpoint import load_checkpoint, read_checkpoint
from detector.training.data import ImageReader
from detector.training.examples import ImageExamples
from detector.training.fit import Fit, FitPlan
from detector.training.matcher import Matcher
from detector.training.order import Order
from detector.training.recipe import Recipe, recipe_from_json
from detector.training.survey import fingerprint
from detector.training.trainer import Trainer, fill_colour
from tools.everyday.criterion import DistillingCriterion
from tools.everyday.material import Sources, gather, overlapping
from tools.everyday.run_log import RunLog
from tools.everyday.schedules import REPLAY, Round
from tools.everyday.start import Start, network_of, teacher_of

NAME = "everyday"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line.

    Attributes:
        sources: Images.
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


@dataclass(frozen=True, slots=True)
class Tuned:
    """The result of a finished round.

    Attributes:
        round: How it was done.
        recipe: With its steps.
        state: The network's tensors, averaged over the steps, on the CPU.
        spent_s: Seconds it took.
    """

    round: Round
    recipe: Recipe
    state: dict[str, Tensor]
    spent_s: float


class Run:
    """One run of the command.

    Args:
        options: What was asked for.
        rounds: How; each begins at the start.
        start: What is fine-tuned.
        stop: Ends it after the step under way, saved.
        log: Is told.
    """

    def __init__(
        self, options: Options, rounds: Sequence[Round], start: Start, stop: threading.Event, log: RunLog
    ) -> None:
        self.options, self.rounds, self.start = options, rounds, start
        self.material = gather(options.sources, options.work, REPLAY)
        if both := overlapping(self.material.images, self.material.voc_val):
            raise DetectorError(f"{both} of the images to measure on are among those to learn from.")
        self.spec = replace(start.spec, name=NAME, labels=COCO80)
        self.reader = ImageReader()
        self._stop, self._log = stop, log

    def train(self) -> list[Tuned] | None:
        """Run all rounds, each from where it was stopped; returns their results, or None where one was stopped again.

        Raises:
            DetectorError: A checkpoint is damaged or of another training, or the loss is no number.
        """
        done = []
        for round_ in self.rounds:
            self._log.begin(round_.name)
            tuned = self._finished(round_) or self._train(round_)
            if tuned is None:
                return None
            done.append(tuned)
        return done

    def _finished(self, round_: Round) -> Tuned | None:
        path = self._checkpoint(round_)
        if not path.exists():
            return None
        state = read_checkpoint(path)
        recipe = recipe_from_json(str(state["recipe"]))
        if int(state["step"]) < recipe.steps:
            return None
        return Tuned(round_, recipe, state["ema"] or state["network"], float(state["spent_s"]))

    def _train(self, round_: Round) -> Tuned | None:
        options, material, path = self.options, self.material, self._checkpoint(round_)
        path.parent.mkdir(parents=True, exist_ok=True)
        trainer, data, spent_s = self._trainer(round_), fingerprint(material.images), 0.0
        recipe = trainer.recipe
        if path.exists():
            spent_s = load_checkpoint(path, trainer, data)
            self._log.note(f"going on after step {trainer.step} of {recipe.steps}")
        size, fill = (self.spec.input.height, self.spec.input.width), fill_colour(self.spec.input)
        examples = ImageExamples(material.images, round_.policy, size, fill, recipe.seed, self.reader)
        order = Order(len(material.images), recipe.batch, recipe.seed)
        source = HostBatches(examples, order, options.device, options.threads)
        plan = FitPlan(path, options.save_minutes * 60, data=data)
        fit = Fit(trainer, source, plan, self._log, spent_s)
        if not fit.run(self._stop):
            return None
        state = {name: tensor.cpu() for name, tensor in trainer.result().state_dict().items()}
        return Tuned(round_, recipe, state, fit.spent_s)

    def _checkpoint(self, round_: Round) -> Path:
        return self.options.work / round_.name / "checkpoint.pt"

    def _trainer(self, round_: Round) -> Trainer:
        assert self.spec.config is not None  # the start has default boxes
        device, batch = self.options.device, round_.recipe.batch
        steps = max(1, round(round_.epochs * len(self.material.images) / batch))
        network = network_of(self.start)
        freeze(network, round_.frozen)
        criterion = DistillingCriterion(
            Matcher(self.spec.config, device),
            teacher_of(self.start, device, batch),
            self.material.labelled,
            round_.distillation,
        )
        return Trainer(
            self.spec,
            network,
            replace(round_.recipe, steps=steps),
            device,
            bf16=device.type == "cuda",  # on a CPU depthwise convolutions learn slower in bfloat16 than in float32
            criterion=criterion,
            slow=round_.slow,
            slowness=round_.slowness,
        )


def freeze(network: nn.Module, names: tuple[str, ...]) -> None:
    """Let parameters whose names begin so stay as they are."""
    for name, parameter in network.named_parameters():
        if name.startswith(names):
            parameter.requires_grad_(False)
