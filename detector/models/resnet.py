"""SSD300 on ResNet-50 as NVIDIA's DeepLearningExamples train it. Runs on the thread that calls it.

The base network is ResNet-50 (arXiv 1512.03385, table 1) up to its third stage, which keeps stride 8, so that the first
source map has 38 x 38 cells as in SSD300. No L2 normalisation. Batch normalisation is folded.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from detector.models.heads import predict
from detector.models.layers import Bottleneck, Conv, plain_predictors
from detector.plans.tables import RESNET_EXPANSION, RESNET_EXTRAS, RESNET_STAGES, RESNET_STEM


class SSDResNet50(nn.Module):
    """SSD300-ResNet50.

    Args:
        num_classes: Outputs per box, background (index 0) included.
        boxes_per_cell: Default boxes per cell of each of the six source maps.
    """

    def __init__(self, num_classes: int, boxes_per_cell: tuple[int, ...]) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.stem = Conv(3, RESNET_STEM, 7, stride=2)
        self.stages = nn.ModuleList()
        previous = RESNET_STEM
        for blocks, narrow, stride in RESNET_STAGES:
            stage = nn.ModuleList()
            for index in range(blocks):
                stage.append(ResidualBlock(previous, narrow, stride=1 if index else stride))
                previous = narrow * RESNET_EXPANSION
            self.stages.append(nn.Sequential(*stage))
        self.extras = nn.ModuleList()
        sources = [previous]
        for middle, out, stride, padding in RESNET_EXTRAS:
            self.extras.append(Bottleneck(previous, middle, out, stride=stride, padding=padding))
            previous = out
            sources.append(out)
        self.loc = plain_predictors(sources, [4 * boxes for boxes in boxes_per_cell], 3)
        self.conf = plain_predictors(sources, [num_classes * boxes for boxes in boxes_per_cell], 3)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predict offsets and class logits for every default box.

        Args:
            images: Float[B, 3, 300, 300], normalised as the weights expect.

        Returns:
            locs Float[B, P, 4] (encoded, see ``BoxCoder``) and logits Float[B, P, num_classes].
        """
        x = F.max_pool2d(self.stem(images), 3, stride=2, padding=1)
        for stage in self.stages:
            x = stage(x)
        sources = [x]
        for extra in self.extras:
            x = extra(x)
            sources.append(x)
        return predict(self.loc, self.conf, sources, self.num_classes)


class ResidualBlock(nn.Module):
    """Narrow, filter, widen, and add what came in; a stride sits in the filter ("ResNet v1.5").

    Args:
        before: Channels in.
        narrow: Channels of the filter; four times as many come out.
        stride: Of the filter.
    """

    def __init__(self, before: int, narrow: int, *, stride: int) -> None:
        super().__init__()
        after = narrow * RESNET_EXPANSION
        self.squeeze = Conv(before, narrow, 1)
        self.filter = Conv(narrow, narrow, 3, stride=stride)
        self.widen = Conv(narrow, after, 1, activation="none")
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = Conv(before, after, 1, stride=stride, activation="none")

    def forward(self, x: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, 4 * narrow, H / stride, W / stride]."""
        out: Tensor = self.widen(self.filter(self.squeeze(x)))
        return F.relu(out + self.shortcut(x), inplace=True)
