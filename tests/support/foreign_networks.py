"""Other programs' SSDs restated from their published sources: module names, shapes, and each one's own forward rule.

Independent of the program's importers and networks on purpose, and literal rather than tidy: a mistake in one shows
against the other. ResNet-50 and MobileNetV2's blocks are torchvision's own. ``forward`` gives what the original gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2, resnet50
from torchvision.models.mobilenetv2 import InvertedResidual

Outputs = tuple[Tensor, Tensor]


def randomise(module: nn.Module, seed: int = 0) -> nn.Module:
    """Weights and statistics unlike any default, that keep activations in range; in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            fan = part.weight[0].numel()
            part.weight.data.normal_(0, (2 / fan) ** 0.5, generator=generator)
            if part.bias is not None:
                part.bias.data.normal_(0, 0.2, generator=generator)
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.weight.data.uniform_(0.5, 1.5, generator=generator)
            part.bias.data.normal_(0, 0.2, generator=generator)
            part.running_mean.normal_(0, 0.2, generator=generator)
            part.running_var.uniform_(0.5, 1.5, generator=generator)
    return module.requires_grad_(False).eval()


class NvidiaSSD(nn.Module):
    """DeepLearningExamples, PyTorch/Detection/SSD: predictions are [B, values, boxes], level by level, shape first."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        children = nn.Sequential(*list(resnet50(weights=None).children())[:7])
        first = children[6][0]
        first.conv1.stride = first.conv2.stride = first.downsample[0].stride = (1, 1)
        self.feature_extractor = nn.Module()
        self.feature_extractor.feature_extractor = children
        channels = (1024, 512, 512, 256, 256, 256)
        self.additional_blocks = nn.ModuleList()
        for i, middle in enumerate((256, 256, 128, 128, 128)):
            how = {"stride": 2, "padding": 1} if i < 3 else {}
            self.additional_blocks.append(
                nn.Sequential(
                    nn.Conv2d(channels[i], middle, 1, bias=False),
                    nn.BatchNorm2d(middle),
                    nn.ReLU(),
                    nn.Conv2d(middle, channels[i + 1], 3, bias=False, **how),
                    nn.BatchNorm2d(channels[i + 1]),
                    nn.ReLU(),
                )
            )
        boxes = (4, 6, 6, 6, 4, 4)
        self.loc = nn.ModuleList(nn.Conv2d(c, 4 * a, 3, padding=1) for c, a in zip(channels, boxes, strict=True))
        self.conf = nn.ModuleList(nn.Conv2d(c, classes * a, 3, padding=1) for c, a in zip(channels, boxes, strict=True))

    def forward(self, x: Tensor) -> Outputs:
        x = self.feature_extractor.feature_extractor(x)
        maps = [x]
        for block in self.additional_blocks:
            x = block(x)
            maps.append(x)
        locs = [head(m).reshape(len(m), 4, -1) for head, m in zip(self.loc, maps, strict=True)]
        confs = [head(m).reshape(len(m), self.classes, -1) for head, m in zip(self.conf, maps, strict=True)]
        return torch.cat(locs, 2), torch.cat(confs, 2)


def nvidia_default_boxes() -> Tensor:
    """Float[8732, 4] cxcywh in that program's order: level, shape, row, column; all four numbers clamped."""
    sizes, rows = (21, 45, 99, 153, 207, 261, 315), []
    levels = zip(
        (38, 19, 10, 5, 3, 1), (8, 16, 32, 64, 100, 300), ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)), strict=True
    )
    for k, (side, step, ratios) in enumerate(levels):
        small, large = sizes[k] / 300, (sizes[k] * sizes[k + 1]) ** 0.5 / 300
        shapes = [(small, small), (large, large)]
        for ratio in ratios:
            shapes += [(small * ratio**0.5, small / ratio**0.5), (small / ratio**0.5, small * ratio**0.5)]
        for w, h in shapes:
            for i in range(side):
                for j in range(side):
                    rows.append(((j + 0.5) * step / 300, (i + 0.5) * step / 300, w, h))
    return torch.tensor(rows, dtype=torch.float64).clamp(0, 1)


def level_boxes(side: int, step: float, size: float, larger: float, ratios: Sequence[float], image: int) -> Tensor:
    """Float[side * side * shapes, 4] cxcywh of one level as PyTorch ports write them; ``larger`` 0 leaves that out."""
    rows = []
    for y in range(side):
        for x in range(side):
            centre = [(x + 0.5) * step / image, (y + 0.5) * step / image]
            rows.append([*centre, size / image, size / image])
            if larger:
                rows.append([*centre, (size * larger) ** 0.5 / image, (size * larger) ** 0.5 / image])
            for ratio in ratios:
                root = ratio**0.5
                rows.append([*centre, size * root / image, size / root / image])
                rows.append([*centre, size / root / image, size * root / image])
    return torch.tensor(rows, dtype=torch.float64)


def _conv_bn(before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(after), nn.ReLU()]


class QfgaohaoSSD(nn.Module):
    """What both networks of qfgaohao/pytorch-ssd share: class scores first, boxes second."""

    classes: int
    base_net: nn.Sequential
    extras: nn.ModuleList
    classification_headers: nn.ModuleList
    regression_headers: nn.ModuleList

    def sources(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Outputs:
        scores, locs = [], []
        for i, source in enumerate(self.sources(x)):
            score = self.classification_headers[i](source).permute(0, 2, 3, 1)
            scores.append(score.reshape(len(x), -1, self.classes))
            locs.append(self.regression_headers[i](source).permute(0, 2, 3, 1).reshape(len(x), -1, 4))
        return torch.cat(scores, 1), torch.cat(locs, 1)


def _three_by_three(before: int, after: int, stride: int, lite: bool) -> nn.Module:
    if not lite:
        return nn.Conv2d(before, after, 3, stride, 1)
    depthwise = nn.Conv2d(before, before, 3, stride, 1, groups=before)
    return nn.Sequential(depthwise, nn.ReLU(), nn.Conv2d(before, after, 1))


class Mb1SSD(QfgaohaoSSD):
    """mb1-ssd, or mb1-ssd-lite: separable 3x3 convolutions, no ReLU behind the feature layers, a 1x1 last predictor."""

    lite = False

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        layers = [nn.Sequential(*_conv_bn(3, 32, 3, 2))]
        table = "32 64 1, 64 128 2, 128 128 1, 128 256 2, 256 256 1, 256 512 2, " + "512 512 1, " * 5
        for row in (table + "512 1024 2, 1024 1024 1").split(", "):
            before, after, stride = (int(word) for word in row.split())
            layers.append(
                nn.Sequential(*_conv_bn(before, before, 3, stride, groups=before), *_conv_bn(before, after, 1))
            )
        self.base_net = nn.Sequential(*layers)
        self.extras = nn.ModuleList()
        for before, middle, after in ((1024, 256, 512), (512, 128, 256), (256, 128, 256), (256, 128, 256)):
            parts = [nn.Conv2d(before, middle, 1), nn.ReLU(), _three_by_three(middle, after, 2, self.lite)]
            self.extras.append(nn.Sequential(*parts, *([] if self.lite else [nn.ReLU()])))
        for name, values in (("regression_headers", 4), ("classification_headers", classes)):
            heads = [_three_by_three(c, 6 * values, 1, self.lite) for c in (512, 1024, 512, 256, 256, 256)]
            if self.lite:
                heads[5] = nn.Conv2d(256, 6 * values, 1)
            setattr(self, name, nn.ModuleList(heads))

    def sources(self, x: Tensor) -> list[Tensor]:
        x = self.base_net[:12](x)
        found = [x]
        x = self.base_net[12:](x)
        found.append(x)
        for extra in self.extras:
            x = extra(x)
            found.append(x)
        return found


class Mb1LiteSSD(Mb1SSD):
    """mb1-ssd-lite."""

    lite = True


class _FlatInverted(nn.Module):
    """torchvision's inverted residual with its layers in one list named ``conv``."""

    def __init__(self, block: InvertedResidual) -> None:
        super().__init__()
        self.adds = block.use_res_connect
        self.conv = nn.Sequential(*[m for m in block.conv.modules() if not isinstance(m, nn.Sequential)])

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, x + self.conv(x) if self.adds else self.conv(x))


def _lite_extras() -> list[InvertedResidual]:
    table = ((1280, 512, 0.2), (512, 256, 0.25), (256, 256, 0.5), (256, 64, 0.25))
    return [InvertedResidual(before, after, 2, cast(int, ratio)) for before, after, ratio in table]


def _lite_head(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
        nn.BatchNorm2d(channels),
        nn.ReLU6(),
        nn.Conv2d(channels, out, 1),
    )


class Mb2LiteSSD(QfgaohaoSSD):
    """mb2-ssd-lite: the first source is inside block 14, after the three layers of its expansion."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        features = mobilenet_v2(weights=None).features
        self.base_net = nn.Sequential(
            *[_FlatInverted(part) if isinstance(part, InvertedResidual) else part for part in features]
        )
        self.extras = nn.ModuleList(_FlatInverted(block) for block in _lite_extras())
        self.regression_headers = nn.ModuleList(_lite_head(c, 24) for c in (576, 1280, 512, 256, 256))
        self.regression_headers.append(nn.Conv2d(64, 24, 1))
        self.classification_headers = nn.ModuleList(_lite_head(c, 6 * classes) for c in (576, 1280, 512, 256, 256))
        self.classification_headers.append(nn.Conv2d(64, 6 * classes, 1))

    def sources(self, x: Tensor) -> list[Tensor]:
        x = self.base_net[:14](x)
        path = cast(_FlatInverted, self.base_net[14]).conv
        x = path[:3](x)
        found = [x]
        x = self.base_net[15:](path[3:](x))
        found.append(x)
        for extra in self.extras:
            x = extra(x)
            found.append(x)
        return found


class _Separable(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = _lite_head(channels, out)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv(x))


class LufficcMobileNetV2(nn.Module):
    """lufficc/SSD with MobileNetV2: class scores first; the first source is the output of features 13."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.backbone = nn.Module()
        self.backbone.features = mobilenet_v2(weights=None).features
        self.backbone.extras = nn.ModuleList(_lite_extras())
        self.box_head = nn.Module()
        self.box_head.predictor = nn.Module()
        for name, values in (("cls_headers", classes), ("reg_headers", 4)):
            heads: list[nn.Module] = [_Separable(c, 6 * values) for c in (96, 1280, 512, 256, 256)]
            setattr(self.box_head.predictor, name, nn.ModuleList([*heads, nn.Conv2d(64, 6 * values, 1)]))

    def forward(self, x: Tensor) -> Outputs:
        features, maps = cast(nn.Sequential, self.backbone.features), []
        for i, layer in enumerate(features):
            x = layer(x)
            if i in (13, 18):
                maps.append(x)
        for extra in cast(nn.ModuleList, self.backbone.extras):
            x = extra(x)
            maps.append(x)
        predictor, outputs = cast(nn.Module, self.box_head.predictor), []
        for name, values in (("cls_headers", self.classes), ("reg_headers", 4)):
            heads = cast(nn.ModuleList, getattr(predictor, name))
            flat = [head(m).permute(0, 2, 3, 1).reshape(len(x), -1) for head, m in zip(heads, maps, strict=True)]
            outputs.append(torch.cat(flat, 1).reshape(len(x), -1, values))
        return outputs[0], outputs[1]
