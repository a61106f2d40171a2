"""Runs a model over the images of a data set. Called on the thread that owns the detector.

``ssdv-evaluate-read`` decodes images ahead; the calling thread runs the network and collects what is found. Images
that are missing or damaged are skipped and named.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.core.channels import Channel, Closed
from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.core.sources.images import read_image
from app.core.workers import Worker
from detector.detections import DetectionFilter, Detections
from detector.evaluation.class_matching import match_names
from detector.evaluation.detection_table import DetectionTable, make_table
from detector.evaluation.issues import Issues
from detector.evaluation.results import DataSet, Floats, Ids, ImageTruth
from detector.runtime.base import Detector

_AHEAD = 16
_JOIN_S = 10.0


class EvaluationCancelledError(AppError):
    """The evaluation was cancelled."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelRun:
    """The detections of a model.

    Attributes:
        data: The images that were read.
        found: All detections in them.
        seconds: From the first image to the last.
        notes: Notes for the reader of the score.
    """

    data: DataSet
    found: DetectionTable
    seconds: float
    notes: tuple[str, ...]


def run_model(
    detector: Detector,
    data: DataSet,
    wanted: DetectionFilter | None = None,
    renames: Mapping[str, str] | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    stop: threading.Event | None = None,
) -> ModelRun:
    """Detects in every image of ``data``.

    Args:
        detector: Open, owned by the calling thread.
        data: The images.
        wanted: Which detections count; None for the rule the model was evaluated with, down to its low floor score.
        renames: Maps class names of the model to those of the data.
        on_progress: Called with images done and images in all after every batch.
        stop: Set from any thread to cancel.

    Raises:
        EvaluationCancelledError: ``stop`` was set.
        AppError: None of the images is here.
        DetectorError: The model and the data have no class in common, or the model fails.
    """
    matched = match_names(detector.spec.labels, data.labels, renames or {})
    here = [image for image in data.images if image.path is not None]
    if not here:
        raise AppError(f"None of the {len(data.images)} images is on this computer.", _where(data))
    run = _Run(detector, matched.ids, wanted, stop or threading.Event())
    run.over(here, on_progress)
    if not run.seen:
        raise AppError(f"None of the {len(here)} images can be read.", " ".join(run.issues.lines()[:1]))
    notes = [*matched.notes, *run.issues.lines()]
    if len(run.seen) < len(data.images):
        notes.append(f"Measured on {len(run.seen)} of {len(data.images)} images, those that are here and can be read.")
    return ModelRun(replace(data, images=tuple(run.seen)), run.found(), run.seconds, tuple(notes))


def _where(data: DataSet) -> str:
    if data.kind == "voc":
        return "They belong into JPEGImages beside Annotations, or beside the .xml files."
    return f"They belong into a folder named {data.split or 'images'}, beside the annotations or above them."


class _Run:
    """One pass over the images."""

    def __init__(self, detector: Detector, ids: Ids, wanted: DetectionFilter | None, stop: threading.Event) -> None:
        self.seen: list[ImageTruth] = []
        self.seconds = 0.0
        self.issues = Issues()
        self._detector = detector
        self._ids = ids
        self._wanted = wanted
        self._stop = stop
        self._boxes: list[Floats] = []
        self._scores: list[Floats] = []
        self._classes: list[Ids] = []

    def over(self, images: list[ImageTruth], on_progress: Callable[[int, int], None]) -> None:
        """Reads ahead, detects, collects."""
        channel: Channel[_Loaded] = Channel(_AHEAD)
        reader = Worker("evaluate-read", lambda stopping: _read(images, channel, stopping), channel.fail)
        begun = time.monotonic()
        reader.start()
        try:
            for done, batch in _batches(channel, self._detector):
                if self._stop.is_set():
                    raise EvaluationCancelledError("The evaluation was stopped.")
                self._detect(batch)
                on_progress(done, len(images))
        finally:
            reader.stop()
            channel.close()
            reader.join(_JOIN_S)
        self.seconds = time.monotonic() - begun

    def _detect(self, batch: list[_Loaded]) -> None:
        for loaded in batch:
            if loaded.problem:
                self.issues.add("image cannot be used", "images cannot be used", loaded.problem)
            elif loaded.resized:
                self.issues.add(
                    "image has another size than annotated; its boxes may not fit",
                    "images have another size than annotated; their boxes may not fit",
                    loaded.truth.file_name,
                )
        usable = [(loaded.truth, loaded.image) for loaded in batch if loaded.image is not None]
        results = self._detector.detect_batch([image for _, image in usable], self._wanted) if usable else []
        for (truth, _), found in zip(usable, results, strict=True):
            self.seen.append(truth)
            self._collect(found)

    def _collect(self, found: Detections) -> None:
        """Keeps detections of classes that the data has."""
        class_ids = self._ids[found.class_ids]
        kept = class_ids >= 0
        self._boxes.append(found.boxes_xyxy[kept].astype(np.float64))
        self._scores.append(found.scores[kept].astype(np.float64))
        self._classes.append(class_ids[kept])

    def found(self) -> DetectionTable:
        """Returns everything collected."""
        images = np.repeat(np.arange(len(self._scores)), [len(scores) for scores in self._scores])
        return make_table(
            images, np.concatenate(self._classes), np.concatenate(self._scores), np.concatenate(self._boxes)
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    """An image on its way to the network; None, with the problem, where it cannot be read."""

    truth: ImageTruth
    image: ImageBGR | None
    problem: str = ""
    resized: bool = False


def _read(images: list[ImageTruth], channel: Channel[_Loaded], stopping: threading.Event) -> None:
    try:
        for truth in images:
            if stopping.is_set():
                return
            channel.put(_load(truth))
    except Closed:
        return  # nobody wants more
    channel.close()


def _load(truth: ImageTruth) -> _Loaded:
    assert truth.path is not None, "images that are not here are never asked for"
    try:
        image = read_as_annotated(truth.path, truth.width, truth.height)
    except AppError as error:
        return _Loaded(truth, None, error.message.rstrip("."))
    stated = truth.width > 0 and truth.height > 0
    return _Loaded(truth, image, resized=stated and image.shape[:2] != (truth.height, truth.width))


def read_as_annotated(path: Path, width: int, height: int) -> ImageBGR:
    """Reads an image in the orientation of its annotation, which may have been made before or after it was turned.

    Args:
        path: The file.
        width: Annotated width, pixels; 0 if not stated.
        height: Annotated height, pixels; 0 if not stated.

    Raises:
        AppError: It cannot be read.
    """
    image = read_image(path)
    if image.shape[:2] == (width, height) and width != height:
        stored = read_image(path, upright=False)
        return stored if stored.shape[:2] == (height, width) else image
    return image


def _batches(channel: Channel[_Loaded], detector: Detector) -> Iterator[tuple[int, list[_Loaded]]]:
    """Yields the number of images so far and the next batch, of the size the detector prefers."""
    batch: list[_Loaded] = []
    done = 0
    for loaded in channel:
        batch.append(loaded)
        done += 1
        if len(batch) >= detector.preferred_batch:
            yield done, batch
            batch = []
    if batch:
        yield done, batch
