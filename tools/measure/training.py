"""Measures the parts of a training step on this computer, without images: `python -m tools.measure.training`.

Trains on the same batch of noise, with as many marked objects as in VOC's images, so that no step waits for data.
Prints the shares of the network, of matching and loss, and of the rest, as medians over the steps.
"""

from __future__ import annotations

import argparse
import statistics
import sys

import numpy as np
import torch

from detector.labels import VOC20
from detector.runtime.torch_cpu import has_native_bf16
from detector.training.batches import Batch
from detector.training.matcher import PADDING
from detector.training.networks import TRAINABLE, new_spec
from detector.training.order import Pick
from detector.training.recipe import Recipe
from detector.training.step_clock import PARTS
from detector.training.trainer import Trainer, new_network

_OBJECTS = 2.4  # per image of VOC2007 trainval, on average
_MAX_OBJECTS = 20


def drawn_batch(count: int, size: tuple[int, int], device: torch.device) -> Batch:
    """Returns noise with boxes of every size."""
    rng = np.random.default_rng(0)
    objects = np.minimum(rng.geometric(1 / _OBJECTS, count), _MAX_OBJECTS)
    corners = rng.uniform(0, 0.7, (count, objects.max(), 2))
    boxes = np.concatenate((corners, corners + rng.uniform(0.05, 0.3, corners.shape)), axis=2).astype(np.float32)
    ids = rng.integers(0, len(VOC20), boxes.shape[:2])
    ids[np.arange(objects.max()) >= objects[:, None]] = PADDING
    images = rng.integers(0, 256, (count, *size, 3), np.uint8)
    return Batch(
        torch.from_numpy(images).to(device).permute(0, 3, 1, 2),
        torch.from_numpy(boxes).to(device),
        torch.from_numpy(ids).to(device),
        [Pick(0, index) for index in range(count)],
    )


def measure(trainer: Trainer, batch: Batch, steps: int) -> dict[str, float]:
    """Returns the seconds of each part of a step, by ``PARTS``; the first step does not count."""
    taken: list[dict[str, float]] = []
    for _ in range(steps + 1):
        trainer.clock.restart()
        trainer.advance(batch)
        taken.append(trainer.clock.take())
    return {part: statistics.median(seconds[part] for seconds in taken[1:]) for part in PARTS}


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure.training", description=__doc__)
    parser.add_argument("--network", choices=tuple(TRAINABLE), default="ssd300-vgg16", help="(default: %(default)s)")
    parser.add_argument("--width", type=float, default=1.0, metavar="W", help="of a VGG network (default: 1)")
    parser.add_argument("--batch", type=int, default=32, metavar="N", help="images of a step (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=5, metavar="N", help="to measure (default: %(default)s)")
    parser.add_argument("--device", default="cpu", metavar="cpu|cuda", help="(default: cpu)")
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    recipe = Recipe(batch=given.batch, rate=1e-6)
    spec = new_spec("measured", given.network, VOC20, given.width)
    bf16 = device.type == "cuda" or has_native_bf16()
    trainer = Trainer(spec, new_network(spec, recipe), recipe, device, bf16=bf16)
    seconds = measure(trainer, drawn_batch(given.batch, (spec.input.height, spec.input.width), device), given.steps)
    whole = sum(seconds.values())
    network = f"{given.network}, width {given.width:g}, {spec.config.num_boxes if spec.config else 0} default boxes"
    print(f"{network}, {given.batch} images a step, {'bf16' if bf16 else 'fp32'}, {device}")
    print(f"step {whole:.3f} s, {given.batch / whole:.1f} images/s")
    for part, value in seconds.items():
        if part != "wait":
            print(f"{part:8s} {value * 1000:10.1f} ms {value / whole:7.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
