"""The networks that can be trained from here, by name. Pure data, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detector.config import SSD300_COCO, SSD300_VOC, SSD512_COCO, SSD512_VOC, SSDLITE320, SSDConfig
from detector.errors import DetectorError
from detector.spec import Architecture, InputSpec, ModelSpec

# The mean of ImageNet's pictures. VGG's published weights want no division; a network that starts from nothing does.
_MEAN = (123.0, 117.0, 104.0)
_STD = (58.0, 58.0, 58.0)


@dataclass(frozen=True, slots=True)
class Trainable:
    """A network as it is before training.

    Attributes:
        architecture: Of the spec.
        config: Default boxes.
        input: Convention when it starts from nothing.
        pretrained_input: Convention of the published weights of its base network.
    """

    architecture: Architecture
    config: SSDConfig
    input: InputSpec
    pretrained_input: InputSpec


def _vgg(config: SSDConfig) -> Trainable:
    height, width = config.image_size
    return Trainable(
        "ssd-vgg16", config, InputSpec(height, width, "rgb", _MEAN, _STD), InputSpec(height, width, "rgb", _MEAN)
    )


_LITE_INPUT = InputSpec(320, 320, "rgb", (127.5, 127.5, 127.5), (127.5, 127.5, 127.5))

TRAINABLE: dict[str, Trainable] = {
    "ssd300-vgg16": _vgg(SSD300_VOC),
    "ssd300-vgg16-small": _vgg(SSD300_COCO),
    "ssd512-vgg16": _vgg(SSD512_VOC),
    "ssd512-vgg16-small": _vgg(SSD512_COCO),
    "ssdlite320-mobilenetv3": Trainable("ssdlite320-mobilenetv3", SSDLITE320, _LITE_INPUT, _LITE_INPUT),
}
"""By the name on the command line; "small" has the smaller default boxes that the authors used for COCO."""


def new_spec(
    name: str, network: str, labels: Sequence[str], width: float = 1.0, *, pretrained: bool = False
) -> ModelSpec:
    """What will be trained.

    Args:
        name: Of the model.
        network: One of ``TRAINABLE``.
        labels: Class names, background excluded.
        width: Channel multiplier of a VGG network.
        pretrained: The base network's published weights will be loaded.

    Raises:
        DetectorError: There is no such network, or it has one width only.
    """
    if network not in TRAINABLE:
        raise DetectorError(f"There is no network {network!r} to train.", f"Known: {', '.join(TRAINABLE)}.")
    found = TRAINABLE[network]
    if width != 1.0 and found.architecture != "ssd-vgg16":
        raise DetectorError(f"{network} has one width only.")
    return ModelSpec(
        name=name,
        architecture=found.architecture,
        labels=tuple(labels),
        input=found.pretrained_input if pretrained else found.input,
        config=found.config,
        width=width,
    )
