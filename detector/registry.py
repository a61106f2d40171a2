"""The models known by name: what they are and where their published weights are. A literal, in one place.

The weights themselves are not here; the library finds them, ``detector.download`` fetches them when asked. The demo and
any model trained with this program carry their spec in their own file and need no entry.

Sizes, hashes and scores are those their authors published, and left out where they published none: torchvision names
the size and the beginning of the hash, lufficc rounded sizes, amdegroot neither. Nobody published a licence for the
weights alone; what is stated is the licence of the project that gives them out, and the data they were trained on.
"""

from __future__ import annotations

from dataclasses import replace

from detector.config import (
    LOG_SIZE_LIMIT,
    MOBILENET320,
    SSD300_COCO_CLAMPED,
    SSD300_TORCHVISION,
    SSD300_VOC_CLAMPED,
    SSD512_COCO_FRACTIONAL,
    SSD512_VOC_FRACTIONAL,
    SSDLITE320,
    SSDConfig,
    ultraface_config,
)
from detector.labels import COCO80, VOC20
from detector.spec import Architecture, InputSpec, ModelSpec, PostprocessSpec, WeightsFile

_TORCHVISION = "https://download.pytorch.org/models/"
_LUFFICC = "https://github.com/lufficc/SSD/releases/download/1.2/"
_AMDEGROOT = "https://s3.amazonaws.com/amdegroot-models/"
_ULTRAFACE = "https://github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB/raw/master/models/pretrained/"

_VGG_INPUT_300 = InputSpec(height=300, width=300)
# Its mean is stated on the 0..1 scale, in five digits.
_TORCHVISION_INPUT_300 = replace(_VGG_INPUT_300, mean=(0.48235 * 255, 0.45882 * 255, 0.40784 * 255))
# lufficc sends every box of a class into suppression; more than these never score above the floor.
_LUFFICC_RULE = PostprocessSpec(top_k=10_000, max_detections=100)
_MIB = 1 << 20

_IMAGES = "whose images are under the terms of Flickr"
_TORCHVISION_LICENCE = f"BSD-3-Clause (torchvision); trained on COCO, {_IMAGES}"
_LUFFICC_COCO = f"MIT (lufficc/SSD); trained on COCO, {_IMAGES}"
_LUFFICC_VOC = f"MIT (lufficc/SSD); trained on PASCAL VOC, {_IMAGES}"


def _ultraface(
    variant: str, size: tuple[int, int], file: tuple[str, int], wider: tuple[float, float, float]
) -> ModelSpec:
    """``size`` as (width, height), ``file`` as (hash or its beginning, bytes), ``wider`` the AP on the three parts."""
    width, height = size
    architecture: Architecture = "ultraface-rfb" if variant == "RFB" else "ultraface-slim"
    return ModelSpec(
        name=f"ultraface-{variant.lower()}-{width}",
        architecture=architecture,
        labels=("face",),
        input=InputSpec(height=height, width=width, mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0)),
        config=ultraface_config(height, width),
        postprocess=PostprocessSpec(iou_threshold=0.3),
        title=f"Faces, UltraFace {variant}, {width} x {height}",
        licence="MIT (Linzaer); trained on WIDER FACE",
        provenance="Linzaer, Ultra-Light-Fast-Generic-Face-Detector-1MB, trained on WIDER FACE",
        accuracy={f"WIDER FACE val {part}": ap for part, ap in zip(("easy", "medium", "hard"), wider, strict=True)},
        weights=WeightsFile(f"{_ULTRAFACE}version-{variant}-{width}.pth", *file),
    )


def _faster_rcnn(
    name: str, architecture: Architecture, sides: tuple[int, int], file: tuple[str, str, float], ap: float, network: str
) -> ModelSpec:
    """``sides`` the shorter and the longer, at most; ``file`` as (name, beginning of its hash, MiB)."""
    return ModelSpec(
        name=name,
        architecture=architecture,
        labels=COCO80,
        input=InputSpec(
            height=sides[0],
            width=sides[1],
            mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
            std=(0.229 * 255, 0.224 * 255, 0.225 * 255),
        ),
        postprocess=PostprocessSpec(score_floor=0.05, iou_threshold=0.5, max_detections=100, clip=True),
        title=f"Faster R-CNN, for comparison: 80 everyday objects, {network}",
        licence=_TORCHVISION_LICENCE,
        provenance=f"torchvision {file[0].removesuffix('_coco')} COCO_V1; the ten unused COCO ids dropped",
        accuracy={"COCO val2017 AP": ap},
        weights=WeightsFile(f"{_TORCHVISION}{file[0]}-{file[1]}.pth", file[1], int(file[2] * _MIB)),
    )


def _lufficc(
    name: str, side: int, config: SSDConfig, file: tuple[str, float], accuracy: dict[str, float], title: str
) -> ModelSpec:
    """A release file of lufficc/SSD; ``file`` as (name, MiB), hashes are not published."""
    coco = "coco" in file[0]
    mobile = config is MOBILENET320
    return ModelSpec(
        name=name,
        architecture="ssdlite-mobilenetv2-narrow" if mobile else "ssd-vgg16",
        labels=COCO80 if coco else VOC20,
        input=InputSpec(height=side, width=side),
        config=config,
        postprocess=_LUFFICC_RULE,
        title=title,
        licence=_LUFFICC_COCO if coco else _LUFFICC_VOC,
        provenance="lufficc/SSD release 1.2, trained on "
        + ("COCO trainval35k" if coco else "VOC2007 + VOC2012 trainval"),
        accuracy=accuracy,
        weights=WeightsFile(_LUFFICC + file[0], "", int(file[1] * _MIB)),
    )


MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="ssd300-vgg16-coco",
            architecture="ssd-vgg16",
            labels=COCO80,
            input=_TORCHVISION_INPUT_300,
            config=SSD300_TORCHVISION,
            postprocess=PostprocessSpec(clip=True, max_log_size=LOG_SIZE_LIMIT),
            title="80 everyday objects, SSD300 VGG-16",
            licence=_TORCHVISION_LICENCE,
            provenance="torchvision SSD300_VGG16_Weights.COCO_V1; the ten unused COCO ids dropped",
            accuracy={"COCO val2017 AP": 0.251, "COCO val2017 AP50": 0.415},
            weights=WeightsFile(f"{_TORCHVISION}ssd300_vgg16_coco-b556d3b4.pth", "b556d3b4", 142_593_753),
        ),
        _lufficc(
            "ssd512-vgg16-coco",
            512,
            SSD512_COCO_FRACTIONAL,
            ("vgg_ssd512_coco_trainval35k.pth", 275),
            {"COCO minival AP": 0.290},
            "80 everyday objects, SSD512 VGG-16",
        ),
        _lufficc(
            "ssd300-vgg16-voc",
            300,
            SSD300_VOC_CLAMPED,
            ("vgg_ssd300_voc0712.pth", 201),
            {"VOC2007 test mAP": 0.777},
            "20 everyday objects, SSD300 VGG-16",
        ),
        _lufficc(
            "ssd512-vgg16-voc",
            512,
            SSD512_VOC_FRACTIONAL,
            ("vgg_ssd512_voc0712.pth", 207),
            {"VOC2007 test mAP": 0.807},
            "20 everyday objects, SSD512 VGG-16",
        ),
        _lufficc(
            "ssd300-vgg16-coco-lufficc",
            300,
            SSD300_COCO_CLAMPED,
            ("vgg_ssd300_coco_trainval35k.pth", 262),
            {"COCO minival AP": 0.252},
            "80 everyday objects, SSD300 VGG-16 by lufficc",
        ),
        _lufficc(
            "ssdlite320-mobilenetv2-voc",
            320,
            MOBILENET320,
            ("mobilenet_v2_ssd320_voc0712_v2.pth", 25.5),
            {"VOC2007 test mAP": 0.689},
            "20 everyday objects, SSDLite320 MobileNetV2, fast",
        ),
        ModelSpec(
            name="ssd300-vgg16-voc-amdegroot",
            architecture="ssd-vgg16",
            labels=VOC20,
            input=_VGG_INPUT_300,
            config=SSD300_VOC_CLAMPED,
            postprocess=PostprocessSpec(top_k=200, max_detections=200),
            title="20 everyday objects, SSD300 VGG-16 by amdegroot",
            licence=f"MIT (amdegroot/ssd.pytorch); trained on PASCAL VOC, {_IMAGES}",
            provenance="amdegroot/ssd.pytorch, trained on VOC2007 + VOC2012 trainval",
            accuracy={"VOC2007 test mAP": 0.7743},
            weights=WeightsFile(f"{_AMDEGROOT}ssd300_mAP_77.43_v2.pth", "", 0),
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
                max_log_size=LOG_SIZE_LIMIT,
            ),
            title="80 everyday objects, SSDLite320 MobileNetV3, fast",
            licence=_TORCHVISION_LICENCE,
            provenance="torchvision SSDLite320_MobileNet_V3_Large_Weights.COCO_V1; the ten unused COCO ids dropped",
            accuracy={"COCO val2017 AP": 0.213},
            weights=WeightsFile(
                f"{_TORCHVISION}ssdlite320_mobilenet_v3_large_coco-a79551df.pth", "a79551df", 14_069_793
            ),
        ),
        _ultraface(
            "RFB",
            (320, 240),
            ("c722b4427cc71642768baef6e15c659931b56f07425e5d2b0ec033ad41b145b3", 1_168_374),
            (0.787, 0.698, 0.438),
        ),
        _ultraface(
            "slim",
            (320, 240),
            ("cd24abce45da5dbc7cfd8167cd3d5f955382dfc9d9ae9459f0026abd3c2e38a4", 1_091_283),
            (0.77, 0.671, 0.395),
        ),
        _ultraface("RFB", (640, 480), ("bf34512b", 0), (0.855, 0.822, 0.579)),
        _ultraface("slim", (640, 480), ("02ca7780", 0), (0.853, 0.819, 0.539)),
        _faster_rcnn(
            "fasterrcnn-resnet50-fpn-coco",
            "fasterrcnn-resnet50-fpn",
            (800, 1333),
            ("fasterrcnn_resnet50_fpn_coco", "258fb6c6", 159.743),
            0.370,
            "ResNet-50",
        ),
        _faster_rcnn(
            "fasterrcnn-mobilenetv3-320-fpn-coco",
            "fasterrcnn-mobilenetv3-320-fpn",
            (320, 640),
            ("fasterrcnn_mobilenet_v3_large_320_fpn", "907ea3f9", 74.239),
            0.228,
            "MobileNetV3",
        ),
    )
}
"""By name, in the order they are offered in: the recommended one first, those that are only for comparison last."""

RECOMMENDED = next(iter(MODELS))
"""The one to download first."""
