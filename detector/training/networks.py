"""The networks that can be trained from here, by name. Pure data, no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from detector.config import SSD300_COCO, SSD300_VOC, SSD512_COCO, SSD512_VOC, SSDLITE320, SSDConfig
from detector.errors import DetectorError
from detector.plans.architectures import ARCHITECTURES, SingleStage
from detector.spec import Architecture, InputSpec, ModelSpec

# The mean of ImageNet's images. A network that starts from nothing wants values of about 1.
_MEAN = (123.0, 117.0, 104.0)
_STD = (58.0, 58.0, 58.0)

BaseWeights = Literal["caffe", "torchvision"]
"""Who trained a base network: VGG-16's authors, whose weights want no division, or torchvision."""
_BEHIND_THE_BASE = ("extras", "loc", "conf", "regression_headers", "classification_headers")


@dataclass(frozen=True, slots=True)
class Trainable:
    """A network as it is before training.

    Attributes:
        architecture: Of the spec.
        config: Default boxes.
        input: Convention when it starts from nothing.
        pretrained: Convention of the published weights of its base network, by who trained them.
    """

    architecture: Architecture
    config: SSDConfig
    input: InputSpec
    pretrained: Mapping[BaseWeights, InputSpec]


def _vgg(config: SSDConfig) -> Trainable:
    height, width = config.image_size
    pretrained: dict[BaseWeights, InputSpec] = {
        "caffe": InputSpec(height, width, "rgb", _MEAN),
        "torchvision": InputSpec(height, width, "rgb", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    }
    return Trainable("ssd-vgg16", config, InputSpec(height, width, "rgb", _MEAN, _STD), pretrained)


_LITE_INPUT = InputSpec(320, 320, "rgb", (127.5, 127.5, 127.5), (127.5, 127.5, 127.5))

TRAINABLE: dict[str, Trainable] = {
    "ssd300-vgg16": _vgg(SSD300_VOC),
    "ssd300-vgg16-small": _vgg(SSD300_COCO),
    "ssd512-vgg16": _vgg(SSD512_VOC),
    "ssd512-vgg16-small": _vgg(SSD512_COCO),
    "ssdlite320-mobilenetv3": Trainable("ssdlite320-mobilenetv3", SSDLITE320, _LITE_INPUT, {}),
}
"""By the name on the command line; "small" has the smaller default boxes that the authors used for COCO."""


def base_layers(parameters: Iterable[str]) -> tuple[str, ...]:
    """Returns how the names of those ``parameters`` begin that belong to the base network."""
    parts = dict.fromkeys(name.split(".")[0] for name in parameters)
    return tuple(f"{part}." for part in parts if part not in _BEHIND_THE_BASE)


def new_spec(
    name: str, network: str, labels: Sequence[str], width: float = 1.0, *, base: BaseWeights | None = None
) -> ModelSpec:
    """Returns the spec of the network to train.

    Args:
        name: Of the model.
        network: One of ``TRAINABLE``.
        labels: Class names, background excluded.
        width: Channel multiplier of a VGG network.
        base: Whose weights the base network will start from; None for random ones.

    Raises:
        DetectorError: There is no such network, it has one width only, or there are no such weights for it.
    """
    if network not in TRAINABLE:
        raise DetectorError(f"There is no network {network!r} to train.", f"Known: {', '.join(TRAINABLE)}.")
    found = TRAINABLE[network]
    if width != 1.0 and not _is_scalable(found.architecture):
        raise DetectorError(f"{network} has one width only.")
    if base is not None and base not in found.pretrained:
        raise DetectorError(
            f"VGG-16's weights do not fit {network}.", "They need ssd300-vgg16 or ssd512-vgg16, width 1."
        )
    return ModelSpec(
        name=name,
        architecture=found.architecture,
        labels=tuple(labels),
        input=found.input if base is None else found.pretrained[base],
        config=found.config,
        width=width,
    )


def _is_scalable(architecture: Architecture) -> bool:
    row = ARCHITECTURES[architecture]
    return isinstance(row, SingleStage) and row.scalable
