"""SSD300 and SSD512: VGG-16, extra feature layers, and a box predictor on each. Paper section 2.1 and figure 2."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from detector.models.heads import predict
from detector.models.vgg import VGG16, ConvReLU
from detector.plans.tables import VGG_EXTRAS, scaled


class L2Norm(nn.Module):
    """Scale each location's feature vector to a learned length per channel (ParseNet; paper section 3.1).

    Computed in float32 whatever the input: the sum of squares of 512 activations overflows float16.
    """

    def __init__(self, channels: int, initial_scale: float = 20.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), initial_scale))

    def forward(self, features: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, C, H, W]."""
        return l2norm(features, self.scale)


def l2norm(features: Tensor, scale: Tensor) -> Tensor:
    """Float[B, C, H, W] and Float[C] -> Float[B, C, H, W]: the vector of each cell at the length of ``scale``."""
    wide = features.float()
    norm = wide.pow(2).sum(dim=1, keepdim=True).clamp_min(1e-24).sqrt()  # not sqrt first: NaN gradient at 0
    return (wide / norm * scale.float()[None, :, None, None]).to(features.dtype)


class ChannelAffine(nn.Module):
    """Scale and shift each channel: what stands in L2Norm's place where weights were trained with a batch norm there.

    It cannot be merged into the predictor behind it, whose border sees zeros that are neither scaled nor shifted.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, C, H, W]."""
        return features * self.scale[None, :, None, None] + self.shift[None, :, None, None]


class SSD(nn.Module):
    """SSD on VGG-16.

    Args:
        size: Input side, 300 or 512.
        num_classes: Outputs per box, background (index 0) included.
        boxes_per_cell: Default boxes per cell of each source map, as ``SSDConfig.boxes_per_cell``.
        width: Channel multiplier of base and extras.
        batch_norm: See ``ConvReLU``.
        affine: conv4_3 is scaled and shifted by channel instead of normalised.
    """

    def __init__(
        self,
        size: int,
        num_classes: int,
        boxes_per_cell: tuple[int, ...],
        *,
        width: float = 1.0,
        batch_norm: bool = False,
        affine: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.backbone = VGG16(width, batch_norm=batch_norm)
        channels = self.backbone.conv4_channels
        self.l2norm: nn.Module = ChannelAffine(channels) if affine else L2Norm(channels)
        self.extras = nn.ModuleDict()
        previous = self.backbone.fc_channels
        sources = [self.backbone.conv4_channels, previous]
        for number, (squeeze, out, kernel, stride, padding) in enumerate(VGG_EXTRAS[size], start=8):
            middle, previous_out = scaled(squeeze, width), scaled(out, width)
            self.extras[f"conv{number}_1"] = ConvReLU(previous, middle, 1, batch_norm=batch_norm)
            # No statistics over a 1x1 or 3x3 map: normalising there makes small batches unstable.
            self.extras[f"conv{number}_2"] = ConvReLU(
                middle, previous_out, kernel, stride=stride, padding=padding, batch_norm=batch_norm and padding > 0
            )
            previous = previous_out
            sources.append(previous)
        self.loc = nn.ModuleList(
            nn.Conv2d(c, 4 * a, 3, padding=1) for c, a in zip(sources, boxes_per_cell, strict=True)
        )
        self.conf = nn.ModuleList(
            nn.Conv2d(c, num_classes * a, 3, padding=1) for c, a in zip(sources, boxes_per_cell, strict=True)
        )
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predict offsets and class logits for every default box.

        Args:
            images: Float[B, 3, size, size], normalised as the weights expect.

        Returns:
            locs Float[B, P, 4] (encoded, see ``BoxCoder``) and logits Float[B, P, num_classes].
        """
        conv4_3, x = self.backbone(images)
        sources = [self.l2norm(conv4_3), x]
        for number in range(8, 8 + len(self.extras) // 2):
            x = self.extras[f"conv{number}_2"](self.extras[f"conv{number}_1"](x))
            sources.append(x)
        return predict(self.loc, self.conf, sources, self.num_classes)

    def fold_batch_norm(self) -> None:
        """Merge every batch normalisation into its convolution, leaving the published parameters only."""
        for module in self.modules():
            if isinstance(module, ConvReLU):
                module.fold()
