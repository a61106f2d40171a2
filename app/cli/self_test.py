"""``ssd-viewer self-test``: what works on this computer. Main thread; every check reports, none stops the others."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from app.cli.console import Console, one_line
from app.cli.options import add_result_flags
from app.core.models import open_entry, user_shelf
from detector.bundled import bundled_path
from detector.errors import ExplainedError

if TYPE_CHECKING:
    from detector.detections import Detections
    from detector.runtime.base import Detector
    from detector.shelf import ShelfEntry

_TORCH = ("torch", "torchvision")
_PACKAGES = (*_TORCH, "openvino", "opencv-python-headless", "av", "numpy", "PySide6-Essentials")
_DECODERS = ("h264", "hevc", "av1", "vp9", "mpeg4", "aac", "opus", "mp3")
_LEAST_IOU, _LEAST_SCORE = 0.5, 0.5
_MARKS = {True: " ok ", False: "FAIL", None: "info"}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    Attributes:
        name: What was looked at.
        ok: Whether it works; None for a plain fact.
        detail: What was seen.
    """

    name: str
    ok: bool | None
    detail: str


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = "Check devices, engines, codecs and cameras; find the known objects in the picture in the box."
    add_result_flags(parser)
    return run


def run(_options: argparse.Namespace, console: Console) -> int:
    """Report every check; 1 when one fails."""
    checks: list[Check] = []
    for group in (_versions, _window, _devices, _codecs, _cameras, _golden, _models):
        for check in _guarded(group):
            checks.append(check)
            console.say(f"[{_MARKS[check.ok]}] {check.name}: {one_line(check.detail)}")
    works = all(check.ok is not False for check in checks)
    console.give({"ok": works, "checks": [asdict(check) for check in checks]})
    if not works:
        failed = ", ".join(check.name for check in checks if check.ok is False)
        console.error(f"Does not work here: {failed}.")
    return 0 if works else 1


def _guarded(group: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """A group's checks; whatever breaks inside becomes a failed check, for that is what is being looked for."""
    try:
        yield from group()
    except Exception as error:
        yield Check(group.__name__.strip("_"), False, f"{type(error).__name__}: {error}")


def _versions() -> Iterator[Check]:
    from app import __version__

    yield Check("ssd-viewer", None, f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    for package in _PACKAGES:
        try:
            yield Check(package, True, metadata.version(package))
        except metadata.PackageNotFoundError:
            packaged = getattr(sys, "frozen", False)
            detail = "not in this version of the program" if packaged and package in _TORCH else "version unknown"
            yield Check(package, None if packaged else False, detail)


def _window() -> Iterator[Check]:
    try:
        from PySide6.QtCore import qVersion
        from PySide6.QtWidgets import QApplication
    except ImportError as error:
        yield Check("window", False, str(error))
    else:
        yield Check("window", QApplication is not None, f"Qt {qVersion()}")


def _devices() -> Iterator[Check]:
    from detector.runtime.open import available_devices

    for device, name in available_devices():
        yield Check(f"device {device}", True, name)


def _codecs() -> Iterator[Check]:
    import av

    from app.core.export.encoder import encoder_opens
    from app.core.export.presets import ENCODERS

    known = dict.fromkeys(name for names in ENCODERS.values() for name in names)
    opening = [name for name in known if encoder_opens(name)]
    yield Check("video encoders", bool(opening), ", ".join(opening) or "none opens")
    missing = [name for name in _DECODERS if name not in av.codecs_available]
    detail = ", ".join(name for name in _DECODERS if name not in missing)
    yield Check("decoders", not missing, detail + (f"; missing: {', '.join(missing)}" if missing else ""))


def _cameras() -> Iterator[Check]:
    from app.core.sources.cameras import list_cameras

    cameras = list_cameras()
    yield Check("cameras", None, ", ".join(f"{c.index} {c.name}" for c in cameras) or "none connected")


# -- the picture in the box ----------------------------------------------------------------------------------------


def _golden() -> Iterator[Check]:
    facts, picture = bundled_path("assets", "selftest.json"), bundled_path("assets", "selftest.png")
    if not (facts.is_file() and picture.is_file()):
        yield Check("golden picture", False, "not in this installation")
        return
    from app.core.sources.images import read_image

    golden = json.loads(facts.read_text("utf-8"))
    image = read_image(picture)
    entry = user_shelf().find(golden["model"])
    for name, opened in _engines(entry):
        try:
            with opened() as detector:
                found = detector.detect(image).above(_LEAST_SCORE)
                ok, detail = _compare(found, detector.spec.labels, golden["expected"])
                yield Check(f"golden picture, {name}", ok, f"{detail}; {detector.device}, {detector.precision}")
        except ExplainedError as error:
            yield Check(f"golden picture, {name}", False, str(error))


def _models() -> Iterator[Check]:
    """Each model on the shelf against what it answered when it was put there."""
    from app.core.model_check import check_model

    for entry in user_shelf().list():
        for check in check_model(entry) if entry.path is not None else ():
            engine = f", {check.engine}" if check.engine else ""
            yield Check(f"model {check.model}{engine}", check.ok, check.detail)


def _engines(entry: ShelfEntry) -> Iterator[tuple[str, Callable[[], Detector]]]:
    """Every engine this computer can run, by name."""
    from detector.runtime.open import available_devices
    from detector.runtime.torch_package import has_torch

    yield "cpu", lambda: open_entry(entry, "cpu")
    if has_torch():
        yield "torch on cpu", lambda: _torch_cpu(entry)
    for device, _ in available_devices():
        if device != "cpu":
            yield device, lambda device=device: open_entry(entry, device)  # type: ignore[misc]  # bound per round


def _torch_cpu(entry: ShelfEntry) -> Detector:
    from detector.runtime.torch_cpu import TorchCpuDetector

    return TorchCpuDetector(entry, "fp32", [])


def _compare(found: Detections, labels: tuple[str, ...], expected: list[dict[str, Any]]) -> tuple[bool, str]:
    """Whether every expected object is found, each by a detection of its own, and nothing else."""
    left = list(range(len(found)))
    hits = 0
    for thing in expected:
        match = next(
            (
                i
                for i in left
                if labels[int(found.class_ids[i])] == thing["label"]
                and _iou(found.boxes_xyxy[i].tolist(), thing["box"]) >= _LEAST_IOU
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
