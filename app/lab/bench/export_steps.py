"""Measures what an export costs: each step alone, then the export itself, in which the steps overlap.

The beginning of a video is copied into a folder of its own. Steps and export work on that in rounds, so that a
temporary slowdown of the computer hits all of them. On the calling thread; the export starts its own threads.
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

from app.core.detection_filter import detection_filter
from app.core.export.job import ExportJob
from app.core.export.request import ExportProgress, ExportRequest
from app.core.frames import DecodedFrame
from app.core.muxing.overlapped_video import OverlappedVideo
from app.core.muxing.video_file import VideoFile
from app.core.overlay_array import ArrayPainter
from app.core.settings import DetectionSettings, ModelSettings, OverlaySettings
from app.core.sources.video import VideoReader
from app.core.thresholds import iou_for, threshold_for
from app.lab.bench.bench_report import ExportSpeed
from app.lab.bench.rounds import BenchCancelledError
from app.lab.bench.video_cut import cut
from detector.detections import DetectionFilter, Detections
from detector.runtime.base import Detector
from detector.runtime.format_measurements import usable_cores

_T = TypeVar("_T")
OpenDetector = Callable[[], Detector]
OnStep = Callable[[str], None]

_ROUNDS = 3
LONG_S = 60.0  # an export that takes longer is measured once
_MAX_SAMPLE_BYTES, _MAX_SAMPLE_FRAMES = 192 * 2**20, 64  # kept decoded
STEP_S = 3.0  # for which a step without an end of its own is repeated
_THREADS = ("decode", "detect", "write")  # run side by side


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of a step: frames per second of wall-clock time, and total processor time per frame."""

    rate: float
    cpu_ms: float


class _Meter:
    """A stopwatch for wall-clock and processor time; runs from its creation."""

    def __init__(self) -> None:
        self._begun, self._cpu = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._begun

    def cost(self, frames: int) -> Cost:
        return Cost(frames / self.seconds, 1000 * (time.process_time() - self._cpu) / max(frames, 1))


@dataclass(frozen=True, slots=True)
class _Sample:
    """Frames of the clip, in order, and the detections in them."""

    frames: list[DecodedFrame]
    found: list[Detections]
    labels: Sequence[str]


class ExportBench:
    """Measures the export of the beginning of a video.

    Args:
        source: The video.
        seconds: Length of the beginning.
        model: For the export's request; ``open_detector`` opens it.
        open_detector: Opens the engine for batches, as an export does.
        folder: Folder for everything written.
        on_step: Called with the name of each step.
        stop: Set from any thread to cancel.
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
        self._detection = DetectionSettings()

    def run(self) -> ExportSpeed:
        """Measures everything.

        Raises:
            BenchCancelledError: ``stop`` was set.
            AppError: The video cannot be read, or the disk is full.
            DetectorError: The model cannot be used.
        """
        clip = cut(self._source, self._seconds, self._folder)
        with self._open() as detector:
            own = detector.spec
            threshold, iou = threshold_for(own.threshold), iou_for(own.postprocess.iou_threshold)
            self._detection = DetectionSettings(threshold=threshold, iou=iou)
            wanted = detection_filter(self._detection, detector.spec.labels)
            sample = self._sample(clip, detector, wanted)
            rounds: list[dict[str, Cost]] = []
            begun = time.perf_counter()
            while not rounds or (len(rounds) < _ROUNDS and time.perf_counter() - begun < LONG_S):
                rounds.append(self._round(clip, detector, wanted, sample, len(rounds)))
            first = sample.frames[0].image_bgr
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
        """Reads the first frames of the clip, as many as fit into little memory, and measures its length on the way."""
        self._on_step("looking at the video")
        frames: list[DecodedFrame] = []
        reader = VideoReader(clip)
        last: DecodedFrame | None = None
        count = 0
        try:
            while (frame := reader.read_frame()) is not None:
                self._check()
                count, last = count + 1, frame
                if len(frames) < min(_MAX_SAMPLE_FRAMES, max(4, _MAX_SAMPLE_BYTES // frame.image_bgr.nbytes)):
                    frames.append(frame)
        finally:
            reader.close()
        assert last is not None  # a reader that opens has a first frame
        self._frames = count
        self._length_s = last.pts_s * count / max(count - 1, 1) or Fraction(1, 25)
        found = [detector.detect(frame.image_bgr, wanted) for frame in frames]
        return _Sample(frames, found, detector.spec.labels)

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
            batch = [_at(sample.frames, index * size + i).image_bgr for i in range(size)]
            for candidates in detector.candidates_batch(batch, wanted.iou_threshold):
                candidates.detections(wanted)
            return True

        step(0)
        return self._rate(step, each=size)

    def _paint(self, sample: _Sample) -> Cost:
        self._on_step("paint")
        images = [frame.image_bgr.copy() for frame in sample.frames]

        def step(index: int) -> bool:
            self._painter.annotate(_at(images, index), _at(sample.found, index), sample.labels, self._look)
            return True

        return self._rate(step)

    def _write(self, clip: Path, sample: _Sample) -> Cost:
        """Writes as many frames as the clip has, at its times, with its sound."""
        self._on_step("encode")
        target = self._folder / "step.mp4"
        video = OverlappedVideo(VideoFile(clip, target, Fraction(0), None))
        frames = [replace(frame, image=frame.image_bgr.copy()) for frame in sample.frames]
        meter = _Meter()
        try:
            for index in range(self._frames):
                self._check()
                frame = replace(_at(frames, index), index=index, pts_s=self._length_s * index / self._frames)
                video.write(self._painter.annotated(frame, _at(sample.found, index), sample.labels, self._look))
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
        """Runs the export; the clock starts when its model is open, which hardly matters for a long video."""
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

        target = folder / "annotated.mp4"
        request = ExportRequest(clip, target, model=self._model, detection=self._detection, cache="drop")
        job = ExportJob(request, watch, open_detector)
        report = job.run()
        return opened[0].cost(report.frames)

    def _rate(self, step: Callable[[int], bool], seconds: float = STEP_S, each: int = 1) -> Cost:
        """Repeats a step of ``each`` frames until it reports the end, or for ``seconds``; returns its cost."""
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
    """Walks back and forth through ``items``, so that neighbours stay neighbours, as in a video."""
    place = index % (2 * len(items))
    return items[place] if place < len(items) else items[2 * len(items) - 1 - place]


def share_of_slowest(costs: Mapping[str, Cost]) -> float:
    """Returns the rate of the whole export relative to its slowest step alone."""
    return costs["whole"].rate / min(costs[step].rate for step in _THREADS)


def share_of_possible(costs: Mapping[str, Cost], cores: int) -> float:
    """Returns the rate of the whole export relative to the best its steps can reach side by side on ``cores``.

    That best is limited by the slowest step, and by what all processors can do if none of them ever waits.
    """
    every_core = 1000 * cores / sum(costs[step].cpu_ms for step in _THREADS)
    return costs["whole"].rate / min(every_core, *(costs[step].rate for step in _THREADS))
