"""Names of the rules and their numbers, shared by terminal and report. Pure."""

from __future__ import annotations

from detector.evaluation.results import Metric

RULES: dict[Metric, str] = {
    "voc07": "PASCAL VOC 2007: mean of the best precision at the recalls 0, 0.1, … 1; found from an overlap of 0.5 on",
    "voc": "PASCAL VOC 2010 and later: area under the falling curve of precision; found from an overlap of 0.5 on",
    "coco": "COCO: precision at 101 recalls, averaged over the overlaps 0.50, 0.55, … 0.95",
}

SHORT_RULES: dict[Metric, str] = {
    "voc07": "VOC 2007, eleven points, overlap 0.5",
    "voc": "VOC 2010 and later, area under the curve, overlap 0.5",
    "coco": "COCO, overlap 0.5 to 0.95",
}

COCO_TEXT = {
    "AP": "precision, overlap 0.50 to 0.95",
    "AP50": "precision, overlap 0.50",
    "AP75": "precision, overlap 0.75",
    "APs": "precision, small objects (up to 32 x 32 pixels)",
    "APm": "precision, medium objects (up to 96 x 96 pixels)",
    "APl": "precision, large objects",
    "AR1": "recall, 1 detection per image and class",
    "AR10": "recall, 10 per image and class",
    "AR100": "recall, 100 per image and class",
    "ARs": "recall, small objects",
    "ARm": "recall, medium objects",
    "ARl": "recall, large objects",
}
"""Descriptions of ``COCO_NUMBERS``."""
