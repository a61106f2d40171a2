"""One export from start to finished files: read -> detect -> paint and write, on three threads that overlap.

``run`` blocks its caller; ``cancel`` may be called from any thread. Values flow through two bounded channels, nothing
is lost, and memory stays flat. On failure or cancel the parts are removed and the final names are as before.

    ssdv-export-read     owns the PictureReader
    ssdv-export-detect   owns the Detector
    ssdv-export-write    owns the MP4 with its encoder, and the data files
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.channels import Channel
from app.core.export.outputs import Outputs, SourceFacts
from app.core.export.progress import ProgressMeter
from app.core.export.request import ExportCancelledError, ExportProgress, ExportReport, ExportRequest
from app.core.export.targets import check_targets, make_folders
from app.core.models import open_model
from app.core.settings import ModelSettings
from app.core.sources.sequence import PictureReader, open_pictures
from app.core.sources.video import Picture
from app.core.wanted import wanted_filter
from app.core.workers import Worker, join_all
from detector.detections import Detections
from detector.runtime.base import Detector

log = logging.getLogger(__name__)

OpenDetector = Callable[[ModelSettings], Detector]

_BATCH_ON_GPU = 8  # CPU engines run a batch one by one anyway
_WAITING_BYTES = 128 * 2**20  # of pictures, in each channel
_WAITING_MOST = 16
_STOP_S = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    picture: Picture
    detections: Detections
    labels: Sequence[str]


class ExportJob:
    """Annotates one video; runs once.

    Args:
        request: What to do.
        on_progress: Called on ``ssdv-export-write``, a few times a second and at each change of stage.
        open_detector: Makes the detector, on ``ssdv-export-detect``.
    """

    def __init__(
        self,
        request: ExportRequest,
        on_progress: Callable[[ExportProgress], None] | None = None,
        open_detector: OpenDetector = open_model,
    ) -> None:
        self.request = request
        self._meter = ProgressMeter(on_progress)
        self._open_detector = open_detector
        self._lock = threading.RLock()  # a signal handler may cancel while this very thread holds it
        self._failure: BaseException | None = None
        self._pictures: Channel[Picture] | None = None
        self._found: Channel[_Found] | None = None
        self._outputs: Outputs | None = None
        self._model = ("", "", "")  # name, device, precision
        self._notes: list[str] = []
        self._damaged = 0
        self._promised: int | None = None
        self._finished = False

    def run(self) -> ExportReport:
        """Do it all; returns when the files have their names.

        Raises:
            AppError: The source cannot be read, or a target cannot be written.
            DetectorError: The model cannot be used.
            ExportCancelledError: ``cancel`` was called.
        """
        started = time.monotonic()
        check_targets(self.request)
        facts = look_at(self.request)
        self._promised = facts.frame_count
        make_folders(self._targets())
        self._raise_failure()
        waiting = max(2, min(_WAITING_MOST, _WAITING_BYTES // facts.picture_bytes))
        pictures, found = Channel[Picture](waiting), Channel[_Found](waiting)
        with self._lock:
            self._pictures, self._found = pictures, found
        workers = (
            Worker("export-read", lambda _: self._read(pictures), self._fail),
            Worker("export-detect", lambda _: self._detect(pictures, found), self._fail),
            Worker("export-write", lambda _: self._write(found, facts), self._fail),
        )
        for worker in workers:
            worker.start()
        try:
            _wait(workers)
        except BaseException as error:  # Ctrl-C
            self._fail(error)
            join_all(workers, _STOP_S)
            raise
        if not self._finished:  # a cancel that came after the end changes nothing
            self._raise_failure()
        return self._report(time.monotonic() - started)

    def cancel(self) -> None:
        """Stop soon; ``run`` then raises ``ExportCancelledError``. Before or after the run it does no harm."""
        self._fail(ExportCancelledError("The export was cancelled."))

    def _targets(self) -> Iterator[Path]:
        if self.request.output is not None:
            yield self.request.output
        yield from (data.path for data in self.request.data)

    # -- the three threads ------------------------------------------------------------------------------------------

    def _read(self, pictures: Channel[Picture]) -> None:
        reader = _open(self.request)
        try:
            while (picture := reader.read_picture()) is not None:
                pictures.put(picture)
            self._damaged = reader.broken_packets
            self._notes += reader.take_notes()
            pictures.close()
        finally:
            reader.close()

    def _detect(self, pictures: Channel[Picture], found: Channel[_Found]) -> None:
        with self._open_detector(self.request.model) as detector:
            self._model = (detector.spec.name, detector.device, detector.precision)
            self._notes += detector.notes
            labels = detector.spec.labels
            wanted = wanted_filter(self.request.detection, labels)
            size = _BATCH_ON_GPU if detector.engine == "torch_cuda" else 1
            for batch in _batches(pictures, size):
                results = detector.candidates_batch([p.image_bgr for p in batch], wanted.iou_threshold)
                for picture, candidates in zip(batch, results, strict=True):
                    found.put(_Found(picture, candidates.detections(wanted), labels))
            found.close()

    def _write(self, found: Channel[_Found], facts: SourceFacts) -> None:
        outputs = self._outputs = Outputs(self.request, facts)
        try:
            self._meter.opening(facts.frames_expected)
            for item in found:
                self._raise_failure()  # not only once the channel is drained
                outputs.write(item.picture, item.detections, item.labels)
                self._meter.step()
            self._meter.finishing()
            self._raise_failure()
            outputs.finish()
            self._finished = True
        except BaseException:
            outputs.discard()
            raise

    # -- how it ends ------------------------------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        """The first failure is what ``run`` raises; all threads end."""
        with self._lock:
            self._failure = self._failure or error
            channels = (self._pictures, self._found)
        for channel in channels:
            if channel is not None:
                channel.fail(error)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _report(self, seconds: float) -> ExportReport:
        assert self._outputs is not None
        model, device, precision = self._model
        frames, promised = self._meter.frames, self._promised
        short = f"Of {promised} frames {frames} could be decoded." if promised is not None and frames < promised else ""
        return ExportReport(
            source=self.request.source,
            output=self.request.output,
            data=tuple(data.path for data in self.request.data),
            model=model,
            device=device,
            precision=precision,
            frames=frames,
            detections=self._outputs.counts.total(),
            counts=dict(self._outputs.counts.most_common()),
            seconds=seconds,
            encoder=self._outputs.encoder,
            damaged_packets=self._damaged,
            notes=tuple(note for note in (*self._notes, short, *self._outputs.notes) if note),
        )


def look_at(request: ExportRequest) -> SourceFacts:
    """Open the source for a moment, to know that it is a video and how large.

    Raises:
        AppError: It is none, or cannot be read.
    """
    reader = _open(request)
    try:
        info = reader.info
        expected = info.frame_count
        if expected is None and info.duration_s is not None and info.fps is not None:
            expected = round(info.duration_s * info.fps)
        return SourceFacts(reader.start_s, info.frame_count, expected, info.width * info.height * 3)
    finally:
        reader.close()


def _open(request: ExportRequest) -> PictureReader:
    return open_pictures(request.source, request.video.deinterlace, request.video.images_per_s)


def _batches(channel: Channel[Picture], size: int) -> Iterator[list[Picture]]:
    """Lists of ``size``, the last one shorter; waits for each to fill, for nobody watches an export live."""
    batch: list[Picture] = []
    for item in channel:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _wait(workers: Sequence[Worker]) -> None:
    for worker in workers:
        # In slices: on Windows a wait without end cannot be interrupted by Ctrl-C.
        while not worker.join(0.5):
            pass
