"""The middle of an export: for each frame what is in it, from the journal, from the network, or from kept detections.

Runs on ``ssdv-export-detect`` and owns the Detector and the Journal. Frames come in order and leave in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.candidate_cache.journal import CandidateJournal
from app.core.candidate_cache.lookup import RUN_THE_NETWORK
from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store import CandidateStore
from app.core.channels import Channel
from app.core.detection_filter import check_classes, left_out
from app.core.errors import AppError
from app.core.events.masks import unmasked
from app.core.events.scene import Scene
from app.core.export.gate import Gate
from app.core.export.key_frames import Ask, follow_between
from app.core.export.progress import ProgressMeter
from app.core.export.request import ExportCancelledError, ExportRequest
from app.core.export.source_facts import cached_detections, new_store_facts
from app.core.export.tracking_filter import filter_for_following, filter_for_tracking
from app.core.files.write_errors import waiting_for_room
from app.core.frames import DecodedFrame
from app.core.settings import ModelSettings
from detector.detections import Candidates, Detections
from detector.runtime.base import Detector

OpenDetector = Callable[[ModelSettings], Detector]


@dataclass(frozen=True, slots=True, eq=False)
class DetectedFrame:
    """A frame and what is in it.

    Attributes:
        frame: The frame.
        detections: All that is shown; where objects are followed, what scores less as well (``filter_for_tracking``).
        labels: Class names.
        fresh: The network ran on it, or motion brought its boxes, in this job.
        followed: Motion brought the boxes.
        after_cut: Another scene begins with it.
    """

    frame: DecodedFrame
    detections: Detections
    labels: Sequence[str]
    fresh: bool
    followed: bool = False
    after_cut: bool = False


class ExportDetectStage:
    """Finds the detections of every frame of one export.

    Args:
        request: Names the model and the detections.
        folder: Where the journal lies.
        source: The video.
        expected_frames: How many it says it has; None when it does not say.
        gate: Where it stands still.
        meter: Told how far an earlier run came.
        every: The network sees every Nth frame.

    Raises:
        SceneError: A mask makes no sense.

    Attributes:
        model: (name, device, precision), once known.
        notes: What the user should know, one line each.
        kept: The kept detections, once complete; None for none.
        temporary: The store whose part is to be removed when the job is done; None for nothing.
    """

    def __init__(
        self,
        request: ExportRequest,
        folder: Path,
        source: SourceContent,
        expected_frames: int | None,
        gate: Gate,
        meter: ProgressMeter,
        every: int = 1,
    ) -> None:
        self._request = request
        self._folder = folder
        self._source = source
        self._expected_frames = expected_frames
        self._gate = gate
        self._meter = meter
        self._every = every
        self._cuts: list[int] = []  # frames with which another scene begins
        self._masks = Scene(masks=request.masks).ignored
        self.model = ("", "", "")
        self.notes: list[str] = []
        self.kept: Path | None = None
        self.temporary: Path | None = None

    def run(
        self,
        open_detector: OpenDetector,
        frames: Channel[DecodedFrame],
        found: Channel[DetectedFrame],
        place: Channel[str],
    ) -> None:
        """Answer for every frame, then close ``found``.

        Args:
            open_detector: Makes the detector.
            frames: All of the video.
            found: Where the answers go.
            place: Is told where the detector runs, see ``open_analysis_source``.

        Raises:
            AppError: The journal cannot be written, or kept detections cannot be used.
            DetectorError: The model cannot be used.
        """
        with waiting_for_room(self._gate.wait_for_room):
            if self._request.cache == "only":
                self._recall(frames, found)
            else:
                self._detect(open_detector, frames, found, place)
        found.close()

    # -- by the network ---------------------------------------------------------------------------------------------

    def _detect(
        self,
        open_detector: OpenDetector,
        frames: Channel[DecodedFrame],
        found: Channel[DetectedFrame],
        place: Channel[str],
    ) -> None:
        request = self._request
        with open_detector(request.model) as detector:
            place.put(detector.device.partition(" ")[0] if detector.engine == "torch_cuda" else "")
            if without := left_out(request.detection.classes, detector.spec.labels, detector.spec.name):
                self.notes.append(without)
            self.model = (detector.spec.name, detector.device, detector.precision)
            self.notes += detector.notes
            facts = new_store_facts(request, self._source.key, detector, self._expected_frames, self._every)
            journal = CandidateJournal(self._folder, facts, self._source, request.cache == "keep", request.resume)
            known = journal.frames_known
            try:
                self._meter.known = known
                if journal.left_alone:
                    self._meter.remark(journal.left_alone)
                if known:
                    self._meter.remark(f"{known} frames were analysed before; the network runs on the others only.")
                self._look(detector, journal, frames, found)
                journal.finish(self._gate.check, self._cuts)
                self.kept, self.temporary = journal.path, journal.temporary
            finally:
                # A job that failed before its first frame was written failed for good: nothing is worth going on with.
                cancelled = isinstance(self._gate.failure, ExportCancelledError | KeyboardInterrupt)
                journal.close(keep=journal.frames > 0 and (cancelled or self._meter.frames > 0))
                self.notes += journal.notes
                self.notes += [note for note in detector.notes if note not in self.notes]  # a GPU may fail on the way

    def _look(
        self,
        detector: Detector,
        journal: CandidateJournal,
        frames: Channel[DecodedFrame],
        found: Channel[DetectedFrame],
    ) -> None:
        """Candidates of key frames from the journal as far as it goes, then from the network; the rest by motion."""
        labels = detector.spec.labels
        key_filter = filter_for_following(self._request, labels, journal.detect_every)

        def ask(runs: Sequence[Sequence[DecodedFrame]]) -> list[Detections]:
            self._gate.check()
            known = [journal.recall(run[-1]) for run in runs]
            images = [run[-1].image for run, there in zip(runs, known, strict=True) if there is None]
            answers = detector.candidates_batch(images, key_filter.iou_threshold, journal.floor) if images else []
            fresh = iter(answers)
            results = [next(fresh) if there is None else there for there in known]
            for run, candidates in zip(runs, results, strict=True):
                new = [frame for frame in run if frame.index >= journal.frames]
                if new:
                    journal.keep(new, [*[Candidates.empty()] * (len(new) - 1), candidates])
            return [candidates.detections(key_filter) for candidates in results]

        batch = detector.preferred_batch
        self._follow(frames, journal.detect_every, ask, batch, labels, journal.frames_known, found)

    def _follow(
        self,
        frames: Channel[DecodedFrame],
        every: int,
        ask: Ask,
        batch: int,
        labels: Sequence[str],
        known: int,
        found: Channel[DetectedFrame],
    ) -> None:
        min_score = filter_for_tracking(self._request, labels).score_threshold
        for frame, detections, followed, after_cut in follow_between(frames, every, ask, batch):
            fresh = frame.index >= known
            shown = self._shown(detections.above(min_score), frame)
            if after_cut:
                self._cuts.append(frame.index)
            found.put(DetectedFrame(frame, shown, labels, fresh, followed, after_cut))

    def _shown(self, found: Detections, frame: DecodedFrame) -> Detections:
        """Returns the detections of a frame, without those in masks."""
        return unmasked(found, frame.size, self._masks)

    # -- from what is kept ------------------------------------------------------------------------------------------

    def _recall(self, frames: Channel[DecodedFrame], found: Channel[DetectedFrame]) -> None:
        """Every frame from the cache; no model is opened."""
        request = self._request
        kept = cached_detections(request, self._source)
        facts, labels = kept.facts, kept.facts.labels
        self.model, self.kept = (facts.model, facts.device, facts.precision), kept.path
        check_classes(request.detection.classes, labels, facts.model)
        tracking_filter = filter_for_tracking(request, labels)
        if tracking_filter.score_threshold < facts.floor:
            raise AppError(f"{kept.path.name} reaches down to a score of {facts.floor:g} only.", *RUN_THE_NETWORK)
        key_filter = filter_for_following(request, labels, facts.detect_every)
        with CandidateStore.open(kept.path) as store:
            self._meter.known = store.frames

            def recall(frame: DecodedFrame) -> Detections:
                self._gate.check()
                candidates = store.recall(frame.index, frame.pts_s, *frame.size)
                if candidates is None:
                    raise AppError(f"{kept.path.name} does not fit {request.source.name}.", *RUN_THE_NETWORK)
                return candidates.detections(key_filter)

            def ask(runs: Sequence[Sequence[DecodedFrame]]) -> list[Detections]:
                return [recall(run[-1]) for run in runs]

            self._follow(frames, facts.detect_every, ask, 1, labels, store.frames, found)
