"""chuanqi305's MobileNet-SSD restated from its published ``deploy.prototxt``, literally: layers, shapes, forward rule.

Independent of the program's importers and networks on purpose: a mistake in one shows against the other.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from detector.safetensors_file import Array

Layers = dict[str, list[Tensor]]
# "name: channels in, channels out, kernel, stride", as in the published deploy.prototxt; depthwise where it says /dw.
_CAFFE = """
conv0: 3 32 3 2; conv1/dw: 32 32 3 1; conv1: 32 64 1 1; conv2/dw: 64 64 3 2; conv2: 64 128 1 1;
conv3/dw: 128 128 3 1; conv3: 128 128 1 1; conv4/dw: 128 128 3 2; conv4: 128 256 1 1; conv5/dw: 256 256 3 1;
conv5: 256 256 1 1; conv6/dw: 256 256 3 2; conv6: 256 512 1 1; conv7/dw: 512 512 3 1; conv7: 512 512 1 1;
conv8/dw: 512 512 3 1; conv8: 512 512 1 1; conv9/dw: 512 512 3 1; conv9: 512 512 1 1; conv10/dw: 512 512 3 1;
conv10: 512 512 1 1; conv11/dw: 512 512 3 1; conv11: 512 512 1 1; conv12/dw: 512 512 3 2; conv12: 512 1024 1 1;
conv13/dw: 1024 1024 3 1; conv13: 1024 1024 1 1; conv14_1: 1024 256 1 1; conv14_2: 256 512 3 2;
conv15_1: 512 128 1 1; conv15_2: 128 256 3 2; conv16_1: 256 128 1 1; conv16_2: 128 256 3 2;
conv17_1: 256 64 1 1; conv17_2: 64 128 3 2
"""
_CAFFE_SOURCES = {"conv11": 512, "conv13": 1024, "conv14_2": 512, "conv15_2": 256, "conv16_2": 256, "conv17_2": 128}


def _caffe_rows() -> list[tuple[str, int, int, int, int]]:
    rows = []
    for row in _CAFFE.replace("\n", " ").split(";"):
        name, numbers = row.split(":")
        before, after, kernel, stride = (int(word) for word in numbers.split())
        rows.append((name.strip(), before, after, kernel, stride))
    return rows


def blobs(layers: Layers) -> dict[str, list[Array]]:
    """Returns them as the importer gets them."""
    return {name: [tensor.numpy() for tensor in tensors] for name, tensors in layers.items()}


def caffe_mobilenet_layers(classes: int, *, merged: bool, seed: int = 0) -> Layers:
    """The blobs of a MobileNet-SSD: of the deploy network, or with its normalisation still apart as while training."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, std: float = 0.2) -> Tensor:
        return torch.randn(shape, generator=generator) * std

    layers: Layers = {}
    for name, before, after, kernel, _stride in _caffe_rows():
        inputs = 1 if name.endswith("/dw") else before
        layers[name] = [normal(after, inputs, kernel, kernel, std=(2 / (inputs * kernel**2)) ** 0.5)]
        if merged:
            layers[name].append(normal(after))
        else:
            variance = torch.rand(after, generator=generator) + 0.5
            layers[f"{name}/bn"] = [normal(after) * 999, variance * 999, torch.tensor([999.0])]
            layers[f"{name}/scale"] = [torch.rand(after, generator=generator) + 0.5, normal(after)]
    for i, (source, channels) in enumerate(_CAFFE_SOURCES.items()):
        for kind, values in (("loc", 4), ("conf", classes)):
            rows = (3 if i == 0 else 6) * values
            layers[f"{source}_mbox_{kind}"] = [normal(rows, channels, 1, 1, std=channels**-0.5), normal(rows)]
    return layers


def caffe_mobilenet_forward(layers: Layers, x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """mbox_loc Float[B, 1917, 4] and mbox_conf Float[B, 1917, classes], layer by layer as the prototxt runs them."""
    maps: dict[str, Tensor] = {}
    for name, before, _after, kernel, stride in _caffe_rows():
        blobs = [blob.to(x.dtype) for blob in layers[name]]
        groups = before if name.endswith("/dw") else 1
        bias = blobs[1] if len(blobs) > 1 else None
        x = functional.conv2d(x, blobs[0], bias, stride, kernel // 2, groups=groups)
        if f"{name}/bn" in layers:
            mean, variance, factor = (blob.to(x.dtype) for blob in layers[f"{name}/bn"])
            gamma, beta = (blob.to(x.dtype) for blob in layers[f"{name}/scale"])
            x = functional.batch_norm(x, mean / factor, variance / factor, gamma, beta, eps=1e-5)
        x = x.clamp(min=0)
        maps[name] = x
    outputs = []
    for kind, values in (("loc", 4), ("conf", classes)):
        flat = []
        for source in _CAFFE_SOURCES:
            weight, bias = (blob.to(x.dtype) for blob in layers[f"{source}_mbox_{kind}"])
            flat.append(functional.conv2d(maps[source], weight, bias).permute(0, 2, 3, 1).reshape(len(x), -1))
        outputs.append(torch.cat(flat, 1).reshape(len(x), -1, values))
    return outputs[0], outputs[1]
