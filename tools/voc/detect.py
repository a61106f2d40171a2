"""A stage in which the detector detects: the library's trainer, with this training's pictures. On one thread."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from detector.evaluation.results import DataSet
from detector.spec import ModelSpec
from detector.training.batches import BatchSource, DeviceBatches, DeviceDataset, HostBatches
from detector.training.checkpoint import load_checkpoint
from detector.training.data import BadPictures, Picture, PictureExamples
from detector.training.fit import Fit, FitPlan
from detector.training.order import Order
from detector.training.recipe import Recipe
from detector.training.trainer import Trainer, fill_colour
from detector.training.validate import Validator
from tools.voc.cores import SharedCores
from tools.voc.courses import Stage
from tools.voc.diary import Diary

_PACE_WARM_STEPS, _PACE_STEPS = 10, 20
_ON_DEVICE_SIDE = 300


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What every stage uses.

    Attributes:
        pictures: To learn from.
        validation: To measure on.
        device: Where to train.
        threads: That read pictures.
        bf16: Compute in bfloat16.
        on_device: Keep the pictures on the device and augment them there.
        bad: Where unreadable pictures are noted.
    """

    pictures: Sequence[Picture]
    validation: DataSet
    device: torch.device
    threads: int
    bf16: bool
    on_device: bool
    bad: BadPictures


class Detection:
    """The training of one network on pictures of one size.

    Args:
        spec: What is trained, with the default boxes of this stage.
        model: What it will be in the end.
        network: Its weights are the first ones; taken over.
        stage: How; ``recipe.steps`` is set.
        material: With what.
        diary: Is told.
    """

    def __init__(
        self, spec: ModelSpec, model: ModelSpec, network: nn.Module, stage: Stage, material: Material, diary: Diary
    ) -> None:
        self.spent_s = 0.0
        self.validator = Validator(spec, material.validation, material.device, material.threads, material.bad)
        self._stage = stage
        self._material = material
        self._diary = diary
        self.trainer = Trainer(spec, network, stage.recipe, material.device, bf16=material.bf16)
        self.trainer.spec = model  # for the checkpoint: there is no model for pictures of 152 pixels
        cost = training_flops(network, stage.side, material.device)
        diary.begin(stage.name, cost, bf16_peak(material.device))

    def run(self, source: BatchSource, checkpoint: Path, stop: threading.Event, save_every_s: float) -> bool:
        """Go on from ``checkpoint``, if it is there, to the end or until ``stop`` is set; saves in both cases.

        Returns:
            Whether the stage is finished.
        """
        trainer = self.trainer
        if checkpoint.exists():
            self.spent_s = load_checkpoint(checkpoint, trainer)
            self._diary.note(f"going on after step {trainer.step} of {trainer.recipe.steps}")
        count, batch = len(self._material.pictures), trainer.recipe.batch
        plan = FitPlan(
            checkpoint,
            save_every_s,
            lambda network: {"VOC07 mAP": self.validator(network).mean_ap},
            max(1, round(self._stage.validate_every * count / batch)),
        )
        fit = Fit(trainer, source, plan, self._diary, self.spent_s)
        finished = fit.run(stop)
        self.spent_s = fit.spent_s
        return finished


def picture_source(spec: ModelSpec, stage: Stage, material: Material, data: DeviceDataset | None) -> BatchSource:
    """Where the batches of ``stage`` come from: ``data``, if it is given, else the files."""
    recipe, pictures = stage.recipe, material.pictures
    order = Order(len(pictures), recipe.batch, recipe.seed)
    size, fill = (spec.input.height, spec.input.width), fill_colour(spec.input)
    if data is not None:
        return DeviceBatches(data, order, stage.policy, size, fill)
    examples = PictureExamples(pictures, stage.policy, size, fill, recipe.seed, material.bad)
    return SharedCores(HostBatches(examples, order, material.device, material.threads), material.threads)


def load_on_device(material: Material, diary: Diary) -> DeviceDataset:
    """All pictures, decoded, in the device's memory."""
    began = time.monotonic()
    data = DeviceDataset(material.pictures, _ON_DEVICE_SIDE, material.device, material.threads, material.bad)
    size = data.images.numel() / 1e9
    diary.note(
        f"{len(material.pictures)} pictures decoded onto {material.device} in {time.monotonic() - began:.1f} s"
        f", {size:.2f} GB"
    )
    return data


def measure_pace(spec: ModelSpec, network: nn.Module, stage: Stage, material: Material, source: BatchSource) -> float:
    """Pictures a second that this device learns from, by some steps of a training that is thrown away."""
    trainer = Trainer(
        spec, copy.deepcopy(network), replace(stage.recipe, steps=1000), material.device, bf16=material.bf16
    )
    batches = source.batches(0)
    began = 0.0
    for step in range(_PACE_WARM_STEPS + _PACE_STEPS):
        if step == _PACE_WARM_STEPS:
            trainer.settle()  # waits for the device
            began = time.monotonic()
        trainer.advance(next(batches))
    trainer.settle()
    batches.close()
    return _PACE_STEPS * stage.recipe.batch / (time.monotonic() - began)


def steps_of(recipe: Recipe, epochs: float, count: int) -> Recipe:
    """``recipe`` as long as it takes to go ``epochs`` times through ``count`` pictures."""
    return replace(recipe, steps=max(1, round(epochs * count / recipe.batch)))


def training_flops(network: nn.Module, side: int, device: torch.device) -> float:
    """Operations to learn from one picture: forward, and twice that backward."""
    was_training = network.training
    network.to(device).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, side, side, device=device))
    network.train(was_training)
    return 3.0 * float(counter.get_total_flops())


def bf16_peak(device: torch.device) -> float:
    """Dense bfloat16 operations a second the maker states; 0 where that is not known here."""
    if device.type != "cuda":
        return 0.0
    name = torch.cuda.get_device_name(device)
    return next(
        (peak for part, peak in (("H100", 989.4e12), ("H200", 989.4e12), ("A100", 312e12)) if part in name), 0.0
    )
