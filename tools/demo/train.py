"""Trains the demo model from nothing on a CPU: ``python -m tools.demo.train --out weights/demo.safetensors``.

One process, one thread of control: draw a batch, take a step, now and then write a checkpoint. The learning rate
follows the clock, so a run uses the time it is given and can be stopped and continued; the result depends on how many
steps the machine takes in that time, and says so in its provenance.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from detector.golden_reference import with_golden
from detector.models.ssd import SSD
from detector.runtime.open import open_detector
from detector.runtime.torch_cpu import has_native_bf16
from detector.spec import ModelSpec
from detector.weights import save_model
from tools.demo.evaluate import Accuracy, measure
from tools.demo.multibox import multibox_loss
from tools.demo.samples import CONFIG, FRESH, INPUT, Sampler, scenes
from tools.demo.shapes import CLASSES

_REPORT_EVERY_STEPS = 50
_SAVE_EVERY_S = 90.0
_FRESH_SCENES = 500


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the shipped demo was trained.

    Attributes:
        minutes: Wall-clock budget.
        width: Channel multiplier of the network.
        batch: Scenes per step.
        peak_lr: Learning rate after the warm-up; falls as a cosine to half a percent of it.
        weight_decay: AdamW's, on convolution weights only.
        warmup_steps: Steps of linear rise.
        clip_norm: Longest gradient.
        seed: Of the first weights; the scenes are always number 0, 1, 2, ...
    """

    minutes: float = 75.0
    width: float = 0.125
    batch: int = 16
    peak_lr: float = 3e-3
    weight_decay: float = 1e-2
    warmup_steps: int = 200
    clip_norm: float = 10.0
    seed: int = 0

    def learning_rate(self, step: int, spent_s: float) -> float:
        """Learning rate of ``step``, ``spent_s`` seconds into the run."""
        progress = min(spent_s / (self.minutes * 60), 1.0)
        cosine = 0.5 * (1 + math.cos(math.pi * progress)) + 0.005
        return self.peak_lr * min((step + 1) / self.warmup_steps, cosine)


class Run:
    """A training under way: network, optimiser, and how far it is."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.step = 0
        self.spent_s = 0.0
        self.network = new_network(recipe.width)
        weights = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self._optimiser = torch.optim.AdamW(groups, lr=recipe.peak_lr)
        self._sampler = Sampler()

    @property
    def images(self) -> int:
        """Scenes learnt from so far."""
        return self.step * self.recipe.batch

    def advance(self) -> tuple[float, float]:
        """Take one step; returns the localisation and the classification loss."""
        began = time.monotonic()
        batch = self._sampler.batch(self.images, self.recipe.batch)
        for group in self._optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate(self.step, self.spent_s)
        with torch.autocast("cpu", torch.bfloat16, enabled=has_native_bf16()):
            locs, logits = self.network(batch.images)
        localisation, classification = multibox_loss(locs.float(), logits.float(), batch.locs, batch.classes)
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(localisation + classification)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self._optimiser.step()
        self.step += 1
        self.spent_s += time.monotonic() - began
        return localisation.item(), classification.item()

    def save(self, path: Path) -> None:
        """Write a checkpoint, completely or not at all."""
        state = {
            "net": self.network.state_dict(),
            "opt": self._optimiser.state_dict(),
            "step": self.step,
            "spent": self.spent_s,
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["net"])
        self._optimiser.load_state_dict(state["opt"])
        self.step, self.spent_s = state["step"], state["spent"]


def new_network(width: float) -> SSD:
    """The demo's architecture as it is trained: batch normalisation still apart, training mode."""
    network = SSD(CONFIG.image_size[0], len(CLASSES) + 1, CONFIG.boxes_per_cell, width=width, batch_norm=True)
    return network.to(memory_format=torch.channels_last).train()


def train(run: Run, checkpoint: Path) -> None:
    """Step until the budget is spent, from ``checkpoint`` on if it is there."""
    if checkpoint.exists():
        run.load(checkpoint)
        print(f"going on after step {run.step}, {run.spent_s / 60:.1f} minutes")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    saved_s, losses = run.spent_s, []
    while run.spent_s < run.recipe.minutes * 60:
        losses.append(run.advance())
        if run.step % _REPORT_EVERY_STEPS == 0:
            localisation, classification = np.mean(losses, axis=0)
            losses.clear()
            print(
                f"step {run.step}  {run.images} scenes  {run.spent_s / 60:.1f} min  "
                f"loss {localisation:.3f} + {classification:.3f}",
                flush=True,
            )
        if run.spent_s - saved_s > _SAVE_EVERY_S:
            run.save(checkpoint)
            saved_s = run.spent_s
    run.save(checkpoint)


def finish(run: Run, out: Path) -> Accuracy:
    """Fold the batch normalisation, store as float16, measure what was stored, and write it with its description."""
    run.network.eval().fold_batch_norm()
    state = {name: tensor.contiguous().half() for name, tensor in run.network.state_dict().items()}
    spec = describe(run)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "demo.safetensors"
        save_model(trial, spec, state)
        with open_detector(trial, device="cpu", precision="fp32") as detector:
            accuracy = measure(detector, scenes(FRESH, _FRESH_SCENES))
    measured = {f"AP50 on {_FRESH_SCENES} freshly drawn scenes": round(accuracy.ap50, 4)}
    save_model(out, with_golden(replace(spec, accuracy=measured), state), state)
    return accuracy


def describe(run: Run) -> ModelSpec:
    """The demo's spec, all but its accuracy."""
    recipe = run.recipe
    return ModelSpec(
        name="demo",
        architecture="ssd-vgg16",
        labels=CLASSES,
        input=INPUT,
        config=CONFIG,
        width=recipe.width,
        title="Demo: knows drawn shapes only (" + ", ".join(CLASSES) + ")",
        demo=True,
        licence="MIT",
        provenance=(
            f"Trained from random weights (seed {recipe.seed}) by tools/demo/train.py on {run.images} scenes drawn by "
            f"tools/demo/scenes.py, numbers 0 to {run.images - 1}, each seen once: {run.step} steps of {recipe.batch} "
            f"in {run.spent_s / 60:.0f} minutes on a CPU. AdamW, learning rate {recipe.peak_lr:g} falling as a cosine, "
            f"weight decay {recipe.weight_decay:g}, bfloat16 where the CPU has it; batch normalisation folded, stored "
            f"as float16. Measured on scenes {FRESH} to {FRESH + _FRESH_SCENES - 1}: COCO average precision at IoU 0.5."
        ),
    )


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo.train", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("weights/demo.safetensors"), help="model file to write")
    parser.add_argument("--minutes", type=float, default=Recipe().minutes, help="time to train (default %(default)s)")
    parser.add_argument("--checkpoint-dir", type=Path, default=Path("out/demo"), help="where to keep the progress")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU; such narrow layers gain little from more")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(arguments.threads)
    run = Run(Recipe(minutes=arguments.minutes))
    train(run, arguments.checkpoint_dir / "checkpoint.pt")
    accuracy = finish(run, arguments.out)
    print(f"{arguments.out}: {accuracy}")


if __name__ == "__main__":
    main()
