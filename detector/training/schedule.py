"""How fast to learn when, and which parameters how: the optimiser's side of a recipe. Pure; on the trainer's thread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from detector.training.recipe import OptimiserName, Shape

_PAPER_DROPS = (2 / 3, 5 / 6)  # 80 000 and 100 000 of 120 000 steps
_COSINE_END = 0.005


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rate of every step.

    Attributes:
        peak: Highest rate.
        steps: Length of the training.
        shape: "paper": a tenth after two thirds of the steps, a hundredth after five sixths; "cosine": falls smoothly
            to half a percent.
        warmup: Steps of linear rise at the beginning.
    """

    peak: float
    steps: int
    shape: Shape = "paper"
    warmup: int = 0

    def rate(self, step: int) -> float:
        """Learning rate of step number ``step``, counted from 0."""
        progress = min(step / max(1, self.steps), 1.0)
        if self.shape == "paper":
            factor = 0.1 ** sum(progress >= drop for drop in _PAPER_DROPS)
        else:
            factor = _COSINE_END + (1 - _COSINE_END) * 0.5 * (1 + math.cos(math.pi * progress))
        return self.peak * min(1.0, (step + 1) / (self.warmup + 1)) * factor


def make_optimiser(
    network: nn.Module,
    name: OptimiserName,
    momentum: float,
    weight_decay: float,
    slow: Sequence[str] = (),
    slowness: float = 1.0,
) -> torch.optim.Optimizer:
    """An optimiser over three groups: weights, which decay; biases, learnt twice as fast; and scales, neither.

    Biases at twice the rate and without decay are the authors' (``lr_mult: 2 decay_mult: 0``). Each group carries its
    multiple of the schedule's rate as ``"factor"``; see ``set_rate``.

    Args:
        network: Whose parameters that require a gradient are learnt.
        name: Of the optimiser.
        momentum: Of SGD; AdamW's first beta.
        weight_decay: Of weights.
        slow: Parameters whose names begin so are learnt at ``slowness`` times the rate: what was trained before.
        slowness: See ``slow``.
    """
    factors = {"weights": 1.0, "biases": 2.0, "scales": 1.0}
    groups: dict[tuple[str, float], list[nn.Parameter]] = {
        (kind, pace): [] for pace in dict.fromkeys((1.0, slowness)) for kind in factors
    }
    for key, parameter in network.named_parameters():
        if parameter.requires_grad:
            kind = "weights" if parameter.ndim > 1 else "biases" if key.endswith("bias") else "scales"
            groups[kind, slowness if key.startswith(tuple(slow)) else 1.0].append(parameter)
    described: list[dict[str, Any]] = [
        {"params": group, "weight_decay": weight_decay if kind == "weights" else 0.0, "factor": factors[kind] * pace}
        for (kind, pace), group in groups.items()
        if group
    ]
    if name == "sgd":
        return torch.optim.SGD(described, lr=0.0, momentum=momentum)
    return torch.optim.AdamW(described, lr=0.0, betas=(momentum, 0.999))


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every group its multiple of ``rate``."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
