"""Rewrites a loaded network into one that answers the same with fewer and rounder convolutions; for GPUs.

Call it once, after the weights are loaded and before the network moves to its device and number format.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from detector.models.heads import JointHeads

_HEADS = (("loc", "conf"), ("regression_headers", "classification_headers"))
_ROUND = 8  # channels: what tensor cores take in half precision, without padding everything around them each time


def merge_heads(network: nn.Module) -> bool:
    """Let one convolution per source map predict boxes and classes; whether the network's predictors allow it.

    They do where those of each map are two plain convolutions alike in all but the channels that come out.
    """
    for boxes, classes in _HEADS:
        loc, conf = getattr(network, boxes, None), getattr(network, classes, None)
        if loc is not None and conf is not None:
            pairs = [(_plain(a), _plain(b)) for a, b in zip(loc, conf, strict=True)]
            if not all(a is not None and b is not None and _alike(a, b) for a, b in pairs):
                return False
            joint = _joint(cast(list[tuple[nn.Conv2d, nn.Conv2d]], pairs), cast(int, network.num_classes))
            setattr(network, boxes, joint)
            setattr(network, classes, nn.ModuleList())
            return True
    return False


def widen_input(network: nn.Module) -> int:
    """Let the first convolution take ``_ROUND`` channels, those beyond the image's three being zeros.

    Returns:
        Channels of the input from now on; 3 where it is not certain which convolution sees the image.
    """
    first = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.in_channels == 3 and m.groups == 1]
    if len(first) != 1:
        return 3
    conv = first[0]
    weight = torch.zeros(conv.out_channels, _ROUND, *conv.kernel_size)
    weight[:, :3] = conv.weight.detach()
    conv.weight = nn.Parameter(weight, requires_grad=False)
    conv.in_channels = _ROUND
    return _ROUND


def _plain(head: nn.Module) -> nn.Conv2d | None:
    """The convolution that ``head`` is, if that is all it is."""
    if isinstance(head, nn.Conv2d) and getattr(head, "activation", "none") == "none" and head.groups == 1:
        return head
    return None


def _alike(first: nn.Conv2d, second: nn.Conv2d) -> bool:
    return all(
        getattr(first, name) == getattr(second, name)
        for name in ("in_channels", "kernel_size", "stride", "padding", "dilation", "padding_mode")
    )


def _joint(pairs: Sequence[tuple[nn.Conv2d, nn.Conv2d]], classes: int) -> JointHeads:
    shapes = [loc.out_channels // 4 for loc, _ in pairs]  # boxes per cell
    unit = math.lcm(*(_ROUND // math.gcd(_ROUND, count) for count in shapes))
    depth = -(-(4 + classes) // unit) * unit  # values per box, so that each map's channels come to a multiple of 8
    convs = [_merged(loc, conf, count, classes, depth) for (loc, conf), count in zip(pairs, shapes, strict=True)]
    return JointHeads(convs, classes, depth)


def _merged(loc: nn.Conv2d, conf: nn.Conv2d, boxes: int, classes: int, depth: int) -> nn.Conv2d:
    """Box by box: its 4 offsets, its classes, and zeros up to ``depth``."""
    out = nn.Conv2d(
        loc.in_channels,
        boxes * depth,
        cast(tuple[int, int], loc.kernel_size),
        cast(tuple[int, int], loc.stride),
        cast(tuple[int, int], loc.padding),
        cast(tuple[int, int], loc.dilation),
    )
    weight, bias = torch.zeros_like(out.weight), torch.zeros(boxes * depth)
    for part, start, values in ((loc, 0, 4), (conf, 4, classes)):
        rows = slice(start, start + values)
        _by_box(weight, boxes)[:, rows] = _by_box(part.weight.detach(), boxes)
        if part.bias is not None:
            _by_box(bias, boxes)[:, rows] = _by_box(part.bias.detach(), boxes)
    out.weight, out.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)
    return out


def _by_box(parameter: Tensor, boxes: int) -> Tensor:
    """[A * values, ...] -> [A, values, ...], the same memory."""
    return parameter.view(boxes, -1, *parameter.shape[1:])
