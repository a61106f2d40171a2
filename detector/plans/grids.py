"""The source maps each architecture has at an input size, and whether default boxes are laid out on them. No torch."""

from __future__ import annotations

from detector.config import SSD300_VOC, SSD512_VOC, SSDLITE320, SSDConfig, ultraface_config
from detector.errors import DetectorError
from detector.spec import TWO_STAGE, ModelSpec

_MOBILENET_STRIDES = (16, 32, 64, 128, 256, 512)  # each source map is half the one before, rounded up


def checked_config(spec: ModelSpec) -> SSDConfig:
    """The default boxes of ``spec``, sure to belong to its architecture.

    Raises:
        DetectorError: The architecture brings its own network, or the boxes are not laid out as it predicts.
    """
    config = spec.config
    if spec.architecture in TWO_STAGE:
        raise DetectorError(f"{spec.name} is no SSD; it is only there to compare with.")
    if spec.architecture == "openvino-ir" or config is None:
        raise DetectorError(f"Model {spec.name} brings its own network.", "Run it with the OpenVINO engine.")
    if config.grids != _grids(spec, config):
        height, width = config.image_size
        raise DetectorError(
            f"Model {spec.name}: its default boxes for {width}x{height} pixels do not fit {spec.architecture}.",
            "The file was not made for this program, or is damaged.",
        )
    return config


def _grids(spec: ModelSpec, config: SSDConfig) -> tuple[tuple[int, int], ...] | None:
    """Source map sizes of the architecture at the input size asked for; None where it has no such size."""
    size = config.image_size
    if spec.architecture.startswith("ssd-vgg16"):
        return {(300, 300): SSD300_VOC.grids, (512, 512): SSD512_VOC.grids}.get(size)
    if spec.architecture == "ssd-resnet50":
        return SSD300_VOC.grids if size == SSD300_VOC.image_size else None
    if spec.architecture.startswith("ssdlite320-mobilenetv3"):
        return SSDLITE320.grids if size == SSDLITE320.image_size else None
    if spec.architecture.startswith(("ssd-mobilenet", "ssdlite-mobilenet")):  # "SAME" rounds up as well
        return tuple((-(-size[0] // stride), -(-size[1] // stride)) for stride in _MOBILENET_STRIDES)
    return ultraface_config(*size).grids
