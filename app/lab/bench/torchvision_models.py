"""torchvision's detectors as contestants, used as documented: eager, with their own transform and post-processing.

Frames are BGR in host memory, as everywhere; converting them into the tensors torchvision takes counts as well.
Needs torch and torchvision. On the thread that opens them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.lab.bench.stages import timer_for
from detector.config import SSD300_TORCHVISION, SSDLITE320, SSDConfig
from detector.detections import Detections
from detector.errors import Remedy
from detector.importers.torchvision_ssd import NAMING
from detector.importers.torchvision_ssdlite import file_names
from detector.model_file import ModelEntry
from detector.spec import Architecture, ModelSpec
from detector.weights import load_state

_SSD_STAGES = {"transform": "preprocess", "head": "network"}
_RCNN_STAGES = {"transform": "preprocess", "backbone": "backbone", "rpn": "proposals", "roi_heads": "heads"}
_SEED = 20161008


class _Twin(NamedTuple):
    """A network that torchvision has too.

    Attributes:
        architecture: Ours.
        config: Its default boxes.
        function: Builds it, in ``torchvision.models.detection``.
        names: Returns the name in torchvision for each tensor of ours.
    """

    architecture: Architecture
    config: SSDConfig
    function: str
    names: Callable[[], dict[str, str]]


_TWINS = (
    _Twin("ssd-vgg16", SSD300_TORCHVISION, "ssd300_vgg16", lambda: NAMING.names(len(SSD300_TORCHVISION.grids))),
    _Twin("ssdlite320-mobilenetv3", SSDLITE320, "ssdlite320_mobilenet_v3_large", file_names),
)


def open_twin(entry: ModelEntry, place: str) -> TorchvisionDetector:
    """Opens torchvision's SSD300 or SSDLite320 with the weights of ``entry``.

    Args:
        entry: The model, with weights.
        place: "cpu", "cuda:0".

    Raises:
        AppError: torchvision has no network of this architecture with these default boxes.
        DetectorError: The weights are damaged.
    """
    network, names = _twin(entry.spec)
    assert entry.path is not None
    state = load_state(entry.path, entry.spec)
    network.load_state_dict({theirs: state[ours] for ours, theirs in names.items()}, strict=True)
    return TorchvisionDetector("torchvision", network, place, entry.spec.input.channels, _SSD_STAGES)


def check_twin(spec: ModelSpec) -> None:
    """Raises ``AppError`` unless torchvision has exactly this network with these default boxes."""
    _twin_of(spec)


def _twin_of(spec: ModelSpec) -> _Twin:
    for twin in _TWINS:
        if (spec.architecture, spec.config, spec.width) == (twin.architecture, twin.config, 1.0):
            return twin
    raise AppError(
        f"torchvision has no network like {spec.name}.",
        "Compare ssd300-vgg16-coco or ssdlite320-mobilenetv3-coco, or another network of torchvision.",
        Remedy("versus", "fasterrcnn"),
    )


def _twin(spec: ModelSpec) -> tuple[nn.Module, dict[str, str]]:
    """Returns the network, and its name for each tensor of ours."""
    from torchvision.models import detection

    rule = spec.postprocess
    options: dict[str, Any] = {
        "weights": None,
        "weights_backbone": None,
        "num_classes": len(spec.labels) + 1,
        "score_thresh": rule.score_floor,
        "nms_thresh": rule.iou_threshold,
        "detections_per_img": rule.max_detections,
        "topk_candidates": rule.top_k,
        "image_mean": [value / 255 for value in spec.input.mean],
        "image_std": [value / 255 for value in spec.input.std],
    }
    twin = _twin_of(spec)
    return getattr(detection, twin.function)(**options), twin.names()


def open_faster_rcnn(entry: ModelEntry, place: str) -> TorchvisionDetector:
    """Opens torchvision's Faster R-CNN (ResNet-50, feature pyramid) for the classes of ``entry``, with random weights.

    The number of proposals is fixed, so the network works as hard as with trained weights. There are fewer results, so
    the last step is, if anything, too fast.
    """
    from torchvision.models import detection

    torch.manual_seed(_SEED)
    network = detection.fasterrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=len(entry.spec.labels) + 1
    )
    return TorchvisionDetector("fasterrcnn", network, place, "rgb", _RCNN_STAGES)


class TorchvisionDetector:
    """A ``Contestant`` over a detector of torchvision.

    Args:
        name: Beginning of the name; place and number format follow.
        network: Takes a list of Float[3, H, W] in 0..1, returns a list of {boxes, scores, labels}.
        place: "cpu", "cuda:0".
        channels: Channel order it was trained with.
        stages: Names of the stages that end with each of its parts, in order.
    """

    def __init__(self, name: str, network: nn.Module, place: str, channels: str, stages: dict[str, str]) -> None:
        self._place = torch.device(place)
        self._network = network.requires_grad_(False).eval().to(self._place)
        self._swap = channels == "rgb"
        self._stages = stages
        # As torch comes, convolutions on a GPU round their inputs to 10 bits.
        self.precision = "tf32" if self._place.type == "cuda" else "fp32"
        self.name = f"{name} {place} {self.precision}"
        self.device = place

    def run(self, frames: Sequence[ImageBGR]) -> list[Detections]:
        """Implements ``Contestant``."""
        # As torch comes: an engine of ours that was asked for exact float32 has switched this off for the process.
        tf32 = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = True
        try:
            with torch.inference_mode():
                found: list[dict[str, Tensor]] = self._network([self._tensor(frame) for frame in frames])
                return [_on_host(each) for each in found]
        finally:
            torch.backends.cudnn.allow_tf32 = tf32

    def _tensor(self, frame: ImageBGR) -> Tensor:
        """Returns Float[3, H, W] in 0..1 on the device; uploads bytes."""
        image = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)) if self._swap else frame
        return torch.from_numpy(image).to(self._place).permute(2, 0, 1).float() / 255

    def stages(self, frames: Sequence[ImageBGR]) -> dict[str, float]:
        """Implements ``Contestant``."""
        timer = timer_for(self.device)
        hooks = [
            self._network.get_submodule(part).register_forward_hook(_calling(timer.mark, stage))
            for part, stage in self._stages.items()
        ]
        try:
            timer.start()
            self.run(frames)
            timer.mark("postprocess")
        finally:
            for hook in hooks:
                hook.remove()
        return timer.read()

    def close(self) -> None:
        """Implements ``Contestant``."""
        self._network = nn.Identity()
        if self._place.type == "cuda":
            torch.cuda.empty_cache()


def _calling(mark: Callable[[str], None], stage: str) -> Callable[..., None]:
    def hook(*_: object) -> None:
        mark(stage)

    return hook


def _on_host(found: dict[str, Tensor]) -> Detections:
    boxes, scores, labels = (found[key].cpu().numpy() for key in ("boxes", "scores", "labels"))
    return Detections(boxes.astype(np.float32), scores.astype(np.float32), (labels - 1).astype(np.int32))
