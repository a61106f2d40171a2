"""A moving average of a network's weights, which scores better than the weights of any one step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Ema:
    """Averages parameters and batch statistics, in float32 on the network's device. On the trainer's thread.

    Args:
        network: Whose first weights are the first average.
        decay: Share of the old average that stays with each step; grows towards it over the first steps, so that the
            random beginning is forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after step number ``step``, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = network.state_dict()
        averaged = [name for name, tensor in self.values.items() if tensor.is_floating_point()]
        # One call for all tensors, which torch offers under no public name.
        torch._foreach_lerp_([self.values[n] for n in averaged], [current[n] for n in averaged], 1 - decay)
        for name, tensor in self.values.items():
            if not tensor.is_floating_point():
                tensor.copy_(current[name])

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Continue from ``values``, which must have the same names and shapes."""
        for name, tensor in self.values.items():
            tensor.copy_(values[name])
