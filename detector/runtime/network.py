"""A model's torch network with its weights in place. Needs torch."""

from __future__ import annotations

import torch
from torch import nn

from detector.errors import DetectorError
from detector.model_file import ModelEntry
from detector.models.build import build_network
from detector.weights import load_state, load_strict


def load_network(entry: ModelEntry) -> nn.Module:
    """Build the network on the CPU and load its weights, in float32, for inference.

    Raises:
        DetectorError: The file is damaged or does not fit the network.
    """
    if entry.path is None:
        raise DetectorError(f"The weights of {entry.name} are not on this computer.")
    with torch.device("meta"):  # no memory, no random numbers: the file brings every value
        network = build_network(entry.spec)
    load_strict(network, load_state(entry.path, entry.spec), entry.path.name)
    return network.requires_grad_(False).eval()
