"""From a ``ModelSpec`` to its network: the one place that knows which class an architecture is. Needs torch."""

from __future__ import annotations

from torch import nn

from detector.config import SSD300_VOC, SSD512_VOC, SSDLITE320, SSDConfig, ultraface_config
from detector.errors import DetectorError
from detector.models.mobilenet_v1 import SSDMobileNetV1
from detector.models.mobilenet_v2 import SSDLiteMobileNetV2
from detector.models.resnet import SSDResNet50
from detector.models.ssd import SSD
from detector.models.ssdlite import SSDLite
from detector.models.ultraface import UltraFace
from detector.spec import ModelSpec

_MOBILENET_STRIDES = (16, 32, 64, 128, 256, 512)  # each source map is half the one before, rounded up


def build_network(spec: ModelSpec) -> nn.Module:
    """A network for ``spec`` with random weights, in evaluation mode, on torch's default device.

    Under ``torch.device("meta")`` nothing is allocated or drawn: the way to load weights with ``assign=True``.

    Returns:
        A module whose ``forward(images: Float[B, 3, H, W])`` gives locs Float[B, P, 4] and logits Float[B, P, C],
        where C counts the background (index 0) too.

    Raises:
        DetectorError: The architecture brings its own network, or the default boxes are not laid out as it predicts.
    """
    config = spec.config
    if spec.architecture == "openvino-ir" or config is None:
        raise DetectorError(f"Model {spec.name} brings its own network.", "Run it with the OpenVINO engine.")
    if config.grids != _grids(spec, config):
        height, width = config.image_size
        raise DetectorError(
            f"Model {spec.name}: its default boxes for {width}x{height} pixels do not fit {spec.architecture}.",
            "The file was not made for this program, or is damaged.",
        )
    classes, boxes = len(spec.labels) + 1, config.boxes_per_cell
    network: nn.Module
    match spec.architecture:
        case "ssd-vgg16" | "ssd-vgg16-affine":
            affine = spec.architecture.endswith("-affine")
            network = SSD(config.image_size[0], classes, boxes, width=spec.width, affine=affine)
        case "ssd-resnet50":
            network = SSDResNet50(classes, boxes)
        case "ssd-mobilenetv1":
            network = SSDMobileNetV1(classes, boxes, heads="full")
        case "ssd-mobilenetv1-pointwise":
            network = SSDMobileNetV1(classes, boxes, heads="pointwise")
        case "ssdlite-mobilenetv1":
            network = SSDMobileNetV1(classes, boxes, heads="separable")
        case "ssdlite-mobilenetv2" | "ssdlite-mobilenetv2-narrow":
            network = SSDLiteMobileNetV2(classes, boxes, narrow_tap=spec.architecture.endswith("-narrow"))
        case "ssdlite320-mobilenetv3" | "ssdlite320-mobilenetv3-wide":
            network = SSDLite(classes, boxes, wide_tail=spec.architecture.endswith("-wide"))
        case "ultraface-rfb" | "ultraface-slim":
            network = UltraFace(classes, boxes, rfb=spec.architecture == "ultraface-rfb")
    return network.eval()


def _grids(spec: ModelSpec, config: SSDConfig) -> tuple[tuple[int, int], ...] | None:
    """Source map sizes of the architecture at the input size asked for; None where it has no such size."""
    size = config.image_size
    if spec.architecture.startswith("ssd-vgg16"):
        return {(300, 300): SSD300_VOC.grids, (512, 512): SSD512_VOC.grids}.get(size)
    if spec.architecture == "ssd-resnet50":
        return SSD300_VOC.grids if size == SSD300_VOC.image_size else None
    if spec.architecture.startswith("ssdlite320-mobilenetv3"):
        return SSDLITE320.grids if size == SSDLITE320.image_size else None
    if spec.architecture.startswith(("ssd-mobilenet", "ssdlite-mobilenet")):
        return tuple((-(-size[0] // stride), -(-size[1] // stride)) for stride in _MOBILENET_STRIDES)
    return ultraface_config(*size).grids
