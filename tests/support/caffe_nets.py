"""SSD300, SSD512 and MobileNet-SSD stated as Caffe's own networks: an independent account of layer names and numbers.

The networks are dicts like those ``parse_prototxt`` gives; with the real material here they are compared to the
published files.
"""

from __future__ import annotations

from typing import Any

from tests.support.prototxt import Node


class _Net:
    def __init__(self, name: str, side: int, mean: tuple[float, ...], scale: float | None) -> None:
        transform: dict[str, Any] = {"mean_value": list(mean), "resize_param": [{"height": [side], "width": [side]}]}
        if scale is not None:
            transform["scale"] = [scale]
        data = {"name": ["data"], "type": ["AnnotatedData"], "top": ["data", "label"], "transform_param": [transform]}
        self.node: Node = {"name": [name], "layer": [data]}
        self.last = "data"

    def add(self, name: str, kind: str, bottoms: list[str], top: str | None = None, **params: Any) -> None:
        layer: Node = {"name": [name], "type": [kind], "bottom": bottoms, "top": [top or name]}
        for key, values in params.items():
            layer[key] = [{k: v if isinstance(v, list) else [v] for k, v in values.items()}]
        self.node["layer"].append(layer)

    def conv(self, name: str, out: int, kernel: int, bottom: str | None = None, **more: Any) -> None:
        values = {"num_output": out, "kernel_size": kernel, **more}
        self.add(name, "Convolution", [bottom or self.last], convolution_param=values)
        self.last = name

    def relu(self, name: str) -> None:
        self.add(name, "ReLU", [self.last], self.last)

    def norm(self, name: str) -> None:
        self.add(f"{name}/bn", "BatchNorm", [name], name)
        self.add(f"{name}/scale", "Scale", [name], name, scale_param={"bias_term": True})

    def predictors(self, source: str, boxes: int, classes: int, kernel: int, prior: dict[str, Any]) -> None:
        for part, values in (("loc", 4), ("conf", classes)):
            name = f"{source}_mbox_{part}"
            pad = {"pad": 1} if kernel == 3 else {}
            self.conv(name, boxes * values, kernel, source, **pad)
            self.add(f"{name}_perm", "Permute", [name], permute_param={"order": [0, 2, 3, 1]})
            self.add(f"{name}_flat", "Flatten", [f"{name}_perm"], flatten_param={"axis": 1})
        fixed = {"flip": True, "clip": False, "variance": [0.1, 0.1, 0.2, 0.2], "offset": 0.5}
        self.add(f"{source}_mbox_priorbox", "PriorBox", [source, "data"], prior_box_param={**prior, **fixed})

    def join(self, sources: list[str]) -> None:
        for part, axis in (("loc", 1), ("conf", 1), ("priorbox", 2)):
            bottoms = [f"{s}_mbox_{part}" + ("" if part == "priorbox" else "_flat") for s in sources]
            self.add(f"mbox_{part}", "Concat", bottoms, concat_param={"axis": axis})


def vgg_ssd(side: int, classes: int, sizes: tuple[float, ...], width: float = 1) -> Node:
    """weiliu89's SSD300 (seven sizes) or SSD512 (eight).

    Args:
        side: 300 or 512.
        classes: Background included.
        sizes: Sizes of the default boxes per level and one more, fractional where the authors' scripts leave them so.
        width: Multiplies the channels of every layer; 1 is the published network.
    """
    net = _Net(f"VGG_SSD_{side}x{side}_train", side, (104.0, 117.0, 123.0), None)
    for block, (out, convs) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for i in range(1, convs + 1):
            net.conv(f"conv{block}_{i}", int(out * width), 3, pad=1)
            net.relu(f"relu{block}_{i}")
        window = {"kernel_size": 2, "stride": 2} if block < 5 else {"kernel_size": 3, "stride": 1, "pad": 1}
        net.add(f"pool{block}", "Pooling", [net.last], pooling_param={"pool": "MAX", **window})
        net.last = f"pool{block}"
    net.conv("fc6", int(1024 * width), 3, pad=6, dilation=6)
    net.relu("relu6")
    net.conv("fc7", int(1024 * width), 1)
    net.relu("relu7")
    halving, shrinking = {"pad": 1, "stride": 2}, {"pad": 0, "stride": 1}
    extras: list[tuple[int, int, int, dict[str, int]]] = [(256, 512, 3, halving), (128, 256, 3, halving)]
    extras += [(128, 256, 3, halving if side == 512 else shrinking)] * 2
    extras += [(128, 256, 4, {"pad": 1, "stride": 1})] if side == 512 else []
    sources = ["conv4_3_norm", "fc7"]
    for number, (middle, out, kernel, more) in enumerate(extras, start=6):
        for name, channels, k, rest in (
            (f"conv{number}_1", middle, 1, {"pad": 0, "stride": 1}),
            (f"conv{number}_2", out, kernel, more),
        ):
            net.conv(name, int(channels * width), k, **rest)
            net.relu(f"{name}_relu")
        sources.append(f"conv{number}_2")
    norm = {"across_spatial": False, "channel_shared": False}
    net.add("conv4_3_norm", "Normalize", ["conv4_3"], norm_param=norm)
    steps = [8, 16, 32, 64, 100, 300] if side == 300 else [8, 16, 32, 64, 128, 256, 512]
    for level, (source, step) in enumerate(zip(sources, steps, strict=True)):
        few = level == 0 or level >= len(sources) - 2
        prior = {"min_size": sizes[level], "max_size": sizes[level + 1], "aspect_ratio": [2] if few else [2, 3]}
        net.predictors(source, 4 if few else 6, classes, 3, {**prior, "step": step})
    net.join(sources)
    return net.node


def mobilenet_ssd(classes: int, *, merged: bool) -> Node:
    """chuanqi305's MobileNet-SSD.

    Args:
        classes: Background included.
        merged: Batch normalisation already multiplied into the convolutions, as in the deploy file.
    """
    net = _Net("MobileNet-SSD", 300, (127.5, 127.5, 127.5), 0.007843)
    convs: list[tuple[str, int, int, dict[str, int]]] = [("conv0", 32, 3, {"pad": 1, "stride": 2})]
    previous = 32
    outs = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    for number, out in enumerate(outs, start=1):
        stride = 2 if number in (2, 4, 6, 12) else 1
        convs.append((f"conv{number}/dw", previous, 3, {"pad": 1, "stride": stride, "group": previous}))
        convs.append((f"conv{number}", out, 1, {}))
        previous = out
    for number, middle, out in ((14, 256, 512), (15, 128, 256), (16, 128, 256), (17, 64, 128)):
        convs.append((f"conv{number}_1", middle, 1, {}))
        convs.append((f"conv{number}_2", out, 3, {"pad": 1, "stride": 2}))
    for name, out, kernel, more in convs:
        net.conv(name, out, kernel, bias_term=merged, **more)
        if not merged:
            net.norm(name)
        net.relu(f"{name}/relu")
    sources = ["conv11", "conv13", "conv14_2", "conv15_2", "conv16_2", "conv17_2"]
    sizes = [(105, 150), (150, 195), (195, 240), (240, 285), (285, 300)]
    net.predictors("conv11", 3, classes, 1, {"min_size": 60, "aspect_ratio": 2})
    for source, (low, high) in zip(sources[1:], sizes, strict=True):
        net.predictors(source, 6, classes, 1, {"min_size": low, "max_size": high, "aspect_ratio": [2, 3]})
    net.join(sources)
    return net.node
