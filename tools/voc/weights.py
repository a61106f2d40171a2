"""Weights on their way from stage to stage, and the layers that have learnt enough. On the trainer's thread."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from detector.models.ssd import SSD
from detector.models.vgg import ConvReLU
from detector.training.checkpoint import read_checkpoint


def take_over(ssd: SSD, checkpoint: Path) -> None:
    """Put the averaged weights of a finished stage into ``ssd``, as far as that stage had them.

    Layers that were frozen there lose their batch normalisation here, too.

    Raises:
        DetectorError: The checkpoint is damaged.
    """
    averaged = {name.removeprefix("ssd."): tensor for name, tensor in read_checkpoint(checkpoint)["ema"].items()}
    for name, module in ssd.named_modules():
        if isinstance(module, ConvReLU) and f"{name}.weight" in averaged and f"{name}.bn.weight" not in averaged:
            module.bn = None
    own = ssd.state_dict()
    own.update({name: tensor for name, tensor in averaged.items() if name in own})
    ssd.load_state_dict(own)


def freeze(ssd: SSD, blocks: Collection[str]) -> None:
    """Stop learning the named blocks of the base network, e.g. "conv1".

    Their batch normalisation is merged into the weights. What is frozen first needs no gradient to pass through: on a
    CPU the two blocks that see the largest maps are two fifths of a step.
    """
    for name, module in ssd.backbone.named_children():
        if name.partition("_")[0] in blocks and isinstance(module, ConvReLU):
            module.fold()
            module.requires_grad_(False)
