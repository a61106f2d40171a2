"""Videos around the appearances of a class, with their sound, cut at exact frames. Owned by the writing thread.

The export's frames go by before it is known that an object will appear; keeping seconds of them would take gigabytes.
So only their boxes wait, for as long as a clip begins early, and the video is read a second time that much later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from app.core.detection_filter import check_classes
from app.core.files.atomic_folder import AtomicFolder
from app.core.frames import DecodedFrame
from app.core.highlights.file_names import file_part
from app.core.highlights.reread import FrameRereader
from app.core.highlights.spans import Decision, Spans
from app.core.muxing.video_file import VideoFile
from app.core.muxing.video_options import VideoOptions
from app.core.overlay_array import ArrayPainter
from app.core.records.csv_table import as_csv
from app.core.records.frame_record import FrameRecord
from app.core.settings import OverlaySettings
from detector.class_names import chosen_ids

INDEX = "index.csv"
COLUMNS = ("clip", "label", "start", "end", "appears", "disappears", "frames", "objects")

_ONLY_FRAME_S = Fraction(1, 25)


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """The source, classes, length and appearance of clips.

    Attributes:
        source: The video.
        start_s: Container time of its first frame.
        classes: Each has clips of its own.
        before_s: Seconds a clip begins before its object appears.
        after_s: Seconds it goes on after.
        look: How boxes look.
        video: How videos are written.
        suffix: Ending of the clips.
        shows_tracks: Write the numbers of tracks into the labels.
    """

    source: Path
    start_s: Fraction
    classes: tuple[str, ...]
    before_s: Fraction
    after_s: Fraction
    look: OverlaySettings
    video: VideoOptions
    suffix: str = ".mp4"
    shows_tracks: bool = False


class ClipFolder:
    """A ``RecordWriter``: NAME.person.001.mp4... and ``index.csv`` in a folder.

    Args:
        target: The folder.
        plan: Which clips.
        reread: The same video, from its beginning.
    """

    def __init__(self, target: Path, plan: ClipPlan, reread: FrameRereader) -> None:
        self._plan = plan
        self._reread = reread
        self._folder = AtomicFolder(target)
        self._series = [_Series(label, plan, self._folder.path) for label in plan.classes]
        self._waiting: deque[FrameRecord] = deque()
        self._last_s: Fraction | None = None
        self._step_s = _ONLY_FRAME_S
        self._is_whole = False

    @property
    def counts(self) -> dict[str, int]:
        """Clips by class."""
        return {series.label: len(series.rows) for series in self._series}

    def write(self, record: FrameRecord) -> None:
        """Take a frame, and write those that are decided by now; see ``RecordWriter``."""
        if self._last_s is None:
            check_classes(self._plan.classes, record.labels, "The model")
        else:
            self._step_s = record.pts_s - self._last_s
        self._last_s = record.pts_s
        self._waiting.append(replace(record, image_bgr=None))
        self._pass_on([series.spans.put(record.pts_s, series.is_in(record)) for series in self._series])

    def complete(self) -> None:
        """See ``RecordWriter``."""
        if self._is_whole:
            return
        self._is_whole = True
        if self._last_s is not None:
            end_s = self._last_s + self._step_s
            self._pass_on([series.spans.end(end_s) for series in self._series])
            for series in self._series:
                series.end(end_s)
        self._reread.close()
        rows = sorted((row for series in self._series for row in series.rows), key=lambda row: (row[2], row[1]))
        self._folder.write(INDEX, as_csv([COLUMNS, *rows]).encode("utf-8", "replace"))
        self._folder.complete()

    def finish(self) -> None:
        """See ``RecordWriter``."""
        self.complete()
        self._folder.commit()

    def discard(self) -> None:
        """See ``RecordWriter``."""
        for series in self._series:
            series.discard()
        self._reread.close()
        self._folder.discard()

    def _pass_on(self, decisions: Sequence[list[Decision]]) -> None:
        """All classes decide the same frames at the same time, for all wait equally long."""
        for of_frame in zip(*decisions, strict=True):
            record = self._waiting.popleft()
            wanting = [pair for pair in zip(self._series, of_frame, strict=True) if pair[1].inside]
            frame = self._reread.frame(record.index, record.pts_s) if wanting else None
            for series, decision in zip(self._series, of_frame, strict=True):
                if not decision.inside or decision.begins:
                    series.end(record.pts_s)
                if decision.inside and frame is not None:
                    own = frame if len(wanting) == 1 else replace(frame, image=frame.image_bgr.copy())
                    series.write(own, record, decision)


class _Series:
    """The clips of one class, one after the other."""

    def __init__(self, label: str, plan: ClipPlan, folder: Path) -> None:
        self.label = label
        self.spans = Spans(plan.before_s, plan.after_s)
        self.rows: list[tuple[str, str, float, float, float, float, int, int | str]] = []
        self._plan = plan
        self._path = folder
        self._painter = ArrayPainter()
        self._file: VideoFile | None = None
        self._name = ""
        self._start_s = self._seen_from_s = self._seen_to_s = Fraction(0)
        self._seen = self._frames = 0
        self._tracks: set[int] = set()

    def is_in(self, record: FrameRecord) -> bool:
        """Returns whether the class is among what was found in the frame."""
        return not self._ids(record).isdisjoint(record.detections.class_ids.tolist())

    def write(self, frame: DecodedFrame, record: FrameRecord, decision: Decision) -> None:
        """Append a frame to the clip; the first one begins it."""
        plan = self._plan
        if self._file is None:
            self._begin(record.pts_s)
        assert self._file is not None
        if decision.seen:
            self._seen_from_s = self._seen_from_s if self._seen else record.pts_s
            self._seen_to_s = record.pts_s
            self._seen += 1
            own = self._ids(record)
            for class_id, track in zip(record.detections.class_ids.tolist(), record.track_of_each, strict=True):
                if track is not None and class_id in own:
                    self._tracks.add(track)
        self._frames += 1
        tracks = record.tracks if plan.shows_tracks else ()
        self._file.write(self._painter.annotated(frame, record.detections, record.labels, plan.look, tracks))

    def end(self, end_s: Fraction) -> None:
        """Complete the clip, if there is one: its last frame lasts until ``end_s``."""
        if self._file is None:
            return
        self._file.complete(self._plan.start_s + end_s)
        self._file.finish()
        self._file = None
        times = (self._start_s, end_s, self._seen_from_s, self._seen_to_s)
        start, end, appears, disappears = (float(time) for time in times)
        objects = len(self._tracks) or ""
        self.rows.append((self._name, self.label, start, end, appears, disappears, self._frames, objects))

    def discard(self) -> None:
        """Leave nothing of an unfinished clip."""
        if self._file is not None:
            self._file.discard()
            self._file = None

    def _ids(self, record: FrameRecord) -> frozenset[int]:
        return chosen_ids((self.label,), tuple(record.labels))

    def _begin(self, pts_s: Fraction) -> None:
        plan = self._plan
        number = len(self.rows) + 1
        self._name = f"{file_part(plan.source.stem)}.{file_part(self.label)}.{number:03d}{plan.suffix}"
        start_s = plan.start_s + pts_s
        self._file = VideoFile(
            plan.source, self._path / self._name, plan.start_s, None, plan.video, clip_from_s=start_s
        )
        self._start_s = pts_s
        self._seen = self._frames = 0
        self._tracks = set()
