"""A Caffe network with the connections of its layers: from its ``.caffemodel``, and a ``.prototxt`` beside it.

A ``.caffemodel`` that Caffe wrote describes the network it was trained as; the ``.prototxt`` beside one describes what
is run, and comes first. Layers that only training needs are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.importers.caffe_file import Blob, blob_of
from detector.importers.caffe_schema import KIND, NET, OUTLINE, WORDS
from detector.importers.first_bytes import start_of
from detector.importers.protobuf_file import damage_explained, read_file
from detector.importers.protobuf_wire import Message, WireError, last_of
from detector.importers.prototxt import read_prototxt

MOST_LAYERS = 5000
_TRAIN, _TEST = 0, 1
_SOURCES = frozenset(("Input", "Data", "AnnotatedData", "ImageData", "VideoData", "MemoryData", "HDF5Data"))
_NATIVE_VGG, _NATIVE_MOBILENET = "conv4_3_norm_mbox_loc", "conv11_mbox_loc"
_COLOURS = 3
_OF_TRAINING = ("train", "solver")
_STEM, _STEM_WIDTH, _BASE = "conv0", 32, "conv5_3"


@dataclass(frozen=True, slots=True)
class NetLayer:
    """A layer.

    Attributes:
        name: As in the file.
        kind: Its type, as Caffe names it.
        bottoms: What it takes.
        tops: What it gives.
        settings: All its fields, by Caffe's names.
        blobs: Its weights.
    """

    name: str
    kind: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    settings: Message
    blobs: tuple[Blob, ...] = ()

    def told(self, group: str) -> Message:
        """Returns the fields of its ``group``; {} where it has none."""
        found: Message = last_of(self.settings, group, {})
        return found


@dataclass(frozen=True, slots=True)
class CaffeNetwork:
    """What runs.

    Attributes:
        name: The network's own; may be "".
        image: Name of what the first layers take.
        size: (height, width) of the image; None where no file tells.
        mean: Subtracted from the pixels, one for all channels or one each; () where no file tells.
        scale: Multiplied afterwards; None where no file tells.
        layers: In their order.
    """

    name: str
    image: str
    size: tuple[int, int] | None
    mean: tuple[float, ...]
    scale: float | None
    layers: tuple[NetLayer, ...] = field(default=())

    def of_kind(self, kind: str) -> list[NetLayer]:
        """Returns the layers of a type."""
        return [layer for layer in self.layers if layer.kind == kind]


def brings_its_graph(path: Path) -> bool:
    """Returns whether a ``.caffemodel`` is to be run layer by layer: whether it is none of those that our networks run.

    Raises:
        DetectorError: It cannot be read.
    """
    message = _read(path, weights=False)
    layers = {_name(layer): layer for key in ("layers", "layer") for layer in message.get(key, [])}
    if _NATIVE_VGG in layers and _BASE in layers:
        return False
    if _NATIVE_MOBILENET in layers:
        return _outputs(layers.get(_STEM, {})) not in (None, _STEM_WIDTH)
    has_types = any(last_of(layer, "type", "") for layer in layers.values())
    has_boxes = any("prior_box_param" in layer for layer in layers.values())
    return has_boxes or ((has_types or prototxt_beside(path) is not None) and _BASE not in layers)


def prototxt_beside(path: Path) -> Path | None:
    """Returns the description of the network that lies beside ``path``; None where none does, or it is unclear."""
    ends = (".prototxt", ".prototxt.txt", ".pbtxt")
    own = [path.with_name(path.stem + end) for end in ends]
    usual = [path.with_name("deploy" + end) for end in ends[:2]]
    try:
        for place in (*own, *usual):
            if place.is_file():
                return place
        others = [each for end in ends[:2] for each in path.parent.glob(f"*{end}") if each.is_file()]
    except OSError:  # a name that is too long, a folder that may not be looked into
        return None
    others = [each for each in others if not any(word in each.name.lower() for word in _OF_TRAINING)]
    deploys = [each for each in others if "deploy" in each.name.lower()]
    found = deploys if len(deploys) == 1 else others
    return found[0] if len(found) == 1 else None


def read_network(path: Path, prototxt: Path | None, *, weights: bool = True) -> CaffeNetwork:
    """Reads the network in ``path``.

    Args:
        path: The ``.caffemodel``.
        prototxt: The description that counts instead of its own.
        weights: Whether to read these too.

    Raises:
        DetectorError: A file cannot be read, is damaged, or does not say how its layers are connected.
    """
    message = _read(path, weights=weights)
    stored = [*message.get("layers", []), *message.get("layer", [])]
    with damage_explained(path, KIND):
        blobs = _blobs(stored) if weights else {}
    own = _described(message, path, trained=True)
    if prototxt is None:
        if not own.layers:
            raise DetectorError(
                f"{path.name} holds weights, but does not say how its layers are connected.",
                "Put the .prototxt that belongs to it beside it.",
            )
        chosen = own
    else:
        chosen = _described(read_prototxt(prototxt, OUTLINE, WORDS), prototxt, trained=False)
        if not chosen.layers:
            raise DetectorError(f"{prototxt.name} describes no network with named layers.", "Take it away.")
        chosen = replace(
            chosen, mean=chosen.mean or own.mean, scale=own.scale if chosen.scale is None else chosen.scale,
            size=chosen.size or own.size,
        )  # fmt: skip
    layers = tuple(replace(layer, blobs=blobs.get(layer.name, ())) for layer in chosen.layers)
    return replace(chosen, layers=layers)


def _read(path: Path, *, weights: bool) -> Message:
    start_of(path)
    return read_file(path, NET if weights else OUTLINE, KIND)


def _blobs(stored: list[Message]) -> dict[str, tuple[Blob, ...]]:
    found: dict[str, tuple[Blob, ...]] = {}
    for layer in stored:
        name = _name(layer)
        blobs = tuple(blob_of(blob, name) for blob in layer.get("blobs", []))
        if blobs and found.get(name):
            raise WireError(f"it has two layers {name[:60]!r}")
        found[name] = blobs or found.get(name, ())
    return found


def _described(message: Message, path: Path, *, trained: bool) -> CaffeNetwork:
    """The network that a net describes; without layers where it does not say how they are connected.

    Args:
        message: The net.
        path: Its file.
        trained: It is as Caffe ran it, so that all its layers count, whatever phase they are for.
    """
    told = message.get("layer", [])
    if len(told) > MOST_LAYERS:
        raise DetectorError(f"{path.name} has more than {MOST_LAYERS} layers.")
    layers = [_layer(layer) for layer in told if last_of(layer, "type", "") and (trained or _runs(layer))]
    sources = [layer for layer in layers if layer.kind in _SOURCES] or [
        layer for layer in map(_layer, told) if layer.kind in _SOURCES
    ]
    rest = tuple(layer for layer in layers if layer.kind not in _SOURCES)
    names = [*message.get("input", []), *(top for layer in sources for top in layer.tops[:1])]
    shapes = [message.get("input_dim", []), *(shape.get("dim", []) for shape in message.get("input_shape", []))]
    transform: Message = {}
    for layer in sources:
        shapes += [shape.get("dim", []) for shape in layer.told("input_param").get("shape", [])]
        transform = layer.told("transform_param") or transform
    resize: Message = last_of(transform, "resize_param", {})
    shapes.append([1, _COLOURS, last_of(resize, "height", 0), last_of(resize, "width", 0)])
    size = next((size for size in map(_side, shapes) if size is not None), None)
    channels = [dims[1] for dims in shapes if len(dims) >= 4 and dims[1] != _COLOURS]
    if size is None and channels:
        raise DetectorError(
            f"{path.name} takes images of {channels[0]} channel(s); a detector here takes three, red, green and blue."
        )
    return CaffeNetwork(
        name=str(last_of(message, "name", "")),
        image=str(names[0]) if names else "data",
        size=size,
        mean=tuple(transform.get("mean_value", [])),
        scale=last_of(transform, "scale", None),
        layers=rest if any(layer.bottoms for layer in rest) else (),
    )


def _layer(message: Message) -> NetLayer:
    return NetLayer(
        _name(message), str(last_of(message, "type", "")), tuple(message.get("bottom", [])),
        tuple(message.get("top", [])), message,
    )  # fmt: skip


def _runs(layer: Message) -> bool:
    """Returns whether a layer is there when the network is used, or in whatever phase its file was written."""
    wanted = [last_of(rule, "phase", _TEST) for rule in layer.get("include", [])]
    unwanted = [last_of(rule, "phase", _TRAIN) for rule in layer.get("exclude", [])]
    return _TEST not in unwanted and (not wanted or _TEST in wanted)


def _name(layer: Message) -> str:
    return str(last_of(layer, "name", ""))


def _outputs(layer: Message) -> int | None:
    """Returns how many channels a convolution gives, as its weights are shaped or its settings say."""
    for blob in layer.get("blobs", [])[:1]:
        dims = [side for shape in blob.get("shape", []) for side in shape.get("dim", [])]
        if dims or "num" in blob:
            return int(dims[0] if dims else blob["num"][-1])
    settings: Message = last_of(layer, "convolution_param", {})
    told = last_of(settings, "num_output", None)
    return None if told is None else int(told)


def _side(dims: list[Any]) -> tuple[int, int] | None:
    """Height and width of an image's (batch, 3, height, width); None where it is none."""
    return (dims[2], dims[3]) if len(dims) >= 4 and dims[1] == _COLOURS and dims[2] > 0 and dims[3] > 0 else None
