"""The best image of each object, clean and with its boxes, at full size. Owned by the writing thread.

Which frame shows an object best is known only when it is gone; so its boxes are kept, and the images of those few
frames are read again at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from app.core.detection_filter import check_classes
from app.core.errors import AppError
from app.core.files.atomic_folder import AtomicFolder
from app.core.frames import ImageBGR
from app.core.highlights.file_names import file_part
from app.core.highlights.reread import FrameRereader
from app.core.overlay_array import ArrayPainter
from app.core.records.csv_table import as_csv
from app.core.records.frame_record import FrameRecord, label_of, plain
from app.core.settings import OverlaySettings
from detector.class_names import chosen_ids

INDEX = "index.csv"
COLUMNS = ("picture", "clean", "label", "track", "frame", "time", "score", "x1", "y1", "x2", "y2")


@dataclass(frozen=True, slots=True, eq=False)
class _Best:
    """The frame in which an object scored highest: it is detection ``place`` of ``record``."""

    record: FrameRecord
    place: int

    @property
    def score(self) -> float:
        return float(self.record.detections.scores[self.place])


class SnapshotFolder:
    """A ``RecordWriter``: NAME.person.003.png, NAME.person.003-clean.png for each object, and ``index.csv``.

    Args:
        target: The folder.
        name: Name of the video.
        classes: Classes to take; empty for all.
        look: How boxes look.
        reread: The same video, from its beginning.
    """

    def __init__(
        self, target: Path, name: str, classes: tuple[str, ...], look: OverlaySettings, reread: FrameRereader
    ) -> None:
        self._name = file_part(name)
        self._classes = classes
        self._look = look
        self._reread = reread
        self._folder = AtomicFolder(target)
        self._painter = ArrayPainter()
        self._best: dict[int, _Best] = {}
        self._is_whole = False

    @property
    def count(self) -> int:
        """Objects shown."""
        return len(self._best)

    def write(self, record: FrameRecord) -> None:
        """Look for objects shown better than before; see ``RecordWriter``."""
        if record.index == 0:
            check_classes(self._classes, record.labels, "The model")
        found = record.detections
        kept = replace(record, image_bgr=None)
        chosen = chosen_ids(self._classes, tuple(record.labels))
        for place, (class_id, track) in enumerate(zip(found.class_ids.tolist(), record.track_of_each, strict=True)):
            if track is None or (self._classes and class_id not in chosen):
                continue
            best = self._best.get(track)
            if best is None or float(found.scores[place]) > best.score:
                self._best[track] = _Best(kept, place)

    def complete(self) -> None:
        """Read the images and write them; see ``RecordWriter``."""
        if self._is_whole:
            return
        self._is_whole = True
        rows = []
        by_time = sorted(self._best.items(), key=lambda entry: (entry[1].record.index, entry[0]))
        image: ImageBGR | None = None
        shown = -1
        for track, best in by_time:
            if image is None or best.record.index != shown:
                image = self._reread.frame(best.record.index, best.record.pts_s).image_bgr
                shown = best.record.index
            rows.append(self._save(track, best, image))
        self._reread.close()
        self._folder.write(INDEX, as_csv([COLUMNS, *rows]).encode("utf-8", "replace"))
        self._folder.complete()

    def finish(self) -> None:
        """See ``RecordWriter``."""
        self.complete()
        self._folder.commit()

    def discard(self) -> None:
        """See ``RecordWriter``."""
        self._reread.close()
        self._folder.discard()

    def _save(self, track: int, best: _Best, image: ImageBGR) -> tuple[object, ...]:
        record, found = best.record, best.record.detections
        label = label_of(record.labels, int(found.class_ids[best.place]))
        base = f"{self._name}.{file_part(label)}.{track:03d}"
        painted = np.array(image, order="C")
        self._painter.annotate(painted, found, record.labels, self._look, record.tracks)
        self._folder.write(f"{base}.png", _png(painted, record))
        self._folder.write(f"{base}-clean.png", _png(image, record))
        box = [plain(edge) for edge in found.boxes_xyxy[best.place]]
        where = (record.index, float(record.pts_s), plain(found.scores[best.place]))
        return (f"{base}.png", f"{base}-clean.png", label, track, *where, *box)


def _png(image: ImageBGR, record: FrameRecord) -> bytes:
    try:
        done, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    except cv2.error:
        done = False
    if not done:
        raise AppError(f"Frame {record.index} cannot be saved as PNG.")
    return data.tobytes()
