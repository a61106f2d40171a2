"""The first stage on a CPU: the base network learns to tell cut-out objects apart. On the trainer's thread."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 # everybody's name for it

from detector.errors import DetectorError
from detector.models.ssd import SSD
from detector.models.vgg import VGG16
from detector.safetensors_file import atomic_file
from detector.spec import InputSpec
from detector.training.checkpoint import read_checkpoint
from detector.training.ema import Ema
from detector.training.recipe import Recipe, recipe_to_json
from detector.training.schedule import Schedule, make_optimiser, set_rate
from detector.training.trainer import Normaliser
from tools.voc.cores import share_cores
from tools.voc.crops import CropBatches, Crops, middle
from tools.voc.diary import Diary

_CHUNK = 256
_LOOK_EVERY_S = 2.0


class CropClassifier(nn.Module):
    """A base network and one answer for the whole picture.

    Args:
        backbone: Trained in place.
        classes: Answers, "no object" (index 0) included.
    """

    def __init__(self, backbone: VGG16, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.answer = nn.Linear(backbone.fc_channels, classes)
        with torch.no_grad():  # so small a picture has nothing where the outer taps of fc6 look: they would stay noise
            centre = backbone.fc6.weight[:, :, 1, 1].clone() * 3
            backbone.fc6.weight.zero_()[:, :, 1, 1] = centre

    def forward(self, images: Tensor) -> Tensor:
        """Float[B, 3, S, S] -> logits Float[B, classes]."""
        _, features = self.backbone(images)
        logits: Tensor = self.answer(features.mean(dim=(2, 3)))
        return logits


class Classification:
    """The training of a ``CropClassifier``, resumable.

    Args:
        ssd: Its base is trained, in place.
        recipe: How.
        convention: Of the network's input.
        checkpoint: File to keep the progress in; gone on from if it is there.
        diary: Is told.
        bf16: Compute in bfloat16.

    Raises:
        DetectorError: The checkpoint is damaged, or of another recipe.
    """

    def __init__(
        self, ssd: SSD, recipe: Recipe, convention: InputSpec, checkpoint: Path, diary: Diary, *, bf16: bool
    ) -> None:
        torch.manual_seed(recipe.seed + 1)
        self.step = 0
        self.spent_s = 0.0
        self._recipe = recipe
        self._checkpoint = checkpoint
        self._diary = diary
        self._bf16 = bf16
        network = CropClassifier(ssd.backbone, ssd.num_classes)
        self._network: nn.Module = network.to(memory_format=torch.channels_last).train()
        self._optimiser = make_optimiser(self._network, recipe.optimiser, recipe.momentum, recipe.weight_decay)
        self._schedule = Schedule(recipe.rate, recipe.steps, recipe.shape, recipe.warmup)
        self._ema = Ema(self._network, recipe.ema)
        self._normalise = Normaliser(convention, torch.device("cpu"))
        if checkpoint.exists():
            self._load(read_checkpoint(checkpoint))

    def run(
        self, learnt: CropBatches, measured: Crops, stop: threading.Event, *, every: tuple[float, int], threads: int
    ) -> bool:
        """Go on until the last step, or until ``stop`` is set; saves in both cases.

        Args:
            learnt: To learn from.
            measured: To measure on.
            stop: Ends it after the step under way.
            every: Seconds between checkpoints, steps between measurements.
            threads: To compute with, when alone.

        Returns:
            Whether the stage is finished: the averaged weights are in the network then.
        """
        saved = looked = time.monotonic()
        losses: list[float] = []
        while self.step < self._recipe.steps and not stop.is_set():
            share_cores(threads)
            losses.append(self._advance(*learnt.batch(self.step)))
            now = time.monotonic()
            if now - looked >= _LOOK_EVERY_S or self.step == self._recipe.steps:
                self.spent_s += now - looked
                pace = len(losses) * self._recipe.batch / (now - looked)
                self._diary.step(self.step, self._recipe.steps, sum(losses) / len(losses), pace, self.spent_s)
                looked = now
                losses.clear()
            if now - saved >= every[0]:
                self._save()
                saved = now
            if self.step % every[1] == 0:
                self._measure(measured, learnt.side)
                looked += time.monotonic() - now
        self._save()
        if self.step < self._recipe.steps:
            return False
        self._network.load_state_dict(self._ema.values)
        return True

    def _advance(self, images: Tensor, classes: Tensor) -> float:
        set_rate(self._optimiser, self._schedule.rate(self.step))
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
            logits = self._network(self._normalise(images))
        loss = F.cross_entropy(logits.float(), classes)
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self._network.parameters(), self._recipe.clip_norm)
        self._optimiser.step()
        self._ema.update(self._network, self.step)
        self.step += 1
        cost = loss.item()
        if cost != cost:
            raise DetectorError(f"The loss of step {self.step} is not a number.", "The last checkpoint is intact.")
        return cost

    @torch.inference_mode()
    def _measure(self, crops: Crops, side: int) -> None:
        """The share of cut-outs told right: the mean over the classes."""
        learning = {name: tensor.clone() for name, tensor in self._network.state_dict().items()}
        self._network.load_state_dict(self._ema.values)
        self._network.eval()
        right: list[Tensor] = []
        for low in range(0, len(crops.classes), _CHUNK):
            images, classes = middle(crops, side, low, low + _CHUNK)
            right.append(self._network(self._normalise(images)).argmax(dim=1) == classes)
        self._network.load_state_dict(learning)
        self._network.train()
        hits, classes = torch.cat(right).double(), torch.from_numpy(crops.classes)
        counts = classes.bincount()
        shares = torch.zeros(len(counts), dtype=torch.float64).scatter_add_(0, classes, hits) / counts.clamp_min(1)
        self._diary.measured(self.step, {"cut-outs told right": float(shares[counts > 0].mean())})

    def _save(self) -> None:
        content = io.BytesIO()
        state: dict[str, Any] = {
            "format": 1,
            "recipe": recipe_to_json(self._recipe),
            "step": self.step,
            "spent_s": self.spent_s,
            "network": self._network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "ema": self._ema.values,
        }
        torch.save(state, content)
        with atomic_file(self._checkpoint) as file:
            file.write(content.getbuffer())

    def _load(self, state: dict[str, Any]) -> None:
        if state.get("recipe") != recipe_to_json(self._recipe):
            raise DetectorError(f"{self._checkpoint} was made by another recipe.", "Choose another work folder.")
        self._network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._ema.load(state["ema"])
        self.step, self.spent_s = int(state["step"]), float(state["spent_s"])
