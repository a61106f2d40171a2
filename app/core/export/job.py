"""One export from start to finished files: read -> detect -> paint and write, on threads that overlap.

``run`` blocks its caller; ``cancel``, ``pause`` and ``resume`` may be called from any thread. Values flow through two
bounded channels, nothing is lost, and memory stays flat. On failure or cancel the parts are removed and the final names
are as before; what the network found stays in the journal, and the next run begins from there.

    ssdv-export-read     owns the reader
    ssdv-export-detect   owns the Detector and the Journal
    ssdv-export-write    paints; owns the data files and, with ssdv-export-encode, the video
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.core.candidate_cache.lookup import store_paths
from app.core.candidate_cache.source_content import SourceContent
from app.core.channels import Channel
from app.core.export.analysis_reader import may_use_card, open_analysis_source
from app.core.export.detect_stage import DetectedFrame, ExportDetectStage, OpenDetector
from app.core.export.disk_space import check_room
from app.core.export.gate import Gate
from app.core.export.history import record_finished
from app.core.export.key_frames import resolved_interval
from app.core.export.outputs import Outputs
from app.core.export.progress import ProgressMeter
from app.core.export.request import ExportCancelledError, ExportProgress, ExportReport, ExportRequest
from app.core.export.source_facts import SourceFacts, open_export_source, read_source_facts
from app.core.export.targets import check_targets, make_folders
from app.core.export.tracking_filter import needs_tracking
from app.core.files.disk import DiskSpace, disk_space
from app.core.files.write_errors import waiting_for_room
from app.core.frames import DecodedFrame
from app.core.models import open_model_for_batches
from app.core.workers import Worker, join_all
from detector.part_file import remove_abandoned_part

_WAITING_BYTES = 128 * 2**20  # of frames, in each channel
_MAX_WAITING = 64  # more than any engine's batch: decoding and painting go on while one is computed
_STOP_S = 30.0


class ExportJob:
    """Annotates one video; runs once.

    Args:
        request: The video, the files to write, and all settings.
        on_progress: Called a few times a second and at each change of stage, on whichever thread of the job has news.
        open_detector: Makes the detector, on ``ssdv-export-detect``.
        space: Room on the disk of a folder; None when it cannot be told.
        preview: Whether progress comes with the newest frame.
    """

    def __init__(
        self,
        request: ExportRequest,
        on_progress: Callable[[ExportProgress], None] | None = None,
        open_detector: OpenDetector = open_model_for_batches,
        space: Callable[[Path], DiskSpace | None] = disk_space,
        preview: bool = False,
    ) -> None:
        self.request = request
        self._meter = ProgressMeter(on_progress)
        self._space = space
        self._store = next(store_paths(request.store_folder, request.source.name))
        self._preview = preview
        self._gate = Gate(self._meter.pausing, space)
        self._open_detector = open_detector
        self._lock = threading.RLock()  # a signal handler may cancel while this very thread holds it
        self._failure: BaseException | None = None
        self._channels: tuple[Channel[Any], ...] = ()
        self._outputs: Outputs | None = None
        self._stage: ExportDetectStage | None = None
        self._notes: list[str] = []
        self._damaged = 0
        self._is_incomplete = False
        self._expected_frames: int | None = None
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
        facts = read_source_facts(self.request)
        source = SourceContent(self.request.source)
        self._expected_frames = facts.frame_count
        make_folders((*self.request.targets(), self._store))
        self._meter.opening(facts.frames_expected)
        self._check_room(facts)
        self._raise_failure()
        stage = self._stage = ExportDetectStage(
            self.request,
            self._store.parent,
            source,
            facts.frame_count,
            self._gate,
            self._meter,
            resolved_interval(self.request.detect_every, facts.fps),
        )
        workers = self._workers(stage, facts)
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
        if stage.temporary is not None:
            remove_abandoned_part(stage.temporary)
        report = self._report(time.monotonic() - started)
        record_finished(self.request, report)  # behind the kept detections, which become a little larger
        return report if report.cache is None else replace(report, cache_bytes=report.cache.stat().st_size)

    def _workers(self, stage: ExportDetectStage, facts: SourceFacts) -> tuple[Worker, ...]:
        waiting = max(2, min(_MAX_WAITING, _WAITING_BYTES // facts.frame_bytes))
        frames, found, place = Channel[DecodedFrame](waiting), Channel[DetectedFrame](waiting), Channel[str](1)
        with self._lock:
            self._channels = (frames, found, place)
        return (
            Worker("export-read", lambda _: self._read(frames, place), self._fail),
            Worker("export-detect", lambda _: stage.run(self._open_detector, frames, found, place), self._fail),
            Worker("export-write", lambda _: self._write(found, facts), self._fail),
        )

    def cancel(self) -> None:
        """Stop soon; ``run`` then raises ``ExportCancelledError``. Before or after the run it does no harm."""
        self._fail(ExportCancelledError("The export was cancelled."))

    def pause(self) -> None:
        """Stand still soon, until ``resume`` or ``cancel``."""
        self._gate.pause()

    def resume(self) -> None:
        """Go on, also where the disk was full and there is room now."""
        self._gate.go_on()

    def _check_room(self, facts: SourceFacts) -> None:
        room = check_room(self.request, self._store.parent, facts.frames_expected, facts.frame_bytes, self._space)
        self._gate.reserve = room.reserve
        if room.warning:
            self._meter.remark(room.warning)

    # -- the three threads ------------------------------------------------------------------------------------------

    def _read(self, frames: Channel[DecodedFrame], place: Channel[str]) -> None:
        if may_use_card(self.request):
            reader = open_analysis_source(self.request, place.get(), self._gate.check)
        else:
            reader = open_export_source(self.request)
        try:
            while (frame := reader.read_frame()) is not None:
                frames.put(frame)
            self._damaged, self._is_incomplete = reader.broken_packets, reader.is_incomplete
            self._notes += reader.take_notes()
            frames.close()
        finally:
            reader.close()

    def _write(self, found: Channel[DetectedFrame], facts: SourceFacts) -> None:
        with waiting_for_room(self._gate.wait_for_room):
            outputs = self._outputs = Outputs(self.request, facts, self._gate.check, self._preview)
            self._meter.look = outputs.seen
            first = next(self.request.targets(), self._store)
            try:
                for item in found:
                    self._gate.check()  # also for a failure: not only once the channel is drained
                    self._gate.watch(first)
                    outputs.write(item.frame, item.detections, item.labels, item.followed, item.after_cut)
                    self._meter.step(item.fresh)
                self._meter.finishing()
                self._raise_failure()
                outputs.finish()
                self._finished = True
            except BaseException as error:
                self._fail(error)  # first, as it ends a wait for room in which the encoder may be
                outputs.discard()
                raise

    # -- how it ends ------------------------------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        """The first failure is what ``run`` raises; all threads end."""
        with self._lock:
            self._failure = self._failure or error
            channels = self._channels
        self._gate.stop(error)
        for channel in channels:
            channel.fail(error)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _report(self, seconds: float) -> ExportReport:
        assert self._outputs is not None
        assert self._stage is not None
        model, device, precision = self._stage.model
        kept = self._stage.kept
        frames, expected = self._meter.frames, self._expected_frames
        # Headers also promise frames that are not to be shown, or never were: only damage makes them missing.
        lacks = expected is not None and frames < expected and (self._damaged > 0 or self._is_incomplete)
        short = f"Of {expected} frames {frames} could be decoded." if lacks else ""
        return ExportReport(
            source=self.request.source,
            output=self.request.output,
            data=tuple(data.path for data in self.request.data),
            model=model,
            device=device,
            precision=precision,
            frames=frames,
            detections=self._outputs.tally.detections.total(),
            counts=dict(self._outputs.tally.detections.most_common()),
            objects=self._outputs.tally.objects if needs_tracking(self.request) else None,
            seen=self._outputs.tally.seen,
            telling_frame=self._outputs.telling_frame,
            folders=tuple(self.request.highlights.folders()),
            seconds=seconds,
            encoder=self._outputs.encoder,
            damaged_packets=self._damaged,
            frames_known=min(frames, self._meter.known),
            cache=kept,
            cache_bytes=0 if kept is None else kept.stat().st_size,
            notes=tuple(note for note in (*self._stage.notes, *self._notes, short, *self._outputs.notes) if note),
        )


def _wait(workers: Sequence[Worker]) -> None:
    for worker in workers:
        # In slices: on Windows a wait without end cannot be interrupted by Ctrl-C.
        while not worker.join(0.5):
            pass
