"""All the files of one export as one: video and data are written together, finished together, or discarded together.

Owned by ``ssdv-export-write``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from app.core.export.request import ExportRequest
from app.core.export.video_file import VideoFile
from app.core.part_file import together
from app.core.records.open import open_records
from app.core.records.table import FrameRecord, RecordWriter, label_of
from app.core.sources.video import Picture
from detector.detections import Detections


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the source says of itself before it is read.

    Attributes:
        start_s: Container time of the first picture.
        frame_count: Pictures promised by the file; None when it does not say.
        frames_expected: The same, or reckoned from length and rate; for the progress bar only.
        picture_bytes: Size of one decoded picture.
    """

    start_s: Fraction
    frame_count: int | None
    frames_expected: int | None
    picture_bytes: int


class Outputs:
    """The files an export makes. All parts are opened at once, so that a folder that refuses is known at the start.

    Args:
        request: Which files.
        facts: About the source.

    Raises:
        AppError: A file cannot be written; none is left.
    """

    def __init__(self, request: ExportRequest, facts: SourceFacts) -> None:
        self.counts: Counter[str] = Counter()
        self._video: VideoFile | None = None
        self._records: list[RecordWriter] = []
        try:
            if request.output is not None:
                self._video = VideoFile(
                    request.source, request.output, facts.start_s, facts.frame_count, request.overlay, request.video
                )
            for data in request.data:
                self._records.append(open_records(data.path, data.format))
        except BaseException:
            self.discard()
            raise

    @property
    def encoder(self) -> str:
        """The video encoder's name; "" without a video."""
        return "" if self._video is None else self._video.encoder

    @property
    def notes(self) -> tuple[str, ...]:
        """What differs from a perfect copy."""
        return () if self._video is None else self._video.notes

    def write(self, picture: Picture, detections: Detections, labels: Sequence[str]) -> None:
        """Append a frame to every file; boxes are painted into the picture.

        Raises:
            AppError: A file cannot be written.
        """
        self.counts.update(label_of(labels, class_id) for class_id in detections.class_ids.tolist())
        height, width = picture.image_bgr.shape[:2]
        record = FrameRecord(
            picture.index, picture.pts_s, detections, labels, size=(width, height), image_bgr=picture.image_bgr
        )
        for writer in self._records:
            writer.write(record)
        if self._video is not None:
            self._video.write(picture, detections, labels)

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
        with together():
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
