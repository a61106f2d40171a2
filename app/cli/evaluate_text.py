"""An evaluation as lines for people and as JSON for programs. Pure."""

from __future__ import annotations

import math
from typing import Any

from app.cli.console import one_line, table
from app.lab.evaluation.metric_text import COCO_TEXT, SHORT_RULES
from detector.evaluation.results import COCO_NUMBERS, ClassResult, CocoResult, Evaluation


def lines(evaluation: Evaluation) -> list[str]:
    """A table by class, then the mean."""
    result, data = evaluation.result, evaluation.data
    is_coco = isinstance(result, CocoResult)
    head = ("class", "AP", *(("AP50", "AP75") if is_coco else ()), "objects", "detections")
    rows = [head, *(_row(each, is_coco) for each in result.per_class)]
    said = [
        f"{one_line(evaluation.subject)} on {data.kind.upper()} {one_line(data.split)}, "
        f"{len(data.images)} images; {SHORT_RULES[result.metric]}",
        "",
        *table(rows),
        "",
    ]
    if isinstance(result, CocoResult):
        said += table([(name, _text(result.numbers[name]), COCO_TEXT[name]) for name in COCO_NUMBERS])
    else:
        said.append(f"mAP  {_text(result.mean_ap)}")
    if evaluation.seconds > 0:
        rate = len(data.images) / evaluation.seconds
        said += ["", f"{evaluation.seconds:.1f} s, {rate:.1f} images per second; {evaluation.device}"]
    return said


def _row(result: ClassResult, is_coco: bool) -> tuple[str, ...]:
    more = (_text(result.numbers["AP50"]), _text(result.numbers["AP75"])) if is_coco else ()
    return one_line(result.label), _text(result.ap), *more, str(result.objects), str(result.detections)


def _text(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The promised JSON; null for a class or a number that nothing counts for."""
    result, data = evaluation.result, evaluation.data
    said: dict[str, Any] = {
        "metric": result.metric,
        "map": _plain(result.mean_ap),
        "per_class": {each.label: _plain(each.ap) for each in result.per_class},
        "images": len(data.images),
    }
    if isinstance(result, CocoResult):
        said |= {name: _plain(result.numbers[name]) for name in COCO_NUMBERS[1:]}
        said["per_class_numbers"] = {
            each.label: {name: _plain(value) for name, value in each.numbers.items()} for each in result.per_class
        }
    said |= {
        "subject": evaluation.subject,
        "device": evaluation.device or None,
        "data": str(data.root),
        "format": data.kind,
        "split": data.split,
        "objects": {each.label: each.objects for each in result.per_class},
        "detections": {each.label: each.detections for each in result.per_class},
        "seconds": evaluation.seconds or None,
        "notes": list(evaluation.notes),
    }
    return said


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
