"""SSDLite on MobileNetV2 (arXiv 1801.04381, section 6.2), at any input size. Runs on the thread that calls it.

Two published families share all but the first source map: qfgaohao/pytorch-ssd taps the expansion inside the block that
goes to stride 32, as the paper does; lufficc/SSD taps the narrow map before it. Batch normalisation is folded.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from detector.models.heads import predict
from detector.models.layers import Conv, separable_predictors
from detector.plans.tables import V2_EXTRAS, V2_STAGES, V2_STEM, V2_TAIL, V2_TAP


class SSDLiteMobileNetV2(nn.Module):
    """SSDLite-MobileNetV2.

    Args:
        num_classes: Outputs per box, background (index 0) included.
        boxes_per_cell: Default boxes per cell of each of the six source maps.
        narrow_tap: The first source is the 96 channels before the tapped block (lufficc), not its 576 inside.
    """

    def __init__(self, num_classes: int, boxes_per_cell: tuple[int, ...], *, narrow_tap: bool) -> None:
        super().__init__()
        self.num_classes, self.narrow_tap = num_classes, narrow_tap
        self.stem = Conv(3, V2_STEM, 3, stride=2, activation="relu6")
        self.blocks = nn.ModuleList()
        previous, first = V2_STEM, 0
        for expansion, out, repeats, stride in V2_STAGES:
            for index in range(repeats):
                if len(self.blocks) == V2_TAP:
                    first = previous if narrow_tap else previous * expansion
                self.blocks.append(InvertedResidual(previous, previous * expansion, out, stride=1 if index else stride))
                previous = out
        self.tail = Conv(previous, V2_TAIL, 1, activation="relu6")
        self.extras = nn.ModuleList()
        sources, previous = [first, V2_TAIL], V2_TAIL
        for expanded, out in V2_EXTRAS:
            self.extras.append(InvertedResidual(previous, expanded, out, stride=2))
            previous = out
            sources.append(out)
        self.loc = separable_predictors(sources, [4 * boxes for boxes in boxes_per_cell], "relu6")
        self.conf = separable_predictors(sources, [num_classes * boxes for boxes in boxes_per_cell], "relu6")

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predict offsets and class logits for every default box.

        Args:
            images: Float[B, 3, H, W], normalised as the weights expect.

        Returns:
            locs Float[B, P, 4] (encoded, see ``BoxCoder``) and logits Float[B, P, num_classes].
        """
        x, sources = self.stem(images), []
        for index, module in enumerate(self.blocks):
            block = cast(InvertedResidual, module)
            expanded = block.expand(x)
            if index == V2_TAP:
                sources.append(x if self.narrow_tap else expanded)
            x = block.project_from(x, expanded)
        x = self.tail(x)
        sources.append(x)
        for extra in self.extras:
            x = extra(x)
            sources.append(x)
        return predict(self.loc, self.conf, sources, self.num_classes)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project without activation; added to the input where shapes allow.

    Args:
        before: Channels in.
        expanded: Channels between; as many as come in: no expansion layer.
        after: Channels out.
        stride: Of the filter.
        same: Of the filter, as for ``Conv``.
    """

    def __init__(self, before: int, expanded: int, after: int, *, stride: int, same: bool = False) -> None:
        super().__init__()
        self.expand: nn.Module = nn.Identity()
        if expanded != before:
            self.expand = Conv(before, expanded, 1, activation="relu6")
        self.depthwise = Conv(expanded, expanded, 3, stride=stride, groups=expanded, same=same, activation="relu6")
        self.project = Conv(expanded, after, 1, activation="none")
        self.residual = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, C', H / stride, W / stride]."""
        return self.project_from(x, self.expand(x))

    def project_from(self, x: Tensor, expanded: Tensor) -> Tensor:
        """The same from the input and its expansion, which a predictor may want to see."""
        out: Tensor = self.project(self.depthwise(expanded))
        return out + x if self.residual else out
