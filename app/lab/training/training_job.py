"""Runs a training from its data to its model file, on the calling thread; images load on others."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from app.core.sources.images import read_image
from app.lab.training.material import Material, gather
from app.lab.training.run_summary import RunSummary
from app.lab.training.training_device import device_name, open_device, resident_side, uses_bf16
from app.lab.training.training_log import TrainingLog
from app.lab.training.training_request import TrainingRequest, TrainingResult
from detector.errors import DetectorError, Remedy
from detector.plans.architectures import first_layers
from detector.training.batches import BatchSource, DeviceBatches, DeviceDataset, HostBatches
from detector.training.checkpoint import load_checkpoint
from detector.training.data import ImageReader
from detector.training.examples import ImageExamples
from detector.training.finish import as_stored, stored_state, write_model
from detector.training.fit import Fit, FitPlan, TrainingProgress, UnsavedError
from detector.training.networks import base_layers
from detector.training.order import Order
from detector.training.policy import MILD, PAPER, UNCHANGED
from detector.training.processes import Processes, joined_processes
from detector.training.recipe import Recipe, recipe_to_json
from detector.training.survey import fingerprint
from detector.training.trainer import Trainer, fill_colour
from detector.training.validator import Validator, scores

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Listener:
    """Receives the events of a training on its thread; process 0 only.

    Attributes:
        progress: Some steps are done.
        note: Something to know that does not end the training.
    """

    progress: Callable[[TrainingProgress], None]
    note: Callable[[str], None]


def train(request: TrainingRequest, listener: Listener, stop: threading.Event) -> TrainingResult:
    """Trains, or resumes training, until the end or until ``stop`` is set.

    Raises:
        DetectorError: The data, the network, the checkpoint or the model file cannot be used as asked, or the loss
            is no number.
    """
    name = device_name(request.device)
    with joined_processes(name) as processes:
        device = open_device(name, processes)
        quiet = Listener(lambda _: None, lambda _: None)
        try:
            return _Job(request, listener if processes.rank == 0 else quiet, device, processes).run(stop)
        except torch.OutOfMemoryError as error:
            raise DetectorError(
                f"The memory of {device} is too small for this training.",
                "Train on fewer images at once, with the rate lowered in proportion, or train a narrower network.",
                Remedy("batch"),
                Remedy("rate"),
                Remedy("width"),
            ) from error


class _Job:
    """The parts of one training, put together."""

    def __init__(
        self, request: TrainingRequest, listener: Listener, device: torch.device, processes: Processes
    ) -> None:
        self._request = request
        self._listener = listener
        self._device = device
        self._processes = processes
        self._reader = ImageReader(partial(read_image, upright=False))
        self._told: set[Path] = set()
        self._summary = RunSummary()
        self._training_log: TrainingLog | None = None

    def run(self, stop: threading.Event) -> TrainingResult:
        request = self._request
        material = gather(request)
        for line in material.notes:
            self._listener.note(line)
        recipe = self._recipe(material)
        trainer = self._trainer(material, recipe)
        checkpoint = request.folder / CHECKPOINT
        data = fingerprint(material.images)
        spent_s = self._go_on(checkpoint, trainer, data)
        validator = self._validator(material)
        plan = FitPlan(
            checkpoint,
            request.save_every_s,
            None if validator is None else lambda network: scores(validator(network)),
            max(1, round(request.validate_every * len(material.images) / recipe.batch or recipe.steps / 10)),
            data=data,
        )
        source = self._source(material, recipe)
        self._training_log = self._new_log(trainer)
        fit = Fit(trainer, source, plan, self, spent_s)
        try:
            finished = self._finished(fit, trainer, stop)
        finally:
            self._tell_bad()
            if self._training_log is not None:
                self._training_log.close()
        measured = self._finish(trainer, material, validator) if finished and self._processes.rank == 0 else {}
        return TrainingResult(
            model=request.out if finished else None,
            step=trainer.step,
            steps=recipe.steps,
            scores=measured,
            images_per_s=self._summary.images_per_s,
            shares=self._summary.shares,
            bad=self._reader.failures(),
            seconds=fit.spent_s,
        )

    def progress(self, progress: TrainingProgress) -> None:
        """Implements ``Watcher``."""
        self._summary.add(progress)
        if self._training_log is not None:
            self._training_log.progress(progress)
        self._tell_bad()
        self._listener.progress(progress)

    def validated(self, step: int, scores: dict[str, float]) -> None:
        """Implements ``Watcher``."""
        if self._training_log is not None:
            self._training_log.validated(step, scores)
        self._listener.note(f"step {step}: " + ", ".join(f"{name} {value:.4f}" for name, value in scores.items()))

    def note(self, line: str) -> None:
        """Implements ``Watcher``."""
        self._listener.note(line)

    def _finished(self, fit: Fit, trainer: Trainer, stop: threading.Event) -> bool:
        """Trains; a disk too full for the last checkpoint may still have room for the smaller model."""
        try:
            return fit.run(stop)
        except UnsavedError as error:
            if trainer.step < trainer.recipe.steps:
                raise
            self._listener.note(f"{error.message} The training is at its end all the same.")
            return True

    def _recipe(self, material: Material) -> Recipe:
        recipe, epochs = self._request.recipe, self._request.epochs
        if epochs is not None:
            recipe = replace(recipe, steps=max(1, round(epochs * len(material.images) / recipe.batch)))
        least = math.ceil(self._request.min_epochs * len(material.images) / recipe.batch)
        recipe = replace(recipe, steps=max(recipe.steps, least))
        if recipe.batch % self._processes.count:
            raise DetectorError(
                f"A batch of {recipe.batch} cannot be shared by {self._processes.count} processes.",
                "Choose a batch that is a multiple of their number.",
            )
        return recipe

    def _trainer(self, material: Material, recipe: Recipe) -> Trainer:
        """A trainer at its first step, with as much of the network frozen or slowed as ``recipe`` says."""
        network = material.network
        names = [name for name, _ in network.named_parameters()]
        if recipe.freeze:
            first = first_layers(material.spec.architecture)
            for name, parameter in network.named_parameters():
                parameter.requires_grad_(not name.startswith(first))
        return Trainer(
            material.spec,
            network,
            recipe,
            self._device,
            self._processes,
            bf16=uses_bf16(self._request.precision, self._device, network),
            slow=base_layers(names),
            slowness=recipe.slowness,
        )

    def _go_on(self, checkpoint: Path, trainer: Trainer, data: str) -> float:
        if not checkpoint.exists():
            return 0.0
        spent_s = load_checkpoint(checkpoint, trainer, data)
        self._listener.note(f"Going on after step {trainer.step} of {trainer.recipe.steps}.")
        return spent_s

    def _new_log(self, trainer: Trainer) -> TrainingLog | None:
        if self._processes.rank != 0:
            return None
        folder = self._request.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DetectorError(f"Cannot make the folder {folder}: {error.strerror or error}.") from error
        return TrainingLog(folder, trainer.step, trainer.recipe.steps)

    def _source(self, material: Material, recipe: Recipe) -> BatchSource:
        order = Order(len(material.images), recipe.batch, recipe.seed, self._processes.rank, self._processes.count)
        policy = UNCHANGED if not recipe.augment else MILD if recipe.mild else PAPER
        size = (material.spec.input.height, material.spec.input.width)
        fill = fill_colour(material.spec.input)
        side = resident_side(self._device, len(material.images), size)
        if side is not None:
            self._listener.note(f"Decoding {len(material.images)} images into the memory of {self._device}.")
            data = DeviceDataset(material.images, side, self._device, self._request.threads, self._reader)
            return DeviceBatches(data, order, policy, size, fill)
        examples = ImageExamples(material.images, policy, size, fill, recipe.seed, self._reader)
        return HostBatches(examples, order, self._device, self._request.threads)

    def _validator(self, material: Material) -> Validator | None:
        if material.validation is None or self._processes.rank != 0:
            return None
        return Validator(material.spec, material.validation, self._device, self._request.threads, self._reader)

    def _tell_bad(self) -> None:
        for path, reason in self._reader.failures().items():
            if path not in self._told:
                self._told.add(path)
                self._listener.note(f"{reason} The training goes on without it.")

    def _finish(self, trainer: Trainer, material: Material, validator: Validator | None) -> dict[str, float]:
        """Measures the weights to be stored, then stores them."""
        network = trainer.result()
        state = stored_state(network)
        measured = {} if validator is None else scores(validator(as_stored(network, state)))
        accuracy = {}
        if measured and material.validation is not None:
            accuracy = {f"{name} on {material.validation.split}": round(v, 4) for name, v in measured.items()}
        recipe = trainer.recipe
        provenance = (
            f"{material.provenance} {recipe.steps} steps of {recipe.batch} images, "
            f"{recipe.steps * recipe.batch / len(material.images):.1f} epochs over {len(material.images)} "
            f"images. Recipe: {recipe_to_json(recipe)}"
        )
        write_model(self._request.out, replace(material.spec, provenance=provenance), state, accuracy)
        return measured
