"""What an export costs: each of its steps alone, then the export itself, in which they overlap.

The beginning of a video is copied into a folder of its own; steps and export work on that, in rounds, so that what
slows the computer down for a while slows all of them. On the calling thread; the export starts its own threads.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from app.core.bench.clip import cut
from app.core.bench.result import ExportSpeed
from app.core.bench.rounds import BenchCancelledError
from app.core.detection_filter import detection_filter
from app.core.export.job import ExportJob
from app.core.export.request import ExportProgress, ExportRequest
from app.core.frames import DecodedFrame
from app.core.muxing.overlapped_video import OverlappedVideo
from app.core.muxing.video_file import VideoFile
from app.core.overlay_array import ArrayPainter
from app.core.settings import DetectionSettings, ModelSettings, OverlaySettings
from app.core.sources.video import VideoReader
from detector.detections import DetectionFilter, Detections
from detector.runtime.base import Detector
from detector.runtime.optimised import usable_cores

_T = TypeVar("_T")
OpenDetector = Callable[[], Detector]
OnStep = Callable[[str], None]

_ROUNDS = 3
_LONG_S = 60.0  # an export that takes longer is measured once
_SAMPLE_BYTES, _SAMPLE_MOST = 192 * 2**20, 64  # pictures kept decoded
_STEP_S = 3.0  # for which a step that could go on for ever is repeated
_THREADS = ("decode", "detect", "write")  # what goes on side by side


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a step: frames a second by the clock, and the time that processors spend on a frame, all of them together."""

    rate: float
    cpu_ms: float


class _Meter:
    """Runs from its making on."""

    def __init__(self) -> None:
        self._begun, self._cpu = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._begun

    def cost(self, frames: int) -> Cost:
        return Cost(frames / self.seconds, 1000 * (time.process_time() - self._cpu) / max(frames, 1))


@dataclass(frozen=True, slots=True)
class _Sample:
    """Pictures of the clip, in their order, and what was found in them."""

    pictures: list[DecodedFrame]
    found: list[Detections]
    labels: Sequence[str]


class ExportBench:
    """Measures the export of one video's beginning.

    Args:
        source: The video.
        seconds: How much of it.
        model: For the export's request; ``open_detector`` is what opens it.
        open_detector: For batches, as an export does.
        folder: For everything written.
        on_step: Told what is going on.
        stop: Set from anywhere to give up.
    """

    def __init__(
        self,
        source: Path,
        seconds: float,
        model: ModelSettings,
        open_detector: OpenDetector,
        folder: Path,
        on_step: OnStep,
        stop: threading.Event,
    ) -> None:
        self._source, self._seconds, self._model, self._open = source, seconds, model, open_detector
        self._folder, self._on_step, self._stop = folder, on_step, stop
        self._look = OverlaySettings()
        self._painter = ArrayPainter()
        self._encoder = ""

    def run(self) -> ExportSpeed:
        """Measure.

        Raises:
            BenchCancelledError: ``stop`` was set.
            AppError: The video cannot be read, or the disk is full.
            DetectorError: The model cannot be used.
        """
        clip = cut(self._source, self._seconds, self._folder)
        with self._open() as detector:
            wanted = detection_filter(DetectionSettings(), detector.spec.labels)
            sample = self._sample(clip, detector, wanted)
            rounds: list[dict[str, Cost]] = []
            begun = time.perf_counter()
            while not rounds or (len(rounds) < _ROUNDS and time.perf_counter() - begun < _LONG_S):
                rounds.append(self._round(clip, detector, wanted, sample, len(rounds)))
            first = sample.pictures[0].image_bgr
            rates = {step: statistics.median(each[step].rate for each in rounds) for step in rounds[0]}
            cpu_ms = {step: statistics.median(each[step].cpu_ms for each in rounds) for step in rounds[0]}
            return ExportSpeed(
                video_s=float(self._length_s),
                frames=self._frames,
                width=first.shape[1],
                height=first.shape[0],
                model=detector.spec.name,
                device=detector.device,
                precision=detector.precision,
                encoder=self._encoder,
                objects=statistics.mean(len(each) for each in sample.found),
                steps={step: rate for step, rate in rates.items() if step != "whole"},
                whole=rates["whole"],
                cpu_ms=cpu_ms,
                share=statistics.median(share_of_slowest(each) for each in rounds),
                possible_share=statistics.median(share_of_possible(each, usable_cores()) for each in rounds),
                rounds=len(rounds),
            )

    def _sample(self, clip: Path, detector: Detector, wanted: DetectionFilter) -> _Sample:
        """The clip's first pictures, as many as fit into a little memory; measures its length on the way."""
        self._on_step("looking at the video")
        pictures: list[DecodedFrame] = []
        reader = VideoReader(clip)
        last: DecodedFrame | None = None
        count = 0
        try:
            while (picture := reader.read_frame()) is not None:
                self._check()
                count, last = count + 1, picture
                if len(pictures) < min(_SAMPLE_MOST, max(4, _SAMPLE_BYTES // picture.image_bgr.nbytes)):
                    pictures.append(picture)
        finally:
            reader.close()
        assert last is not None  # a reader that opens has a first picture
        self._frames = count
        self._length_s = last.pts_s * count / max(count - 1, 1) or Fraction(1, 25)
        found = [detector.detect(picture.image_bgr, wanted) for picture in pictures]
        return _Sample(pictures, found, detector.spec.labels)

    def _round(
        self, clip: Path, detector: Detector, wanted: DetectionFilter, sample: _Sample, number: int
    ) -> dict[str, Cost]:
        costs = {
            "decode": self._decode(clip),
            "detect": self._detect(detector, wanted, sample),
            "paint": self._paint(sample),
            "encode": self._write(clip, replace(sample, found=[Detections.empty()] * len(sample.found))),
            "write": self._write(clip, sample),
        }
        return costs | {"whole": self._whole(clip, number)}

    def _decode(self, clip: Path) -> Cost:
        self._on_step("decode")
        reader = VideoReader(clip)
        try:
            return self._rate(lambda _: reader.read_frame() is not None, math.inf)
        finally:
            reader.close()

    def _detect(self, detector: Detector, wanted: DetectionFilter, sample: _Sample) -> Cost:
        self._on_step("detect")
        size = detector.preferred_batch

        def step(index: int) -> bool:
            batch = [_at(sample.pictures, index * size + i).image_bgr for i in range(size)]
            for candidates in detector.candidates_batch(batch, wanted.iou_threshold):
                candidates.detections(wanted)
            return True

        step(0)
        return self._rate(step, each=size)

    def _paint(self, sample: _Sample) -> Cost:
        self._on_step("paint")
        images = [picture.image_bgr.copy() for picture in sample.pictures]

        def step(index: int) -> bool:
            self._painter.annotate(_at(images, index), _at(sample.found, index), sample.labels, self._look)
            return True

        return self._rate(step)

    def _write(self, clip: Path, sample: _Sample) -> Cost:
        """Of as many pictures as the clip has, at its times, its sound included."""
        self._on_step("encode")
        target = self._folder / "step.mp4"
        video = OverlappedVideo(VideoFile(clip, target, Fraction(0), None))
        pictures = [replace(picture, image_bgr=picture.image_bgr.copy()) for picture in sample.pictures]
        meter = _Meter()
        try:
            for index in range(self._frames):
                self._check()
                picture = replace(_at(pictures, index), index=index, pts_s=self._length_s * index / self._frames)
                video.write(self._painter.annotated(picture, _at(sample.found, index), sample.labels, self._look))
            video.complete()
            video.finish()
        except BaseException:
            video.discard()
            raise
        cost = meter.cost(self._frames)
        self._encoder = video.encoder
        target.unlink(missing_ok=True)
        return cost

    def _whole(self, clip: Path, number: int) -> Cost:
        """The export; its clock starts when its model is open, which for a long video is no matter."""
        self._on_step("export")
        folder = self._folder / f"export-{number}"
        opened: list[_Meter] = []

        def open_detector(_settings: ModelSettings) -> Detector:
            detector = self._open()
            opened.append(_Meter())
            return detector

        def watch(_progress: ExportProgress) -> None:
            if self._stop.is_set():
                job.cancel()

        request = ExportRequest(clip, folder / "annotated.mp4", model=self._model, cache="drop")
        job = ExportJob(request, watch, open_detector)
        report = job.run()
        return opened[0].cost(report.frames)

    def _rate(self, step: Callable[[int], bool], seconds: float = _STEP_S, each: int = 1) -> Cost:
        """Of a step that does ``each`` frames; until it says that there are no more, or for ``seconds``."""
        meter = _Meter()
        done = 0
        while meter.seconds < seconds and step(done):
            self._check()
            done += 1
        return meter.cost(done * each)

    def _check(self) -> None:
        if self._stop.is_set():
            raise BenchCancelledError("The measurement was stopped.")


def _at(items: Sequence[_T], index: int) -> _T:
    """To and fro through ``items``: neighbours stay neighbours, as in a video."""
    place = index % (2 * len(items))
    return items[place] if place < len(items) else items[2 * len(items) - 1 - place]


def share_of_slowest(costs: Mapping[str, Cost]) -> float:
    """The whole's rate over that of the slowest of its steps alone."""
    return costs["whole"].rate / min(costs[step].rate for step in _THREADS)


def share_of_possible(costs: Mapping[str, Cost], cores: int) -> float:
    """The whole's rate over the best that steps can reach side by side which share ``cores``.

    No more than the slowest of them, and no more than all processors can do when none of them ever waits.
    """
    every_core = 1000 * cores / sum(costs[step].cpu_ms for step in _THREADS)
    return costs["whole"].rate / min(every_core, *(costs[step].rate for step in _THREADS))
