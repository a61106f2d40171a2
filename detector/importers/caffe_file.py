"""Reading a ``.caffemodel``: Caffe's ``NetParameter``, as far as an SSD needs it. No torch.

Both generations of the format are known: ``layer`` with named kinds, and the older ``layers`` (V1). A file that Caffe
wrote holds the whole network with its weights, so it also tells its default boxes and how its images were prepared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.importers.caffe_schema import KIND, NET
from detector.importers.first_bytes import start_of
from detector.importers.protobuf_file import damage_explained, read_file
from detector.importers.protobuf_wire import Message, WireError, last_of

Blob = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PriorBox:
    """One layer's default boxes, as Caffe's ``PriorBoxParameter`` puts them; () or None where it says nothing."""

    min_sizes: tuple[float, ...]
    max_sizes: tuple[float, ...]
    aspect_ratios: tuple[float, ...]
    flip: bool
    clip: bool
    variances: tuple[float, ...]
    image_hw: tuple[int, int] | None
    step_yx: tuple[float, float] | None
    offset: float


@dataclass(frozen=True, slots=True)
class CaffeLayer:
    """A layer that has weights or says something about the boxes.

    Attributes:
        blobs: Its weights, all finite, float32; convolutions are (out, in, height, width).
        prior_box: For a ``PriorBox`` layer.
        across_spatial: Normalises over the whole map instead of each location; None unless a ``Normalize`` layer.
        epsilon: Of a ``BatchNorm`` layer.
    """

    blobs: tuple[Blob, ...] = ()
    prior_box: PriorBox | None = None
    across_spatial: bool | None = None
    epsilon: float = 1e-5


@dataclass(frozen=True, slots=True)
class CaffeNet:
    """The content of a ``.caffemodel``.

    Attributes:
        name: The network's.
        layers: By name, in the file's order.
        input_hw: Height and width of the input, where the file tells.
        mean: Subtracted from the pixels, one for all channels or one each; () where the file does not tell.
        scale: Multiplied afterwards; None where the file does not tell.
    """

    name: str
    layers: dict[str, CaffeLayer]
    input_hw: tuple[int, int] | None
    mean: tuple[float, ...]
    scale: float | None


def read_caffemodel(path: Path) -> CaffeNet:
    """Read ``path`` whole; its weights are held once.

    Raises:
        DetectorError: It cannot be read, is no Caffe model, cut off, damaged or too large, or its weights are.
    """
    start_of(path)
    with damage_explained(path, KIND):
        return _net(read_file(path, NET, KIND))


def _net(message: Message) -> CaffeNet:
    layers: dict[str, CaffeLayer] = {}
    transform: Message = {}
    sizes = [_side(dim) for dim in (message.get("input_dim", []), *_dims(message.get("input_shape", [])))]
    for content in (*message.get("layers", []), *message.get("layer", [])):
        name = last_of(content, "name", "")
        layer = _layer(content, name)
        if layer.blobs and name in layers and layers[name].blobs:
            raise WireError(f"it has two layers {name[:60]!r}")
        if layer.blobs or layer.prior_box is not None:
            layers[name] = layer
        transform = last_of(content, "transform_param", transform)
        sizes += [_side(dim) for dim in _dims(last_of(content, "input_param", {}).get("shape", []))]
    if not layers:
        raise WireError("it has no layers with weights")
    resize = last_of(transform, "resize_param", {})
    sizes.append(_side((1, 3, last_of(resize, "height", 0), last_of(resize, "width", 0))))
    return CaffeNet(
        name=last_of(message, "name", ""),
        layers=layers,
        input_hw=next((size for size in sizes if size is not None), None),
        mean=tuple(transform.get("mean_value", [])),
        scale=last_of(transform, "scale", None),
    )


def _layer(content: Message, name: str) -> CaffeLayer:
    prior_box, norm = last_of(content, "prior_box_param", None), last_of(content, "norm_param", None)
    return CaffeLayer(
        blobs=tuple(blob_of(blob, name) for blob in content.get("blobs", [])),
        prior_box=None if prior_box is None else prior_box_of(prior_box),
        across_spatial=None if norm is None else bool(last_of(norm, "across_spatial", 1)),
        epsilon=last_of(last_of(content, "batch_norm_param", {}), "eps", 1e-5),
    )


def blob_of(message: Message, layer: str) -> Blob:
    """Returns the numbers in their shape; a vector that the older format calls 1 x 1 x 1 x N is a vector.

    Raises:
        WireError: Their number is another, or one is NaN or infinite.
    """
    with np.errstate(over="ignore"):  # a double too large for a float is infinite, and found below
        parts = [
            part.astype(np.float32, copy=False) for key in ("data", "double_data") for part in message.get(key, [])
        ]
    data = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty(0, np.float32)
    old = [last_of(message, key, None) for key in ("num", "channels", "height", "width")]
    if "shape" in message:
        shape = [n for part in message["shape"] for n in part.get("dim", [])]
    elif any(n is not None for n in old):
        shape = [n or 0 for n in old]
        shape = shape[3:] if shape[:3] == [1, 1, 1] else shape
    else:
        shape = [data.size]
    if len(shape) > 8 or any(n < 1 for n in shape) or math.prod(shape) != data.size:
        raise WireError(f"layer {layer[:60]!r} has {data.size} weights for the shape {shape[:8]}")
    if not np.isfinite(data).all():
        raise WireError(f"layer {layer[:60]!r} contains NaN or infinity")
    return data.reshape(shape)


def prior_box_of(message: Message) -> PriorBox:
    """Returns what a ``prior_box_param`` says."""
    size = last_of(message, "img_size", 0)
    image_hw = (last_of(message, "img_h", size), last_of(message, "img_w", size))
    step = last_of(message, "step", 0.0)
    step_yx = (last_of(message, "step_h", step), last_of(message, "step_w", step))
    return PriorBox(
        min_sizes=tuple(message.get("min_size", [])),
        max_sizes=tuple(message.get("max_size", [])),
        aspect_ratios=tuple(message.get("aspect_ratio", [])),
        flip=bool(last_of(message, "flip", 1)),
        clip=bool(last_of(message, "clip", 0)),
        variances=tuple(message.get("variance", [])),
        image_hw=image_hw if all(image_hw) else None,
        step_yx=step_yx if all(step_yx) else None,
        offset=last_of(message, "offset", 0.5),
    )


def _dims(shapes: list[Message]) -> list[list[int]]:
    return [shape.get("dim", []) for shape in shapes]


def _side(dims: Any) -> tuple[int, int] | None:
    """Height and width of an image's (batch, 3, height, width); None where it is none."""
    return (dims[2], dims[3]) if len(dims) >= 4 and dims[1] == 3 and dims[2] > 0 and dims[3] > 0 else None
