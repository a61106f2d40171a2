"""SSD300 on pictures smaller than 300 pixels: the same layers, without the last levels. On the trainer's thread.

Convolutions do not mind the size of a picture. A default box stays as large in pixels, so each level goes on answering
for the objects it knows when the pictures become larger; the levels that only larger pictures have are learnt then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from detector.config import SSD300_VOC
from detector.models.heads import predict
from detector.models.ssd import SSD
from detector.models.vgg import ConvReLU
from detector.spec import ModelSpec
from tools.voc.courses import smaller_config


class SmallerSSD(nn.Module):
    """The first levels of ``ssd``, as many as a picture of ``side`` pixels has.

    Args:
        ssd: An SSD300; trained in place.
        side: Of the pictures, pixels.
    """

    def __init__(self, ssd: SSD, side: int) -> None:
        super().__init__()
        self.ssd = ssd
        self.grids = _grids(ssd, side)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """As ``SSD.forward``, with fewer default boxes."""
        ssd, levels = self.ssd, len(self.grids)
        sources = _sources(ssd, images, levels)
        return predict(ssd.loc[:levels], ssd.conf[:levels], sources, ssd.num_classes)


def smaller_spec(spec: ModelSpec, network: SmallerSSD, side: int) -> ModelSpec:
    """``spec`` of an SSD300 as it is for pictures of ``side`` pixels."""
    config = smaller_config(side, len(network.grids), network.grids)
    return replace(spec, config=config, input=replace(spec.input, height=side, width=side))


def _sources(ssd: SSD, images: Tensor, levels: int) -> list[Tensor]:
    conv4_3, x = ssd.backbone(images)
    sources = [ssd.l2norm(conv4_3), x]
    for number in range(8, 6 + levels):
        x = ssd.extras[f"conv{number}_2"](ssd.extras[f"conv{number}_1"](x))
        sources.append(x)
    return sources


@torch.no_grad()
def _grids(ssd: SSD, side: int) -> tuple[int, ...]:
    """Sides of the maps that there are, by trying."""
    levels = len(SSD300_VOC.grids)
    was_training = ssd.training
    ssd.eval()
    picture = torch.zeros(1, 3, side, side, device=next(ssd.parameters()).device)
    x = ssd.backbone(picture)[1]
    for level in range(2, levels):
        layer = cast(ConvReLU, ssd.extras[f"conv{level + 6}_2"])
        if x.shape[-1] + 2 * cast(int, layer.padding[0]) < layer.kernel_size[0]:
            levels = level
            break
        x = layer(ssd.extras[f"conv{level + 6}_1"](x))
    grids = tuple(source.shape[-1] for source in _sources(ssd, picture, levels))
    ssd.train(was_training)
    return grids
