"""Common to all SSDs on VGG-16: the same tensors under names that differ from code base to code base.

Each importer states its names as a ``Naming``; size, classes and width are measured from the shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from detector.config import (
    SSD300_COCO,
    SSD300_COCO_CLAMPED,
    SSD300_VOC,
    SSD300_VOC_CLAMPED,
    SSD512_COCO,
    SSD512_COCO_FRACTIONAL,
    SSD512_VOC,
    SSD512_VOC_FRACTIONAL,
    SSDConfig,
)
from detector.errors import DetectorError
from detector.importers.base import Priors, SourceFile
from detector.importers.conventions import renamed
from detector.importers.notes import Choice, Note
from detector.network_shapes import network_shapes
from detector.safetensors_file import Array
from detector.spec import ModelSpec

# Place of each convolution in the list of layers that all these code bases build the base network as; ReLUs, pools.
_BASE = {
    "conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv2_2": 7, "conv3_1": 10, "conv3_2": 12, "conv3_3": 14,
    "conv4_1": 17, "conv4_2": 19, "conv4_3": 21, "conv5_1": 24, "conv5_2": 26, "conv5_3": 28, "fc6": 31, "fc7": 33,
}  # fmt: skip
_SIZES = {6: 300, 7: 512}  # told by the number of predictors
_FC_CHANNELS = 1024

CAFFE_CONFIGS: dict[tuple[int, Priors], SSDConfig] = {
    (300, "voc"): SSD300_VOC,
    (300, "coco"): SSD300_COCO,
    (512, "voc"): SSD512_VOC,
    (512, "coco"): SSD512_COCO,
}
"""By input side and data set: whole pixels, nothing clamped."""

CLAMPED_CONFIGS: dict[tuple[int, Priors], SSDConfig] = {
    (300, "voc"): SSD300_VOC_CLAMPED,
    (300, "coco"): SSD300_COCO_CLAMPED,
    (512, "voc"): SSD512_VOC_FRACTIONAL,
    (512, "coco"): SSD512_COCO_FRACTIONAL,
}
"""As PyTorch code has them: fractions of pixels, all four numbers clamped."""


def numbered(pattern: str) -> Callable[[int], str]:
    """A name with its number in the place of ``{}``."""
    return pattern.format


@dataclass(frozen=True, slots=True)
class Naming:
    """The names by which one code base keeps the tensors, without ``.weight`` and ``.bias``.

    Attributes:
        base: By the place in the base network's list of layers.
        extra: By the number of the extra convolution, from 0: two for each level.
        loc: By level.
        conf: By level.
        norm: By tensor name of ours, the whole name of what is applied to conv4_3.
    """

    base: Callable[[int], str]
    extra: Callable[[int], str]
    loc: Callable[[int], str]
    conf: Callable[[int], str]
    norm: Mapping[str, str]

    def names(self, levels: int) -> dict[str, str]:
        """The file's name of each tensor of our network with ``levels`` predictors."""
        modules = {f"backbone.{ours}": self.base(place) for ours, place in _BASE.items()}
        for i in range(2 * (levels - 2)):
            modules[f"extras.conv{8 + i // 2}_{1 + i % 2}"] = self.extra(i)
        for i in range(levels):
            modules |= {f"loc.{i}": self.loc(i), f"conf.{i}": self.conf(i)}
        parts = {f"{o}.{part}": f"{t}.{part}" for o, t in modules.items() for part in ("weight", "bias")}
        return parts | dict(self.norm)


@dataclass(frozen=True, slots=True)
class Measured:
    """A network as the shapes in its file tell it.

    Attributes:
        side: Of the input, pixels.
        classes: Outputs per box, background included.
        width: Channel multiplier.
        notes: Where the network is not the published one.
    """

    side: int
    classes: int
    width: float
    notes: tuple[Note, ...]


def measure(state: Mapping[str, Array], naming: Naming, source: SourceFile, sides: tuple[int, ...]) -> Measured:
    """Measure a state dict.

    Args:
        state: The file's tensors.
        naming: Its names.
        source: For messages.
        sides: Input sides this layout comes in.

    Raises:
        DetectorError: A tensor that tells is missing, or the network is none of this layout.
    """
    _rows(state, f"{naming.loc(0)}.weight", source)
    levels = 0
    while f"{naming.loc(levels)}.weight" in state:
        levels += 1
    if _SIZES.get(levels) not in sides:
        usual = " or ".join(str(count) for count, side in _SIZES.items() if side in sides)
        raise DetectorError(f"{source.name} has {levels} box predictors; its layout has {usual}.")
    rows = _rows(state, f"{naming.conf(0)}.weight", source)
    if rows == 0 or rows % 4:
        raise DetectorError(f"{source.name}: {naming.conf(0)} has {rows} outputs, no multiple of its 4 default boxes.")
    fc7 = _rows(state, f"{naming.base(_BASE['fc7'])}.weight", source)
    width = width_of(fc7, source)
    return Measured(_SIZES[levels], rows // 4, width.value, width.notes)


def width_of(fc7: int, source: SourceFile) -> Choice[float]:
    """Channel multiplier of a network with ``fc7`` channels there, noted where it is not 1.

    Raises:
        DetectorError: It is out of all proportion.
    """
    width = fc7 / _FC_CHANNELS
    if not 0.01 <= width <= 4:
        raise DetectorError(f"{source.name} has {fc7} channels in fc7 instead of {_FC_CHANNELS}.")
    if width == 1:
        return Choice(width)
    return Choice(width, (Note(f"Its layers are {width:.3g} times as wide as those of the published network."),))


def _rows(state: Mapping[str, Array], name: str, source: SourceFile) -> int:
    if name not in state or state[name].ndim != 4:
        raise DetectorError(f"{source.name} does not fit its layout: {name} is missing.")
    return int(state[name].shape[0])


def take(
    state: Mapping[str, Array], naming: Naming, spec: ModelSpec, source: SourceFile, classes: int
) -> dict[str, Array]:
    """The tensors of ``state`` under our names; class outputs still as the file has them.

    Args:
        state: The file's tensors.
        naming: Its names.
        spec: Describes our network.
        source: For messages.
        classes: Outputs per box in the file, background included.

    Raises:
        DetectorError: Lists what is missing, extra or of another shape.
    """
    assert spec.config is not None
    as_in_file = replace(spec, labels=tuple(str(number) for number in range(1, classes)))
    shapes = network_shapes(as_in_file)
    return renamed(state, naming.names(len(spec.config.grids)), shapes, source)


def pick_classes(tensors: Mapping[str, Array], kept: tuple[int, ...], classes: int) -> dict[str, Array]:
    """Keeps the outputs ``kept`` of every class predictor, in that order, for each box.

    Args:
        tensors: Under our names; output channels are box * classes + class.
        kept: Places among the file's outputs; the first is the background.
        classes: Outputs per box in the file.
    """
    return {name: _picked(name, tensor, kept, classes) for name, tensor in tensors.items()}


def _picked(name: str, tensor: Array, kept: tuple[int, ...], classes: int) -> Array:
    if not name.startswith("conf.") or kept == tuple(range(classes)):
        return tensor
    by_box = tensor.reshape(-1, classes, *tensor.shape[1:])  # [A, C, ...]
    return by_box[:, list(kept)].reshape(-1, *tensor.shape[1:])
