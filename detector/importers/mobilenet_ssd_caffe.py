"""chuanqi305's MobileNet-SSD for Caffe (``MobileNetSSD_deploy.caffemodel``), from its layers' blobs.

The deploy file has batch normalisation merged; a training snapshot carries it as ``NAME/bn`` (mean, variance, and the
factor both are to be divided by) and ``NAME/scale`` (gamma, beta). Predictors are 1x1 convolutions; the first level has
no max size; nothing is clamped; BGR, (x - 127.5) * 0.007843.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from detector.config import MOBILENET300_CAFFE
from detector.errors import DetectorError
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conventions import as_published, choose_channels, choose_labels, refuse_priors
from detector.importers.folding import FoldingReader, class_outputs
from detector.plans.tables import V1_LAYERS
from detector.safetensors_file import Array
from detector.spec import InputSpec, ModelSpec, PostprocessSpec

_INPUT = InputSpec(
    height=300, width=300, channels="bgr", mean=(127.5, 127.5, 127.5), std=(1 / 0.007843, 1 / 0.007843, 1 / 0.007843)
)
# The authors' test keeps 100; the 0.3 of the deploy file is a threshold for showing.
_RULE = PostprocessSpec(top_k=100, max_detections=100)
MOBILENET_SOURCES = ("conv11", "conv13", "conv14_2", "conv15_2", "conv16_2", "conv17_2")
_NORM, _SCALE, _MERGED = "/bn", "/scale", "/norm"


def map_layers(layers: Mapping[str, Sequence[Array]], source: SourceFile, overrides: Overrides) -> Imported:
    """Convert the layers of a MobileNet-SSD.

    Args:
        layers: Blobs by layer name, in Caffe's order; layers without blobs may be left out.
        source: The file they come from.
        overrides: What the user says about it.

    Raises:
        DetectorError: Layers are missing, extra, or of other shapes.
    """
    refuse_priors(overrides, "MobileNet-SSD")
    state = _as_state(layers, source)
    boxes = MOBILENET300_CAFFE.boxes_per_cell
    classes = class_outputs(state, f"{MOBILENET_SOURCES[0]}_mbox_conf", boxes[0], source)
    labels, channels = choose_labels(classes - 1, overrides), choose_channels(_INPUT, overrides)
    spec = ModelSpec(
        name="mobilenet-ssd",
        architecture="ssd-mobilenetv1-pointwise",
        labels=labels.value,
        input=channels.value,
        config=MOBILENET300_CAFFE,
        postprocess=_RULE,
        title=f"MobileNet-SSD, {classes - 1} classes",
        provenance="chuanqi305/MobileNet-SSD, Caffe",
    )
    reader = FoldingReader(state, spec, source)
    for ours, theirs in _names().items():
        norm = theirs + _MERGED if any(key.startswith(f"{theirs}{_MERGED}.") for key in state) else None
        # A convolution that is normalised has no bias of its own in the published training files.
        reader.conv(ours, theirs, norm, bias=norm is None or f"{theirs}.bias" in state)
    return Imported(as_published(spec, source), reader.finish(), (*labels.notes, *channels.notes))


def _names() -> dict[str, str]:
    """Caffe's name of each of our convolutions."""
    names = {"stem": "conv0"}
    for i in range(len(V1_LAYERS)):
        names |= {f"blocks.{i}.depthwise": f"conv{i + 1}/dw", f"blocks.{i}.pointwise": f"conv{i + 1}"}
    for i in range(len(MOBILENET_SOURCES) - 2):
        names |= {f"extras.{i}.squeeze": f"conv{14 + i}_1", f"extras.{i}.widen": f"conv{14 + i}_2"}
    for i, layer in enumerate(MOBILENET_SOURCES):
        names |= {f"loc.{i}": f"{layer}_mbox_loc", f"conf.{i}": f"{layer}_mbox_conf"}
    return names


def _as_state(layers: Mapping[str, Sequence[Array]], source: SourceFile) -> dict[str, Array]:
    """Blobs as a state dict: ``NAME.weight``, ``NAME.bias``, and ``NAME/norm.*`` of a normalisation in two layers."""
    state: dict[str, Array] = {}
    for name, blobs in layers.items():
        if not blobs:
            continue
        if name.endswith(_NORM):
            parts = _running(name, blobs, source)
            into = name.removesuffix(_NORM) + _MERGED
        elif len(blobs) <= 2:
            parts = dict(zip(("weight", "bias"), blobs, strict=False))
            into = name.removesuffix(_SCALE) + (_MERGED if name.endswith(_SCALE) else "")
        else:
            raise DetectorError(f"{source.name}: layer {name[:60]} has {len(blobs)} blobs; a convolution has two.")
        for part, blob in parts.items():
            # Old files store vectors with four dimensions, [1, 1, 1, N].
            is_vector = part != "weight" or name.endswith(_SCALE)
            state[f"{into}.{part}"] = blob.reshape(-1) if is_vector else blob
    return state


def _running(name: str, blobs: Sequence[Array], source: SourceFile) -> dict[str, Array]:
    """Caffe keeps sums: mean and variance are to be divided by the third blob, unless that is zero."""
    if len(blobs) != 3 or blobs[2].size != 1:
        raise DetectorError(f"{source.name}: layer {name[:60]} is no batch normalisation of three blobs.")
    factor = float(blobs[2].reshape(()))
    scale = np.float64(1 / factor if factor else 0.0)
    return {"running_mean": blobs[0] * scale, "running_var": blobs[1] * scale}
