"""The loop: steps, reports, checkpoints, and the end. On the trainer's thread; whoever watches is called there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import nn

from detector.errors import DetectorError
from detector.training.batches import BatchSource
from detector.training.checkpoint import save_checkpoint
from detector.training.processes import any_of
from detector.training.trainer import DivergedError, Trainer

_LOOK_EVERY_STEPS = 20  # several processes must look after the same step, and their clocks differ


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """The state of a training.

    Attributes:
        step: Steps taken.
        steps: Steps in all.
        epoch: Times the set was gone through.
        localisation: Loss, on average since the last report.
        confidence: Loss, on average since the last report.
        rate: Learning rate of the last step.
        images_per_s: Of all processes, since the last report.
        elapsed_s: Seconds since the last report.
        spent_s: Seconds trained so far, all runs together.
        remaining_s: Seconds to go at this pace.
        shares: Of the time since the last report, by ``clock.PARTS``.
    """

    step: int
    steps: int
    epoch: float
    localisation: float
    confidence: float
    rate: float
    images_per_s: float
    elapsed_s: float
    spent_s: float
    remaining_s: float
    shares: dict[str, float]


class Watcher(Protocol):
    """Is told what happens; process 0's only."""

    def progress(self, progress: TrainingProgress) -> None:
        """Some steps are done."""

    def validated(self, step: int, scores: dict[str, float]) -> None:
        """The network was measured."""

    def note(self, line: str) -> None:
        """Something went wrong that does not end the training."""


class UnsavedError(DetectorError):
    """The last checkpoint cannot be written."""


@dataclass(frozen=True, slots=True)
class FitPlan:
    """The times at which to do more than learn.

    Attributes:
        checkpoint: File to keep the progress in.
        save_every_s: Seconds between checkpoints.
        validate: Measures a network in use; None for never.
        validate_every: Steps between measurements.
        look_every_s: Seconds between reports; looking makes the host wait for a GPU.
        data: What is learnt from, as ``fingerprint`` says it; kept with the progress.
    """

    checkpoint: Path
    save_every_s: float = 300.0
    validate: Callable[[nn.Module], dict[str, float]] | None = None
    validate_every: int = 1_000_000_000
    look_every_s: float = 2.0
    data: str = ""


class Fit:
    """Runs a training to its end, or until it is stopped.

    Args:
        trainer: Where it stands.
        source: What it learns from.
        plan: What else to do.
        watcher: Is told.
        spent_s: Seconds trained before.
    """

    def __init__(
        self, trainer: Trainer, source: BatchSource, plan: FitPlan, watcher: Watcher, spent_s: float = 0.0
    ) -> None:
        self.spent_s = spent_s
        self._trainer = trainer
        self._source = source
        self._plan = plan
        self._watcher = watcher
        self._leads = trainer.processes.rank == 0
        self._alone = trainer.processes.count == 1

    def run(self, stop: threading.Event) -> bool:
        """Go on until the last step; when ``stop`` is set, until the next look. Saves in both cases.

        Returns:
            Whether the training is finished.

        Raises:
            UnsavedError: The last checkpoint cannot be written; the trainer is where it should be all the same.
            DetectorError: No image can be read, or the loss or a weight is no number.
        """
        trainer, steps = self._trainer, self._trainer.recipe.steps
        saved_s = self.spent_s
        stopped = False
        with closing(self._source.batches(trainer.step)) as batches:
            trainer.clock.restart()
            looked = time.monotonic()
            while trainer.step < steps and not stopped:
                trainer.advance(next(batches))
                if not self._is_time_to_look(time.monotonic() - looked, stop):
                    continue
                self._look(looked)
                looked = time.monotonic()
                if self.spent_s - saved_s >= self._plan.save_every_s:
                    self._save(last=False)
                    saved_s = self.spent_s
                if self._plan.validate is not None and trainer.step % self._plan.validate_every == 0:
                    self._validate()
                trainer.clock.restart()
                stopped = any_of(stop.is_set(), trainer.processes, trainer.device)
        self._save(last=True)
        return trainer.step >= steps

    def _is_time_to_look(self, elapsed_s: float, stop: threading.Event) -> bool:
        step, every = self._trainer.step, self._plan.validate_every
        if step == self._trainer.recipe.steps or step % every == 0:
            return True
        if self._alone:
            return stop.is_set() or elapsed_s >= self._plan.look_every_s
        return step % _LOOK_EVERY_STEPS == 0

    def _look(self, since: float) -> None:
        trainer = self._trainer
        try:
            losses = trainer.settle()
        except DivergedError as error:
            raise self._explained(error) from error
        times = trainer.clock.take()
        elapsed_s = time.monotonic() - since  # only now has a GPU done all that was queued
        self.spent_s += elapsed_s
        if not self._leads:
            return
        whole = sum(times.values()) or 1.0
        pace = losses.steps / max(elapsed_s, 1e-9)
        steps = trainer.recipe.steps
        order = self._source.order
        self._watcher.progress(
            TrainingProgress(
                step=trainer.step,
                steps=steps,
                epoch=trainer.step * order.batch / order.count,
                localisation=losses.localisation,
                confidence=losses.confidence,
                rate=trainer.optimiser.param_groups[0]["lr"],
                images_per_s=pace * order.batch,
                elapsed_s=elapsed_s,
                spent_s=self.spent_s,
                remaining_s=(steps - trainer.step) / pace,
                shares={part: seconds / whole for part, seconds in times.items()},
            )
        )

    def _save(self, *, last: bool) -> None:
        if not self._leads:
            return
        if not self._trainer.is_sound():
            if last:
                raise DetectorError(
                    f"The weights are not numbers any more after step {self._trainer.step}.",
                    f"Lower the learning rate, or limit the gradient's length.{self._what_is_left()}",
                )
            return  # the next look says why, and names the images
        try:
            save_checkpoint(self._plan.checkpoint, self._trainer, self.spent_s, self._plan.data)
        except DetectorError as error:
            if last:
                raise UnsavedError(error.message, f"{error.hint}{self._what_is_left()}") from error
            self._watcher.note(f"{error.message} The training goes on.{self._what_is_left()}")

    def _validate(self) -> None:
        if self._leads and self._plan.validate is not None:
            scores = self._plan.validate(self._trainer.result())
            self._watcher.validated(self._trainer.step, scores)

    def _explained(self, error: DivergedError) -> DetectorError:
        names = [self._source.name(pick.index) for pick in error.picks]
        shown = ", ".join(names[:40]) + (f" and {len(names) - 40} more" if len(names) > 40 else "")
        return DetectorError(f"{error.message} It learnt from {shown}.", f"{error.hint}{self._what_is_left()}")

    def _what_is_left(self) -> str:
        return " The last checkpoint is intact." if self._plan.checkpoint.exists() else ""
