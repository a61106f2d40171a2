"""VGG-16 SSDs as other code bases keep them: their key names, their forward rule and their default boxes, told plainly.

Written from the layouts' own sources and independent of the importers on purpose: a mistake in one shows against the
other. Nothing of ``detector`` is used here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its usual name

# conv1_1 ... conv5_3, fc6, fc7
_LIST = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28, 31, 33)
_TORCHVISION = [
    *(f"backbone.features.{n}" for n in _LIST[:10]),
    *(f"backbone.extra.0.{n}" for n in ("1", "3", "5", "7.1", "7.3")),
]


@dataclass(frozen=True)
class Layout:
    """Key names of one code base, without ``.weight`` and ``.bias``, in the order the layers run."""

    name: str
    base: tuple[str, ...]
    extras: tuple[str, ...]
    loc: str
    conf: str
    norm: str
    batch_norm: bool = False


def _layout(name: str, base: Sequence[str], extras: Sequence[str], loc: str, conf: str, norm: str) -> Layout:
    return Layout(name, tuple(base), tuple(extras), loc, conf, norm)


LAYOUTS = {
    layout.name: layout
    for layout in (
        _layout(
            "torchvision-ssd300",
            _TORCHVISION,
            [f"backbone.extra.{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 2)],
            "head.regression_head.module_list.{}",
            "head.classification_head.module_list.{}",
            "backbone.scale_weight",
        ),
        _layout(
            "amdegroot",
            [f"vgg.{n}" for n in _LIST],
            [f"extras.{n}" for n in range(8)],
            "loc.{}",
            "conf.{}",
            "L2Norm.weight",
        ),
        _layout(
            "lufficc-vgg16",
            [f"backbone.vgg.{n}" for n in _LIST],
            [f"backbone.extras.{n}" for n in range(10)],
            "box_head.predictor.reg_headers.{}",
            "box_head.predictor.cls_headers.{}",
            "backbone.l2_norm.weight",
        ),
        _layout(
            "lufficc-vgg16-1",
            [f"vgg.{n}" for n in _LIST],
            [f"extras.{n}" for n in range(10)],
            "regression_headers.{}",
            "classification_headers.{}",
            "l2_norm.weight",
        ),
        Layout(
            "mmdetection",
            tuple(f"backbone.features.{n}" for n in _LIST),
            tuple(f"neck.extra_layers.{i}.{j}.conv" for i in range(5) for j in (0, 1)),
            "bbox_head.reg_convs.{}.0",
            "bbox_head.cls_convs.{}.0",
            "neck.l2_norm.weight",
        ),
        Layout(
            "mmdetection-old",
            tuple(f"backbone.features.{n}" for n in _LIST),
            tuple(f"backbone.extra.{n}" for n in range(10)),
            "bbox_head.reg_convs.{}",
            "bbox_head.cls_convs.{}",
            "backbone.l2_norm.weight",
        ),
        Layout(
            "qfgaohao-vgg16",
            tuple(f"base_net.{n}" for n in _LIST),
            tuple(f"extras.{i}.{j}" for i in range(4) for j in (0, 2)),
            "regression_headers.{}",
            "classification_headers.{}",
            "source_layer_add_ons.0",
            batch_norm=True,
        ),
    )
}
BASE_CHANNELS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
# (outputs, kernel, stride, padding) of the extra convolutions; the first of each pair is 1x1.
EXTRAS = {
    300: ((256, 1, 1, 0), (512, 3, 2, 1), (128, 1, 1, 0), (256, 3, 2, 1), (128, 1, 1, 0), (256, 3, 1, 0),
          (128, 1, 1, 0), (256, 3, 1, 0)),
    512: ((256, 1, 1, 0), (512, 3, 2, 1), (128, 1, 1, 0), (256, 3, 2, 1), (128, 1, 1, 0), (256, 3, 2, 1),
          (128, 1, 1, 0), (256, 3, 2, 1), (128, 1, 1, 0), (256, 4, 1, 1)),
}  # fmt: skip
BOXES = {300: (4, 6, 6, 6, 4, 4), 512: (4, 6, 6, 6, 6, 4, 4)}
GRIDS = {300: (38, 19, 10, 5, 3, 1), 512: (64, 32, 16, 8, 4, 2, 1)}
STEPS = {300: (8, 16, 32, 64, 100, 300), 512: (8, 16, 32, 64, 128, 256, 512)}


def random_state(layout: Layout, side: int, classes: int, divide: int = 8, seed: int = 0) -> dict[str, Tensor]:
    """Weights of a network whose channels are divided by ``divide``; ``classes`` counts the background."""
    random = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def conv(key: str, after: int, before: int, kernel: int) -> int:
        spread = math.sqrt(2 / (before * kernel * kernel))
        state[f"{key}.weight"] = torch.randn(after, before, kernel, kernel, generator=random) * spread
        state[f"{key}.bias"] = torch.randn(after, generator=random) * 0.1
        return after

    channels, sources = 3, []
    for key, outputs in zip(layout.base, BASE_CHANNELS, strict=True):
        channels = conv(key, outputs // divide, channels, 1 if key == layout.base[-1] else 3)
    conv4 = 512 // divide
    for number, (outputs, kernel, _, _) in enumerate(EXTRAS[side]):
        channels = conv(layout.extras[number], outputs // divide, channels, kernel)
        sources += [channels] if number % 2 else []
    for level, (source, boxes) in enumerate(zip((conv4, 1024 // divide, *sources), BOXES[side], strict=True)):
        conv(layout.loc.format(level), 4 * boxes, source, 3)
        conv(layout.conf.format(level), classes * boxes, source, 3)
    if layout.batch_norm:
        for part, low in (("weight", 0.5), ("bias", -0.5), ("running_mean", 0.0), ("running_var", 0.5)):
            state[f"{layout.norm}.{part}"] = low + torch.rand(conv4, generator=random)
        state[f"{layout.norm}.num_batches_tracked"] = torch.tensor(1000)
    else:
        state[layout.norm] = 10 + 10 * torch.rand(conv4, generator=random)
    return state


def forward(layout: Layout, state: dict[str, Tensor], images: Tensor, side: int, classes: int) -> tuple[Tensor, Tensor]:
    """Float[B, 3, side, side] -> boxes Float[B, P, 4], logits Float[B, P, classes] in the layout's order."""

    def conv(x: Tensor, key: str, **options: int) -> Tensor:
        return F.conv2d(x, state[f"{key}.weight"], state[f"{key}.bias"], **options)

    x, sources = images, []
    pools = {2: False, 4: False, 7: True, 10: False}  # after so many convolutions; rounded up where True
    for count, key in enumerate(layout.base[:13], start=1):
        x = F.relu(conv(x, key, padding=1))
        if count == 10:
            sources.append(_norm(layout, state, x))
        if count in pools:
            x = F.max_pool2d(x, kernel_size=2, stride=2, ceil_mode=pools[count])
    x = F.max_pool2d(x, kernel_size=3, stride=1, padding=1)
    x = F.relu(conv(x, layout.base[13], padding=6, dilation=6))
    x = F.relu(conv(x, layout.base[14]))
    sources.append(x)
    for number, (_, _, stride, padding) in enumerate(EXTRAS[side]):
        x = F.relu(conv(x, layout.extras[number], stride=stride, padding=padding))
        if number % 2:
            sources.append(x)
    boxes, logits = [], []
    for level, source in enumerate(sources):
        b = conv(source, layout.loc.format(level), padding=1)
        c = conv(source, layout.conf.format(level), padding=1)
        boxes.append(b.permute(0, 2, 3, 1).contiguous().view(len(images), -1, 4))
        logits.append(c.permute(0, 2, 3, 1).contiguous().view(len(images), -1, classes))
    return torch.cat(boxes, 1), torch.cat(logits, 1)


def _norm(layout: Layout, state: dict[str, Tensor], x: Tensor) -> Tensor:
    if layout.batch_norm:
        parts = [state[f"{layout.norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *parts, training=False)
    return F.normalize(x, dim=1) * state[layout.norm].view(1, -1, 1, 1)


def prior_boxes(side: int, sizes: Sequence[float], clamp: str) -> npt.NDArray[np.float64]:
    """Float64[P, 4] (cx, cy, w, h): one loop for each thing there is. ``sizes``: of each level, and one more."""
    rows = []
    for level, (grid, step) in enumerate(zip(GRIDS[side], STEPS[side], strict=True)):
        small, large = sizes[level] / side, sizes[level + 1] / side
        ratios = (2,) if BOXES[side][level] == 4 else (2, 3)
        for i, j in itertools.product(range(grid), repeat=2):
            cx, cy = (j + 0.5) * step / side, (i + 0.5) * step / side
            middle = math.sqrt(small * large)
            rows += [(cx, cy, small, small), (cx, cy, middle, middle)]
            for ratio in ratios:
                root = math.sqrt(ratio)
                rows += [(cx, cy, small * root, small / root), (cx, cy, small / root, small * root)]
    boxes = np.array(rows)
    if clamp == "all":
        boxes = boxes.clip(0, 1)
    elif clamp == "size":
        boxes[:, 2:] = boxes[:, 2:].clip(0, 1)
    return boxes
