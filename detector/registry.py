"""The models known by name: what they are and where their published weights are. A literal, in one place.

The weights themselves are not here; the shelf finds them. The demo and any model trained with this program carry
their spec in their own file and need no entry.
"""

from __future__ import annotations

import math

from detector.config import (
    SSD300_TORCHVISION,
    SSD300_VOC_CLAMPED,
    SSD512_COCO_FRACTIONAL,
    SSD512_VOC_FRACTIONAL,
    SSDLITE320,
    ultraface_config,
)
from detector.labels import COCO80, VOC20
from detector.spec import Architecture, InputSpec, ModelSpec, PostprocessSpec, WeightsFile

_TORCHVISION = "https://download.pytorch.org/models/"
_LUFFICC = "https://github.com/lufficc/SSD/releases/download/1.2/"
_ULTRAFACE = "https://github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB/raw/master/models/pretrained/"

# torchvision bounds the decoded size of a box and clips boxes to the image before suppression; Caffe does neither.
_TORCHVISION_LOG_SIZE = math.log(1000 / 16)

_VGG_INPUT_300 = InputSpec(height=300, width=300)
_VGG_INPUT_512 = InputSpec(height=512, width=512)
_ULTRAFACE_INPUT = InputSpec(height=240, width=320, mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0))
_LUFFICC_RULE = PostprocessSpec(max_detections=100)


def _ultraface(
    variant: str, architecture: Architecture, sha256: str, size: int, wider: tuple[float, float, float]
) -> ModelSpec:
    return ModelSpec(
        name=f"ultraface-{variant.lower()}-320",
        architecture=architecture,
        labels=("face",),
        input=_ULTRAFACE_INPUT,
        config=ultraface_config(240, 320),
        postprocess=PostprocessSpec(iou_threshold=0.3),
        title=f"Faces, UltraFace {variant}, 320 x 240",
        licence="MIT",
        provenance="Linzaer, Ultra-Light-Fast-Generic-Face-Detector-1MB, trained on WIDER FACE",
        accuracy={f"WIDER FACE val {part}": ap for part, ap in zip(("easy", "medium", "hard"), wider, strict=True)},
        weights=WeightsFile(f"{_ULTRAFACE}version-{variant}-320.pth", sha256, size),
    )


MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="ssd300-vgg16-coco",
            architecture="ssd-vgg16",
            labels=COCO80,
            input=_VGG_INPUT_300,
            config=SSD300_TORCHVISION,
            postprocess=PostprocessSpec(clip=True, max_log_size=_TORCHVISION_LOG_SIZE),
            title="80 everyday objects, SSD300 VGG-16",
            licence="BSD-3-Clause",
            provenance="torchvision SSD300_VGG16_Weights.COCO_V1; the ten unused COCO ids dropped",
            accuracy={"COCO val2017 AP": 0.251, "COCO val2017 AP50": 0.415},
            weights=WeightsFile(f"{_TORCHVISION}ssd300_vgg16_coco-b556d3b4.pth", "b556d3b4", 142_593_753),
        ),
        ModelSpec(
            name="ssd512-vgg16-coco",
            architecture="ssd-vgg16",
            labels=COCO80,
            input=_VGG_INPUT_512,
            config=SSD512_COCO_FRACTIONAL,
            postprocess=_LUFFICC_RULE,
            title="80 everyday objects, SSD512 VGG-16",
            licence="MIT",
            provenance="lufficc/SSD release 1.2, trained on COCO trainval35k",
            accuracy={"COCO minival AP": 0.290},
            weights=WeightsFile(f"{_LUFFICC}vgg_ssd512_coco_trainval35k.pth", "", 0),
        ),
        ModelSpec(
            name="ssd300-vgg16-voc",
            architecture="ssd-vgg16",
            labels=VOC20,
            input=_VGG_INPUT_300,
            config=SSD300_VOC_CLAMPED,
            postprocess=_LUFFICC_RULE,
            title="20 everyday objects, SSD300 VGG-16",
            licence="MIT",
            provenance="lufficc/SSD release 1.2, trained on VOC2007 + VOC2012 trainval",
            accuracy={"VOC2007 test mAP": 0.777},
            weights=WeightsFile(f"{_LUFFICC}vgg_ssd300_voc0712.pth", "", 0),
        ),
        ModelSpec(
            name="ssd512-vgg16-voc",
            architecture="ssd-vgg16",
            labels=VOC20,
            input=_VGG_INPUT_512,
            config=SSD512_VOC_FRACTIONAL,
            postprocess=_LUFFICC_RULE,
            title="20 everyday objects, SSD512 VGG-16",
            licence="MIT",
            provenance="lufficc/SSD release 1.2, trained on VOC2007 + VOC2012 trainval",
            accuracy={"VOC2007 test mAP": 0.807},
            weights=WeightsFile(f"{_LUFFICC}vgg_ssd512_voc0712.pth", "", 0),
        ),
        ModelSpec(
            name="ssdlite320-mobilenetv3-coco",
            architecture="ssdlite320-mobilenetv3",
            labels=COCO80,
            input=InputSpec(height=320, width=320, mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5)),
            config=SSDLITE320,
            postprocess=PostprocessSpec(
                score_floor=0.001,
                iou_threshold=0.55,
                top_k=300,
                max_detections=300,
                clip=True,
                max_log_size=_TORCHVISION_LOG_SIZE,
            ),
            title="80 everyday objects, SSDLite320 MobileNetV3, fast",
            licence="BSD-3-Clause",
            provenance="torchvision SSDLite320_MobileNet_V3_Large_Weights.COCO_V1; the ten unused COCO ids dropped",
            accuracy={"COCO val2017 AP": 0.213},
            weights=WeightsFile(
                f"{_TORCHVISION}ssdlite320_mobilenet_v3_large_coco-a79551df.pth", "a79551df", 14_069_793
            ),
        ),
        _ultraface(
            "RFB",
            "ultraface-rfb",
            "c722b4427cc71642768baef6e15c659931b56f07425e5d2b0ec033ad41b145b3",
            1_168_374,
            (0.787, 0.698, 0.438),
        ),
        _ultraface(
            "slim",
            "ultraface-slim",
            "cd24abce45da5dbc7cfd8167cd3d5f955382dfc9d9ae9459f0026abd3c2e38a4",
            1_091_283,
            (0.77, 0.671, 0.395),
        ),
    )
}
