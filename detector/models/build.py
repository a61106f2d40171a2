"""From a ``ModelSpec`` to its network in torch, whose class ``detector.plans.architectures`` names."""

from __future__ import annotations

from typing import Any

from torch import nn

from detector.plans.architectures import single_stage
from detector.spec import ModelSpec


def build_network(spec: ModelSpec) -> nn.Module:
    """A network for ``spec`` with random weights, in evaluation mode, on torch's default device.

    Under ``torch.device("meta")`` nothing is allocated or drawn: the way to load weights with ``assign=True``.

    Returns:
        A module whose ``forward(images: Float[B, 3, H, W])`` gives locs Float[B, P, 4] and logits Float[B, P, C],
        where C counts the background (index 0) too.

    Raises:
        DetectorError: The architecture brings its own network, or the default boxes are not laid out as it predicts.
    """
    architecture, config = single_stage(spec)
    options: dict[str, Any] = {
        **architecture.options,
        "num_classes": len(spec.labels) + 1,
        "boxes_per_cell": config.boxes_per_cell,
    }
    if architecture.scalable:
        options |= {"size": config.image_size[0], "width": spec.width}
    network: nn.Module = architecture.twin()(**options)
    return network.eval()
