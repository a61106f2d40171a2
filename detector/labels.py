"""Class names of the data sets SSDs are trained on, background excluded unless a name says otherwise. Pure data."""

from __future__ import annotations

VOC20: tuple[str, ...] = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""PASCAL VOC, in its own (alphabetical) order."""

COCO80: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""COCO's 80 things in the order of their ids."""

_COCO_GAPS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})

COCO_SPARSE_IDS: tuple[int, ...] = tuple(number for number in range(1, 91) if number not in _COCO_GAPS)
"""The ``category_id`` of each entry of ``COCO80``: 1 to 90 with ten never assigned."""


def _with_gaps() -> tuple[str, ...]:
    names = iter(COCO80)
    return ("__background__", *("N/A" if number in _COCO_GAPS else next(names) for number in range(1, 91)))


TORCHVISION_COCO91: tuple[str, ...] = _with_gaps()
"""The 91 outputs of torchvision's COCO detectors, indexed by ``category_id``: background first, "N/A" in the gaps."""
