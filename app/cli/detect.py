"""``ssd-viewer detect``: images to detections, and annotated copies. Main thread; one image at a time in memory."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.addresses import check_files
from app.cli.console import Console
from app.cli.options import (
    add_detection_flags,
    add_result_flags,
    detection_settings,
    find_model,
    open_for,
    say_if_demo,
    with_own_limits,
)
from app.cli.remedies import phrased
from app.core.errors import AppError

if TYPE_CHECKING:
    from app.core.frames import ImageBGR
    from app.core.settings import DetectionSettings
    from detector.detections import Detections
    from detector.runtime.base import Detector

_JPEG_QUALITY = 95


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = "Find objects in images. A folder stands for the images in it."
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--output", type=Path, metavar="DIR", help="write annotated copies there")
    add_detection_flags(parser)
    add_result_flags(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """Detect in each image; one that cannot be read is reported, and the rest goes on."""
    model, detection = detection_settings(options)
    entry = find_model(model, detection)
    detection = with_own_limits(detection, options, entry.spec.threshold, entry.spec.postprocess.iou_threshold)
    say_if_demo(entry, console)
    check_files(options.images, "detect")
    images, unlisted = _listed(options.images, console)
    console.check_json_apart(images)
    copies = _Copies(options.output, images) if options.output is not None else None
    with open_for(entry, model, console) as detector:
        results = _detected(images, detector, detection, copies, console)
        where = {
            "model": detector.spec.name,
            "device": detector.device,
            "precision": detector.precision,
            "threshold": detection.threshold,
        }
        console.say(_summary(results, **where))
        console.give({**where, "images": results})
    return 1 if unlisted or len(results) < len(images) else 0


def _listed(paths: Sequence[Path], console: Console) -> tuple[list[Path], int]:
    """Returns the images meant, and how many folders cannot be read, which is said."""
    from app.core.sources.images import list_images

    images: list[Path] = []
    failures = 0
    for path in paths:
        try:
            images += list_images(path) if path.is_dir() else [path]
        except AppError as error:
            console.error(phrased(error))
            failures += 1
    return images, failures


def _detected(
    images: Sequence[Path], detector: Detector, detection: DetectionSettings, copies: _Copies | None, console: Console
) -> list[dict[str, Any]]:
    """Returns what is in each image, as it is told; an image that cannot be read or copied is said, and left out."""
    from app.core.detection_filter import detection_filter
    from app.core.records.frame_record import as_dicts
    from app.core.sources.images import read_image

    labels = detector.spec.labels
    shown_filter = detection_filter(detection, labels)
    results: list[dict[str, Any]] = []
    for path in images:
        try:
            image = read_image(path)
            found = detector.detect(image, shown_filter)
            if copies is not None:
                copies.write(path, image, found, labels)
        except AppError as error:
            console.error(phrased(error))
            continue
        height, width = image.shape[:2]
        results.append({"path": str(path), "width": width, "height": height, "detections": as_dicts(found, labels)})
        _tell(console, results[-1])
    return results


def _summary(results: list[dict[str, Any]], model: str, device: str, precision: str, threshold: float) -> str:
    images, found = len(results), sum(len(result["detections"]) for result in results)
    counted = f"{images} image{'' if images == 1 else 's'}, {found} object{'' if found == 1 else 's'}"
    return f"{counted}; {model} on {device}, {precision}, threshold {threshold:.2f}"


def _tell(console: Console, result: dict[str, Any]) -> None:
    count = len(result["detections"])
    console.say(f"{result['path']}: {count} object{'' if count == 1 else 's'}")
    for found in result["detections"]:
        edges = " ".join(f"{edge:.1f}" for edge in found["box"])
        console.say(f"  {found['label']} {found['score']:.4f}  {edges}")


class _Copies:
    """Annotated copies in one folder: ``NAME.annotated.EXT``, replaced on a new run, never the input itself."""

    def __init__(self, folder: Path, inputs: Sequence[Path]) -> None:
        from app.core.export.targets import make_folders
        from app.core.overlay_array import ArrayPainter

        self._folder = folder
        self._inputs = inputs
        self._painter = ArrayPainter()
        self._used: set[str] = set()
        make_folders([folder / "x"])

    def write(self, source: Path, image: ImageBGR, found: Detections, labels: tuple[str, ...]) -> None:
        """Paint ``image`` (in place) and write it.

        Raises:
            AppError: It cannot be written.
        """
        import cv2

        from app.core.export.targets import check_apart
        from app.core.files.atomic_file import write_atomically
        from app.core.settings import OverlaySettings

        target = self._name(source)
        check_apart([target], self._inputs)
        self._painter.annotate(image, found, labels, OverlaySettings())
        flags = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if target.suffix.lower() in (".jpg", ".jpeg") else []
        done, data = cv2.imencode(target.suffix, image, flags)
        if not done:
            raise AppError(f"{target.name} could not be encoded.")
        write_atomically(target, data.tobytes())

    def _name(self, source: Path) -> Path:
        """Kind of the source where it is JPEG or PNG, else PNG; numbered where two sources share a name."""
        suffix = source.suffix if source.suffix.lower() in (".jpg", ".jpeg", ".png") else ".png"
        name, number = f"{source.stem}.annotated{suffix}", 2
        while name.lower() in self._used:
            name = f"{source.stem}.annotated ({number}){suffix}"
            number += 1
        self._used.add(name.lower())
        return self._folder / name
