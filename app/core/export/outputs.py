"""The files of one export as one: video and data are written together, finished together, or discarded together.

Owned by ``ssdv-export-write``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.core.export.preview import Preview
from app.core.export.request import ExportRequest
from app.core.export.seen import SeenSoFar
from app.core.export.source_facts import SourceFacts
from app.core.export.tally import Tally
from app.core.export.tracking_filter import needs_tracking
from app.core.files.atomic_file import commit_together
from app.core.frames import DecodedFrame, ImageBGR, ImageBGRA
from app.core.highlights.folders import open_highlights
from app.core.muxing.overlapped_video import OverlappedVideo
from app.core.muxing.video_file import VideoFile
from app.core.muxing.video_options import MP4, container_of
from app.core.overlay_array import ArrayPainter
from app.core.records.data_file import open_data_file
from app.core.records.frame_record import FrameRecord, RecordWriter
from app.core.records.sampling import FrameSampling
from app.core.tracking.tracker import Tracker
from detector.detections import Detections


class Outputs:
    """The files an export makes. All parts are opened at once, so that a folder that refuses is known at the start.

    Args:
        request: Names the files.
        facts: About the source.
        check: Called between steps that take long, see ``FrameRereader``.
        preview: Whether somebody looks at the frames while they are written.

    Raises:
        AppError: A file cannot be written; none is left.
    """

    def __init__(
        self,
        request: ExportRequest,
        facts: SourceFacts,
        check: Callable[[], None] = lambda: None,
        preview: bool = False,
    ) -> None:
        self.tally = Tally()
        self._request = request
        self._tracker = Tracker() if needs_tracking(request) else None
        self._painter = ArrayPainter()
        self._video: OverlappedVideo | None = None
        self._records: list[RecordWriter] = []
        self._preview = Preview(preview)
        try:
            if request.output is not None:
                video = VideoFile(request.source, request.output, facts.start_s, facts.frame_count, request.video)
                self._video = OverlappedVideo(video)
            plan = FrameSampling(request.source.stem, request.highlights.frames_every_s, facts.lead_s)
            for data in request.data:
                self._records.append(open_data_file(data.path, data.format, plan))
            container = (container_of(request.output) if request.output is not None else None) or MP4
            self._records += open_highlights(
                request.highlights, request.source, facts.start_s, request.overlay, request.video, container, check
            )
        except BaseException:
            self.discard()
            raise

    @property
    def encoder(self) -> str:
        """The video encoder's name; "" without a video."""
        return "" if self._video is None else self._video.encoder

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines about what differs from a perfect copy."""
        return () if self._video is None else self._video.notes

    def write(
        self,
        frame: DecodedFrame,
        detections: Detections,
        labels: Sequence[str],
        followed: bool = False,
        after_cut: bool = False,
    ) -> None:
        """Append a frame to every file; boxes are painted into the frame.

        Args:
            frame: The frame.
            detections: What passed ``filter_for_tracking``; below the threshold it only keeps objects alive.
            labels: Class names.
            followed: Motion brought the boxes.
            after_cut: Another scene begins: no object of the one before goes on.

        Raises:
            AppError: A file cannot be written.
        """
        shown = detections.above(self._request.detection.threshold)
        if self._tracker is not None and after_cut:
            self._tracker.end_all()
        tracks = () if self._tracker is None else self._tracker.update(frame.pts_s, detections, len(shown))
        image = frame.image_bgr if self._records else None
        record = FrameRecord(frame.index, frame.pts_s, shown, labels, tracks, frame.size, image, followed)
        self.tally.add(record, {} if self._tracker is None else self._tracker.first_s)
        for writer in self._records:
            writer.write(record)
        numbers = tracks if self._request.highlights.tracks else ()
        if self._video is not None:
            frame = self._painter.annotated(frame, shown, labels, self._request.overlay, numbers)
            self._video.write(frame)
            self._preview.add(shown, lambda: frame.image_bgr)
        else:
            self._preview.add(shown, lambda: self._painted_copy(frame.image_bgr, shown, labels, numbers))

    def _painted_copy(
        self, image: ImageBGR, shown: Detections, labels: Sequence[str], tracks: Sequence[int | None]
    ) -> ImageBGR:
        """The frame as a video would show it; data files and snapshots keep theirs clean."""
        copy = image.copy()
        self._painter.annotate(copy, shown, labels, self._request.overlay, tracks)
        return copy

    def seen(self) -> SeenSoFar:
        """Returns what was written so far."""
        objects = None if self._tracker is None else self.tally.objects
        return SeenSoFar(self.tally.detections.total(), objects, self._preview.newest())

    @property
    def telling_frame(self) -> ImageBGRA | None:
        """The frame with the most detections, small; None where there were none, or nobody looks."""
        return self._preview.telling

    def finish(self) -> None:
        """Complete every file, and when all are safely on the disk give them their names.

        Raises:
            AppError: One cannot be completed, and then none is there; or one cannot be named, and then it and those
                after it are not there.
        """
        for writer in self._records:
            writer.complete()
        if self._video is not None:
            self._video.complete()
        with commit_together():
            if self._video is not None:
                self._video.finish()
            for writer in self._records:
                writer.finish()

    def discard(self) -> None:
        """Leave nothing that is not finished."""
        if self._video is not None:
            self._video.discard()
        for writer in self._records:
            writer.discard()
