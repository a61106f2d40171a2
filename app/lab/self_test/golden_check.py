"""Checks every engine on the bundled golden image, and every model against its recorded outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from app.core.models import open_entry, user_library
from app.lab.self_test.checks import Check
from detector.bundled_files import bundled_path
from detector.errors import ExplainedError

if TYPE_CHECKING:
    from detector.detections import Detections
    from detector.model_file import ModelEntry
    from detector.runtime.base import Detector

_MIN_IOU, _MIN_SCORE = 0.5, 0.5


def golden() -> Iterator[Check]:
    """Compares each engine's detections with the objects drawn in the image."""
    facts, image_file = bundled_path("assets", "selftest.json"), bundled_path("assets", "selftest.png")
    if not (facts.is_file() and image_file.is_file()):
        yield Check("golden image", False, "not in this installation")
        return
    from app.core.sources.images import read_image

    known = json.loads(facts.read_text("utf-8"))
    image = read_image(image_file)
    entry = user_library().find(known["model"])
    for name, opened in engines(entry):
        try:
            with opened() as detector:
                found = detector.detect(image).above(_MIN_SCORE)
                ok, detail = _compare(found, detector.spec.labels, known["expected"])
                yield Check(f"golden image, {name}", ok, f"{detail}; {detector.device}, {detector.precision}")
        except ExplainedError as error:
            yield Check(f"golden image, {name}", False, str(error))


def models() -> Iterator[Check]:
    """Checks each installed model against the outputs recorded when it was added."""
    from app.core.model_check import check_model

    for entry in user_library().list():
        for check in check_model(entry) if entry.path is not None else ():
            engine = f", {check.engine}" if check.engine else ""
            yield Check(f"model {check.model}{engine}", check.ok, check.detail)


def engines(entry: ModelEntry) -> Iterator[tuple[str, Callable[[], Detector]]]:
    """Yields every engine this computer can run, by name."""
    from detector.runtime.devices import available_devices
    from detector.runtime.torch_package import has_torch

    yield "cpu", lambda: open_entry(entry, "cpu")
    if has_torch():
        yield "torch on cpu", lambda: _torch_cpu(entry)
    for device, _ in available_devices():
        if device != "cpu":
            yield device, lambda device=device: open_entry(entry, device)  # type: ignore[misc]  # bound per round


def _torch_cpu(entry: ModelEntry) -> Detector:
    from detector.runtime.torch_cpu import TorchCpuDetector

    return TorchCpuDetector(entry, "fp32", [])


def _compare(found: Detections, labels: tuple[str, ...], expected: list[dict[str, Any]]) -> tuple[bool, str]:
    """Returns whether exactly the expected objects are found, each by a detection of its own, and a summary."""
    left = list(range(len(found)))
    hits = 0
    for thing in expected:
        match = next(
            (
                i
                for i in left
                if labels[int(found.class_ids[i])] == thing["label"]
                and _iou(found.boxes_xyxy[i].tolist(), thing["box"]) >= _MIN_IOU
            ),
            None,
        )
        if match is not None:
            left.remove(match)
            hits += 1
    extra = f", {len(left)} more" if left else ""
    return hits == len(expected) and not left, f"{hits} of {len(expected)} objects found{extra}"


def _iou(first: list[float], second: list[float]) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return width * height / (areas - width * height)
