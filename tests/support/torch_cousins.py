"""Networks that are run as graphs, restated from their published sources: module names, shapes, forward rules, boxes.

qfgaohao/pytorch-ssd, ``mobilenetv1_ssd.py`` and ``mobilenetv1_ssd_lite.py``; zisianw/FaceBoxes.PyTorch,
``faceboxes.py`` and ``prior_box.py``; biubug6/Face-Detector-1MB-with-landmark, ``net_slim.py`` and ``prior_box.py``.
Literal, and independent of the program's importers.
"""

from __future__ import annotations

from itertools import product
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional

Outputs = tuple[Tensor, Tensor]


def _conv_bn(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


def _conv_dw(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, before, 3, stride, 1, groups=before, bias=False), nn.BatchNorm2d(before), nn.ReLU(),
        nn.Conv2d(before, after, 1, 1, 0, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
    )  # fmt: skip


def _separable(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, before, 3, stride, 1, groups=before), nn.ReLU(), nn.Conv2d(before, after, 1))


def _flat(predictions: list[Tensor], values: int) -> Tensor:
    return torch.cat([each.permute(0, 2, 3, 1).reshape(len(each), -1, values) for each in predictions], 1)


class MobileNetSSD(nn.Module):
    """mb1-ssd, or mb1-ssd-lite.

    Args:
        widths: Channels of the first layer and of the thirteen after it.
        classes: With background.
        lite: The lite one.
    """

    def __init__(self, widths: list[int], classes: int, *, lite: bool) -> None:
        super().__init__()
        self.classes = classes
        strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
        layers = [_conv_bn(3, widths[0], 2)]
        layers += [_conv_dw(a, b, s) for a, b, s in zip(widths, widths[1:], strides, strict=False)]
        self.base_net = nn.Sequential(*layers)
        previous, sources = widths[-1], [widths[11], widths[13]]
        self.extras = nn.ModuleList()
        for middle, out in ((16, 24), (8, 16), (8, 16), (8, 16)):
            tail = [_separable(middle, out, 2)] if lite else [nn.Conv2d(middle, out, 3, 2, 1), nn.ReLU()]
            self.extras.append(nn.Sequential(nn.Conv2d(previous, middle, 1), nn.ReLU(), *tail))
            previous = out
            sources.append(out)
        for name, values in (("regression_headers", 4), ("classification_headers", classes)):
            heads: list[nn.Module] = []
            for level, channels in enumerate(sources):
                if not lite:
                    heads.append(nn.Conv2d(channels, 6 * values, 3, padding=1))
                elif level < 5:
                    heads.append(_separable(channels, 6 * values))
                else:
                    heads.append(nn.Conv2d(channels, 6 * values, 1))
            setattr(self, name, nn.ModuleList(heads))

    def forward(self, x: Tensor) -> Outputs:
        """Encoded boxes and logits."""
        sources = [x := self.base_net[:12](x), x := self.base_net[12:](x)]
        for extra in self.extras:
            x = extra(x)
            sources.append(x)
        heads = self.regression_headers, self.classification_headers
        locs, logits = ([head(x) for head, x in zip(each, sources, strict=True)] for each in heads)  # type: ignore[arg-type]  # ModuleLists
        return _flat(locs, 4), _flat(logits, self.classes)


class Slim(nn.Module):
    """face1mb, slim."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv_bn(3, 16, 2)
        rows = ((16, 32, 1), (32, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1), (64, 64, 1),
                (64, 128, 2), (128, 128, 1), (128, 128, 1), (128, 256, 2), (256, 256, 1))  # fmt: skip
        for number, row in enumerate(rows, start=2):
            setattr(self, f"conv{number}", _conv_dw(*row))
        self.conv14 = nn.Sequential(nn.Conv2d(256, 64, 1), nn.ReLU(), _separable(64, 256, 2), nn.ReLU())
        for name, values in (("loc", 4), ("conf", 2), ("landm", 10)):
            heads: list[nn.Module] = [_separable(c, n * values) for c, n in ((64, 3), (128, 2), (256, 2))]
            setattr(self, name, nn.ModuleList([*heads, nn.Conv2d(256, 3 * values, 3, padding=1)]))

    def forward(self, x: Tensor) -> Outputs:
        """Encoded boxes and logits."""
        sources = []
        for number in range(1, 15):
            x = getattr(self, f"conv{number}")(x)
            if number in (8, 11, 13, 14):
                sources.append(x)
        heads = self.loc, self.conf
        locs, logits = ([head(x) for head, x in zip(each, sources, strict=True)] for each in heads)  # type: ignore[arg-type]  # ModuleLists
        return _flat(locs, 4), _flat(logits, 2)

    @staticmethod
    def priors(height: int, width: int) -> Tensor:
        """Default boxes, (cx, cy, w, h)."""
        sizes, found = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256)), []
        for step, sides in zip((8, 16, 32, 64), sizes, strict=True):
            for i, j in product(range(ceil(height / step)), range(ceil(width / step))):
                for side in sides:
                    found.append(((j + 0.5) * step / width, (i + 0.5) * step / height, side / width, side / height))
        return torch.tensor(found)


class _Basic(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))


class _CRelu(_Basic):
    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return functional.relu(torch.cat([x, -x], 1))


class _Inception(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch1x1, self.branch1x1_2 = _Basic(128, 32, 1), _Basic(128, 32, 1)
        self.branch3x3_reduce, self.branch3x3 = _Basic(128, 24, 1), _Basic(24, 32, 3, 1, 1)
        self.branch3x3_reduce_2, self.branch3x3_2 = _Basic(128, 24, 1), _Basic(24, 32, 3, 1, 1)
        self.branch3x3_3 = _Basic(32, 32, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = functional.avg_pool2d(x, kernel_size=3, stride=1, padding=1)
        wide = self.branch3x3_3(self.branch3x3_2(self.branch3x3_reduce_2(x)))
        narrow = self.branch3x3(self.branch3x3_reduce(x))
        return torch.cat([self.branch1x1(x), self.branch1x1_2(pooled), narrow, wide], 1)


class FaceBoxes(nn.Module):
    """FaceBoxes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = _CRelu(3, 24, 7, 4, 3), _CRelu(48, 64, 5, 2, 2)
        self.inception1, self.inception2, self.inception3 = _Inception(), _Inception(), _Inception()
        self.conv3_1, self.conv3_2 = _Basic(128, 128, 1), _Basic(128, 256, 3, 2, 1)
        self.conv4_1, self.conv4_2 = _Basic(256, 128, 1), _Basic(128, 256, 3, 2, 1)
        shapes = ((128, 21), (256, 1), (256, 1))
        self.loc = nn.ModuleList([nn.Conv2d(c, n * 4, 3, padding=1) for c, n in shapes])
        self.conf = nn.ModuleList([nn.Conv2d(c, n * 2, 3, padding=1) for c, n in shapes])

    def forward(self, x: Tensor) -> Outputs:
        """Encoded boxes and logits."""
        for conv in (self.conv1, self.conv2):
            x = functional.max_pool2d(conv(x), kernel_size=3, stride=2, padding=1)
        sources = [x := self.inception3(self.inception2(self.inception1(x)))]
        sources.append(x := self.conv3_2(self.conv3_1(x)))
        sources.append(self.conv4_2(self.conv4_1(x)))
        locs, logits = ([head(x) for head, x in zip(each, sources, strict=True)] for each in (self.loc, self.conf))
        return _flat(locs, 4), _flat(logits, 2)

    @staticmethod
    def priors(height: int, width: int) -> Tensor:
        """Default boxes, (cx, cy, w, h)."""
        found = []
        for step, sides in zip((32, 64, 128), ((32, 64, 128), (256,), (512,)), strict=True):
            for i, j in product(range(ceil(height / step)), range(ceil(width / step))):
                for side in sides:
                    shifts = {32: (0, 0.25, 0.5, 0.75), 64: (0, 0.5)}.get(side, (0.5,))
                    for y, x in product([i + s for s in shifts], [j + s for s in shifts]):
                        found.append((x * step / width, y * step / height, side / width, side / height))
        return torch.tensor(found)
