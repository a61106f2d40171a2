"""torchvision's Faster R-CNN, which is no SSD: it can be chosen so that the difference in speed can be seen.

Built of torchvision's own parts as its published weights want it. Loads torchvision, which takes seconds: import this
module only where such a model is meant.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import mobilenet_backbone, resnet_fpn_backbone
from torchvision.ops.misc import FrozenBatchNorm2d

from detector.plans.architectures import ARCHITECTURES, TwoStage
from detector.spec import ModelSpec

_MOBILENET_LEVELS = 3
_MOBILENET_SIZES = (32, 64, 128, 256, 512)
_MOBILENET_PROPOSALS = 150
_MOBILENET_MIN_PROPOSAL_SCORE = 0.05
_RATIOS = (0.5, 1.0, 2.0)


def build_faster_rcnn(spec: ModelSpec) -> nn.Module:
    """A network for ``spec``, a ``TwoStage``, with random weights, in evaluation mode.

    Its anchors are made with it: build it where it will run, or on the CPU, never on the meta device but for shapes.

    Returns:
        A module that takes a list of Float[3, H, W] in 0..1 and gives a list of {boxes, scores, labels}, its own
        post-processing done.
    """
    rule, side = spec.postprocess, spec.input
    options: dict[str, Any] = {
        "min_size": side.height,
        "max_size": side.width,
        "image_mean": [value / 255 for value in side.mean],
        "image_std": [value / 255 for value in side.std],
        "box_score_thresh": rule.score_floor,
        "box_nms_thresh": rule.iou_threshold,
        "box_detections_per_img": rule.max_detections,
    }
    classes = len(spec.labels) + 1
    architecture = ARCHITECTURES[spec.architecture]
    assert isinstance(architecture, TwoStage)
    if architecture.backbone == "resnet50":
        backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None)
        for module in backbone.modules():
            if isinstance(module, FrozenBatchNorm2d):
                module.eps = 0.0  # as the published weights were trained
        network: nn.Module = FasterRCNN(backbone, classes, **options)
        return network.eval()
    backbone = mobilenet_backbone(backbone_name="mobilenet_v3_large", weights=None, fpn=True)
    anchors = AnchorGenerator((_MOBILENET_SIZES,) * _MOBILENET_LEVELS, (_RATIOS,) * _MOBILENET_LEVELS)
    network = FasterRCNN(
        backbone,
        classes,
        rpn_anchor_generator=anchors,
        rpn_pre_nms_top_n_test=_MOBILENET_PROPOSALS,
        rpn_post_nms_top_n_test=_MOBILENET_PROPOSALS,
        rpn_score_thresh=_MOBILENET_MIN_PROPOSAL_SCORE,
        **options,
    )
    return network.eval()


def faster_rcnn_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor the network of ``spec`` takes; nothing is allocated."""
    with torch.device("meta"):
        network = build_faster_rcnn(spec)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
