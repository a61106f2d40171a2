"""SSDs trained with Caffe: weiliu89's SSD300 and SSD512 on VGG-16, and chuanqi305's MobileNet-SSD.

Caffe reads images with OpenCV, so all are BGR. A file that Caffe wrote tells its default boxes and its mean pixel
itself; files written by converters may hold weights only, and the published numbers stand in.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from detector.config import MOBILENET300_CAFFE, SSDConfig
from detector.errors import DetectorError, Remedy
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.base_networks import refuse as refuse_base_network
from detector.importers.caffe_file import CaffeNet, PriorBox, read_caffemodel
from detector.importers.caffe_priors import config_from_layers, decimal
from detector.importers.conventions import (
    as_published,
    choose_channels,
    choose_labels,
    choose_priors,
    renamed,
)
from detector.importers.folding import BATCH_NORM_EPS, class_outputs
from detector.importers.mobilenet_ssd_caffe import MOBILENET_SOURCES, map_layers
from detector.importers.notes import Choice, Note
from detector.importers.vgg import CAFFE_CONFIGS, width_of
from detector.network_shapes import network_shapes
from detector.safetensors_file import Array
from detector.spec import InputSpec, ModelSpec

_NO_PRIORS = Remedy("priors", omit=True)
_NORM = "conv4_3_norm"
_VGG_SOURCES = (_NORM, "fc7", "conv6_2", "conv7_2", "conv8_2", "conv9_2")
_SSD512_SOURCES = (*_VGG_SOURCES, "conv10_2")
_MEAN_BGR = (104.0, 117.0, 123.0)


def import_caffemodel(path: Path, source: SourceFile, overrides: Overrides) -> Imported:
    """Read and convert a ``.caffemodel``.

    Args:
        path: The file.
        source: The same file, for messages and its hash.
        overrides: What the user says about it.

    Raises:
        DetectorError: It cannot be read, is no SSD known here, or its layers are missing, extra or of other shapes.
    """
    if overrides.layout is not None:
        raise DetectorError(
            f"{source.name} tells its layout by its layers; none can be chosen.",
            "Leave the choice out.",
            Remedy("layout", omit=True),
        )
    net = read_caffemodel(path)
    if f"{_NORM}_mbox_loc" in net.layers:
        imported, title = _import_vgg(net, source, overrides), "Caffe SSD on VGG-16"
    elif f"{MOBILENET_SOURCES[0]}_mbox_loc" in net.layers:
        imported, title = _import_mobilenet(net, source, overrides), "Caffe MobileNet-SSD"
    else:
        _refuse(net, source)
    called = f", {net.name[:60]!r}" if net.name else ""
    return replace(imported, notes=(Note(f"Recognised by its layers as {title}{called}."), *imported.notes))


def _import_vgg(net: CaffeNet, source: SourceFile, overrides: Overrides) -> Imported:
    large = f"{_SSD512_SOURCES[-1]}_mbox_loc" in net.layers
    side, sources = (512, _SSD512_SOURCES) if large else (300, _VGG_SOURCES)
    _check_network(net, side, source)
    state = _vgg_state(net, source)
    told = _told_boxes(net, sources, CAFFE_CONFIGS[side, "voc"], source)
    first_level = (told or CAFFE_CONFIGS[side, "voc"]).boxes_per_cell[0]
    classes = class_outputs(state, f"{_NORM}_mbox_conf", first_level, source) - 1
    usual = InputSpec(height=side, width=side, channels="bgr", mean=_MEAN_BGR)
    fc7 = state.get("fc7.bias")
    width = Choice(1.0) if fc7 is None else width_of(fc7.size, source)
    labels, boxes = choose_labels(classes, overrides), _choose_boxes(told, side, classes, overrides)
    channels = choose_channels(usual, overrides)
    prepared = _as_prepared(channels.value, net)
    spec = ModelSpec(
        name=f"ssd{side}-caffe",
        architecture="ssd-vgg16",
        labels=labels.value,
        input=prepared.value,
        config=boxes.value,
        width=width.value,
        title=f"SSD{side} VGG-16, {classes} classes",
        provenance="weiliu89/caffe, Caffe",
    )
    tensors = renamed(state, _vgg_names(sources), network_shapes(spec), source)
    notes = (*labels.notes, *channels.notes, *prepared.notes, *boxes.notes, *width.notes)
    return Imported(as_published(spec, source), tensors, notes)


def _vgg_state(net: CaffeNet, source: SourceFile) -> dict[str, Array]:
    """Blobs as ``LAYER.weight`` and ``LAYER.bias``."""
    state: dict[str, Array] = {}
    for name, blobs in _tensors(net).items():
        if len(blobs) > 2:
            raise DetectorError(f"{source.name}: layer {name[:60]!r} has {len(blobs)} blobs; a convolution has two.")
        state |= {f"{name}.{part}": blob for part, blob in zip(("weight", "bias"), blobs, strict=False)}
    scale = state.get(f"{_NORM}.weight")
    channels = state.get("conv4_3.bias")
    if scale is not None and scale.size == 1 and channels is not None:  # "channel_shared": one number for all
        state[f"{_NORM}.weight"] = scale.reshape(1).repeat(channels.size)
    return state


def _vgg_names(sources: tuple[str, ...]) -> dict[str, str]:
    """Caffe's name of each of our tensors. Caffe counts on after fc7: its conv6_1 is the paper's conv8_1."""
    convolutions = [
        f"conv{block}_{i}" for block, count in enumerate((2, 2, 3, 3, 3), start=1) for i in range(1, count + 1)
    ]
    layers = {f"backbone.{name}": name for name in (*convolutions, "fc6", "fc7")}
    layers |= {f"extras.conv{n + 2}_{i}": f"conv{n}_{i}" for n in range(6, 4 + len(sources)) for i in (1, 2)}
    for level, name in enumerate(sources):
        layers |= {f"loc.{level}": f"{name}_mbox_loc", f"conf.{level}": f"{name}_mbox_conf"}
    names = {f"{ours}.{part}": f"{theirs}.{part}" for ours, theirs in layers.items() for part in ("weight", "bias")}
    return names | {"l2norm.scale": f"{_NORM}.weight"}


def _import_mobilenet(net: CaffeNet, source: SourceFile, overrides: Overrides) -> Imported:
    _check_network(net, MOBILENET300_CAFFE.image_size[0], source)
    odd = [name for name, layer in net.layers.items() if abs(layer.epsilon - BATCH_NORM_EPS) > 1e-9]
    if odd:
        raise DetectorError(f"{source.name}: layer {odd[0][:60]!r} normalises with another epsilon than Caffe's 1e-5.")
    imported = map_layers(_tensors(net), source, overrides)
    told = _told_boxes(net, MOBILENET_SOURCES, MOBILENET300_CAFFE, source)
    if told is not None and told.boxes_per_cell != MOBILENET300_CAFFE.boxes_per_cell:
        raise DetectorError(f"{source.name}: its default boxes do not fit its predictors.", "The file is inconsistent.")
    prepared, notes = _as_prepared(imported.spec.input, net), imported.notes
    if told is not None and told != MOBILENET300_CAFFE:
        notes = (*notes, Note("Default boxes: the file's own, other than the published ones."))
    spec = replace(imported.spec, config=told or MOBILENET300_CAFFE, input=prepared.value)
    return replace(imported, spec=spec, notes=(*notes, *prepared.notes))


def _tensors(net: CaffeNet) -> dict[str, list[Array]]:
    return {name: list(layer.blobs) for name, layer in net.layers.items() if layer.blobs}


def _check_network(net: CaffeNet, side: int, source: SourceFile) -> None:
    """Refuse what the file says of itself and our network would do otherwise."""
    if net.input_hw not in (None, (side, side)):
        height, width = net.input_hw
        raise DetectorError(
            f"{source.name} was made for images of {width} x {height}; with these layers only {side} x {side} works."
        )
    if _NORM in net.layers and net.layers[_NORM].across_spatial:
        raise DetectorError(f"{source.name}: layer {_NORM} normalises whole maps; SSD normalises each location.")


def _told_boxes(net: CaffeNet, sources: tuple[str, ...], usual: SSDConfig, source: SourceFile) -> SSDConfig | None:
    """The default boxes as the file's own layers say; None if it has no such layers, or lacks whole levels."""
    found: dict[str, PriorBox] = {}
    for name in sources:
        layer = net.layers.get(f"{name}_mbox_priorbox")
        if layer is not None and layer.prior_box is not None:
            found[f"{name}_mbox_priorbox"] = layer.prior_box
    if not found or any(f"{name}_mbox_loc" not in net.layers for name in sources):
        return None
    missing = [f"{name}_mbox_priorbox" for name in sources if f"{name}_mbox_priorbox" not in found]
    if missing:
        raise DetectorError(f"{source.name}: layer {missing[0]} is missing; other levels have theirs.")
    return config_from_layers(found, usual.image_size, usual.grids, source)


def _choose_boxes(told: SSDConfig | None, side: int, classes: int, overrides: Overrides) -> Choice[SSDConfig]:
    """The user's, else the file's own, else what is usual for that many classes."""
    if told is None or overrides.priors is not None:
        priors = choose_priors(classes, overrides)
        chosen, notes = CAFFE_CONFIGS[side, priors.value], priors.notes
        if told not in (None, chosen):
            own = Note("The file's own default boxes differ; they are used if none are chosen.", (_NO_PRIORS,))
            notes = (*notes, own)
        return Choice(chosen, notes)
    known = [priors for priors in ("voc", "coco") if told == CAFFE_CONFIGS[side, priors]]
    whose = f", the ones for {known[0].upper()}" if known else ""
    return Choice(told, (Note(f"Default boxes: as the file itself says{whose}."),))


def _as_prepared(usual: InputSpec, net: CaffeNet) -> Choice[InputSpec]:
    """``usual`` with the mean and scale the network was trained with, where the file tells them."""
    if len(net.mean) not in (1, 3) or (net.scale is not None and net.scale <= 0):
        return Choice(usual)
    first, second, third = net.mean * 3 if len(net.mean) == 1 else net.mean
    scale = 1.0 if net.scale is None else decimal(net.scale)
    told = replace(
        usual,
        mean=(first, second, third) if usual.channels == "bgr" else (third, second, first),
        std=(1 / scale, 1 / scale, 1 / scale),
    )
    if told == usual:
        return Choice(usual)
    text = f"Images: minus ({first:g}, {second:g}, {third:g}), times {scale:g}, as the file itself says."
    return Choice(told, (Note(text),))


def _refuse(net: CaffeNet, source: SourceFile) -> NoReturn:
    if "conv5_3" in net.layers:
        refuse_base_network({}, source, Overrides())
    some = ", ".join(repr(name[:40]) for name in list(net.layers)[:3])
    raise DetectorError(
        f"{source.name} is no SSD known here: it has layers like {some}.",
        "SSD300 and SSD512 on VGG-16 and MobileNet-SSD can be imported from Caffe.",
    )
