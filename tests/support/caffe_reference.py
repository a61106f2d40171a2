"""What Caffe computes, layer by layer, spelled out for the few kinds of layer an SSD has. Slow and literal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tools.fixtures.prototxt import Node

Weights = dict[str, list[Tensor]]


def random_weights(net: Node, seed: int = 0) -> Weights:
    """Blobs for every layer that has some, of a spread that keeps activations alive through the depth."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int, spread: float = 1.0) -> Tensor:
        return torch.randn(shape, generator=random) * spread

    channels = {"data": 3}
    weights: Weights = {}
    for layer in net["layer"]:
        if "bottom" not in layer:
            continue
        name, kind, into = layer["name"][0], layer["type"][0], channels[layer["bottom"][0]]
        out = into
        if kind == "Convolution":
            param = layer["convolution_param"][0]
            out = int(param["num_output"][0])
            kernel, group = int(param["kernel_size"][0]), int(_one(param, "group", 1))
            fan_in = into // group * kernel * kernel
            weights[name] = [normal(out, into // group, kernel, kernel, spread=(2 / fan_in) ** 0.5)]
            if _one(param, "bias_term", True):
                weights[name].append(normal(out, spread=0.1))
        elif kind == "Normalize":
            weights[name] = [20 + normal(into)]
        elif kind == "BatchNorm":
            factor = 3.0  # Caffe keeps sums beside how much they sum up
            weights[name] = [normal(into, spread=0.1) * factor, normal(into).square() * factor + factor / 2]
            weights[name].append(torch.tensor([factor]))
        elif kind == "Scale":
            weights[name] = [1 + normal(into, spread=0.1), normal(into, spread=0.1)]
        channels |= dict.fromkeys(layer["top"], out)
    return weights


@torch.inference_mode()
def run_caffe(net: Node, weights: Mapping[str, list[Tensor]], images: Tensor) -> dict[str, Tensor]:
    """Every top of ``net`` for ``images`` Float[B, 3, H, W]."""
    tops = {"data": images}
    for layer in net["layer"]:
        if "bottom" in layer:
            bottoms = [tops[name] for name in layer["bottom"]]
            tops[layer["top"][0]] = _layer(layer, bottoms, weights.get(layer["name"][0], []))
    return tops


def _layer(layer: Node, bottoms: list[Tensor], blobs: list[Tensor]) -> Tensor:
    x = bottoms[0]
    match layer["type"][0]:
        case "Convolution":
            param = layer["convolution_param"][0]
            stride, pad, dilation, group = (
                int(_one(param, key, default))
                for key, default in (("stride", 1), ("pad", 0), ("dilation", 1), ("group", 1))
            )
            return functional.conv2d(x, blobs[0], blobs[1] if blobs[1:] else None, stride, pad, dilation, group)
        case "ReLU":
            return functional.relu(x)
        case "Pooling":
            param = layer["pooling_param"][0]
            kernel, stride, pad = (
                int(_one(param, key, d)) for key, d in (("kernel_size", 0), ("stride", 1), ("pad", 0))
            )
            pool = functional.max_pool2d if _one(param, "pool", "MAX") == "MAX" else functional.avg_pool2d
            return pool(x, kernel, stride, pad, ceil_mode=True)  # type: ignore[operator]  # both take these
        case "Eltwise":
            return bottoms[0] + bottoms[1]
        case "Reshape":
            dims = layer["reshape_param"][0]["shape"][0]["dim"]
            return x.reshape([x.shape[i] if side == 0 else int(side) for i, side in enumerate(dims)])
        case "Softmax":
            return functional.softmax(x, int(layer["softmax_param"][0]["axis"][0]))
        case "Normalize":
            return x / (x.square().sum(dim=1, keepdim=True) + 1e-10).sqrt() * blobs[0][None, :, None, None]
        case "BatchNorm":
            mean, variance = (blob[None, :, None, None] / blobs[2] for blob in blobs[:2])
            return (x - mean) / (variance + 1e-5).sqrt()
        case "Scale":
            return x * blobs[0][None, :, None, None] + blobs[1][None, :, None, None]
        case "Permute":
            return x.permute(*(int(axis) for axis in layer["permute_param"][0]["order"]))
        case "Flatten":
            return x.flatten(1)
        case "Concat":
            return torch.cat(bottoms, dim=int(layer["concat_param"][0]["axis"][0]))
        case "PriorBox":
            return _prior_boxes(layer["prior_box_param"][0], x.shape[2:], bottoms[1].shape[2:])
        case kind:
            raise AssertionError(kind)


def _prior_boxes(param: Node, grid: torch.Size, image: torch.Size) -> Tensor:
    """Float32[1, 2, P * 4]: corners, then variances, as Caffe lays them out."""
    rows, columns = grid
    height, width = image
    step_y, step_x = (_one(param, "step", side / cells) for side, cells in ((height, rows), (width, columns)))
    ratios = [1.0]
    for ratio in param.get("aspect_ratio", []):
        ratios += [ratio, 1 / ratio] if _one(param, "flip", True) else [ratio]
    boxes = []
    for row in range(rows):
        for column in range(columns):
            cx, cy = (column + _one(param, "offset", 0.5)) * step_x, (row + _one(param, "offset", 0.5)) * step_y
            shapes = []
            for i, size in enumerate(int(size) for size in param["min_size"]):
                shapes.append((size, size))
                if "max_size" in param:
                    shapes.append(((size * int(param["max_size"][i])) ** 0.5,) * 2)
                shapes += [(size * ratio**0.5, size / ratio**0.5) for ratio in ratios[1:]]
            boxes += [
                ((cx - w / 2) / width, (cy - h / 2) / height, (cx + w / 2) / width, (cy + h / 2) / height)
                for w, h in shapes
            ]
    corners = np.array(boxes, np.float32)
    if _one(param, "clip", False):
        corners = corners.clip(0, 1)
    variances = np.broadcast_to(np.array(param["variance"], np.float32), corners.shape)
    return torch.from_numpy(np.stack((corners.ravel(), variances.ravel()))[None])


def _one(param: Node, key: str, default: Any) -> Any:
    return param.get(key, [default])[0]
