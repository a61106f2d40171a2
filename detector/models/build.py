"""From a ``ModelSpec`` to its network: the one place that knows which class an architecture is. Needs torch."""

from __future__ import annotations

from torch import nn

from detector.models.mobilenet_v1 import SSDMobileNetV1
from detector.models.mobilenet_v2 import SSDLiteMobileNetV2
from detector.models.resnet import SSDResNet50
from detector.models.ssd import SSD
from detector.models.ssdlite import SSDLite
from detector.models.tensorflow import TensorFlowSSD
from detector.models.ultraface import UltraFace
from detector.plans.grids import checked_config
from detector.plans.tables import TF_NETWORKS
from detector.spec import ModelSpec


def build_network(spec: ModelSpec) -> nn.Module:
    """A network for ``spec`` with random weights, in evaluation mode, on torch's default device.

    Under ``torch.device("meta")`` nothing is allocated or drawn: the way to load weights with ``assign=True``.

    Returns:
        A module whose ``forward(images: Float[B, 3, H, W])`` gives locs Float[B, P, 4] and logits Float[B, P, C],
        where C counts the background (index 0) too.

    Raises:
        DetectorError: The architecture brings its own network, or the default boxes are not laid out as it predicts.
    """
    config = checked_config(spec)
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
        case name if name in TF_NETWORKS:
            network = TensorFlowSSD(classes, boxes, TF_NETWORKS[name])
        case "ssdlite320-mobilenetv3" | "ssdlite320-mobilenetv3-wide":
            network = SSDLite(classes, boxes, wide_tail=spec.architecture.endswith("-wide"))
        case "ultraface-rfb" | "ultraface-slim":
            network = UltraFace(classes, boxes, rfb=spec.architecture == "ultraface-rfb")
    return network.eval()
