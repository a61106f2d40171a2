"""Detections as a COCO data set: one JSON with images, categories and annotations. Owned by the writing thread.

Boxes are [left, top, width, height] in pixels from 0. Beyond the format, as its readers allow: ``score``, ``track_id``
of each annotation, ``frame`` and ``time`` of each image.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.core.files.atomic_folder import AtomicFolder
from app.core.records.frame_record import FrameRecord, plain
from app.core.records.sampling import FrameSampler, FrameSampling, clipped
from app.core.records.text_file import TextFile
from detector.labels import COCO80, COCO_SPARSE_IDS

_NO_CLASS = "N/A"


class CocoFile(TextFile):
    """NAME.json; its images, where they are saved, in the folder NAME.frames beside it.

    Annotations are written as they come. What is kept for the end are the lines of the images: about 100 bytes a frame.
    """

    def __init__(self, target: Path, plan: FrameSampling) -> None:
        super().__init__(target)
        self._picker = FrameSampler(plan)
        self._folder: AtomicFolder | None = None
        self._images = io.StringIO()
        self._labels: tuple[str, ...] = ()
        self._count = 0
        self._is_whole = False
        try:
            if plan.saves_images:
                self._folder = AtomicFolder(target.with_name(f"{target.stem}.frames"))
            description = f"Detections in {plan.name}, by ssd-viewer"
            self.append('{"info": ' + json.dumps({"description": description}) + ',\n"annotations": [')
        except BaseException:
            self.discard()
            raise

    def write(self, record: FrameRecord) -> None:
        """Add an image and its annotations; see ``RecordWriter``."""
        if not self._picker.takes(record):
            return
        self._labels = tuple(record.labels)
        ids = category_ids(record.labels)
        image_id = record.index + 1
        name = f"{self._picker.stem(record)}.jpg"
        jpeg = self._picker.jpeg(record)
        if self._folder is not None and jpeg is not None:
            self._folder.write(name, jpeg)
            name = f"{self._folder.target.name}/{name}"
        image = {"id": image_id, "file_name": name, "width": record.size[0], "height": record.size[1]}
        image |= {"frame": record.index, "time": float(record.pts_s)}
        self._images.write((",\n" if self._images.tell() else "\n") + json.dumps(image))
        tracks = record.track_of_each
        for (x1, y1, x2, y2), index in zip(*clipped(record), strict=True):
            self._count += 1
            sides = round(float(x2 - x1), 3), round(float(y2 - y1), 3)
            class_id = int(record.detections.class_ids[index])
            found: dict[str, Any] = {"id": self._count, "image_id": image_id, "category_id": ids[class_id]}
            found |= {"bbox": [round(float(x1), 3), round(float(y1), 3), *sides]}
            found |= {"area": round(sides[0] * sides[1], 3), "iscrowd": 0}
            found |= {"score": plain(record.detections.scores[index])}
            if tracks[index] is not None:
                found["track_id"] = tracks[index]
            self.append((",\n" if self._count > 1 else "\n") + json.dumps(found))

    def complete(self) -> None:
        """See ``RecordWriter``."""
        if not self._is_whole:
            self._is_whole = True
            numbers = category_ids(self._labels)
            names = [{"id": n, "name": label} for n, label in zip(numbers, self._labels, strict=True)]
            categories = json.dumps([entry for entry in names if entry["name"] != _NO_CLASS])
            self.append(f'],\n"categories": {categories},\n"images": [{self._images.getvalue()}]}}\n')
        super().complete()
        if self._folder is not None:
            self._folder.complete()

    def finish(self) -> None:
        """See ``RecordWriter``."""
        self.complete()
        if self._folder is not None:
            self._folder.commit()
        super().finish()

    def discard(self) -> None:
        """See ``RecordWriter``."""
        if self._folder is not None:
            self._folder.discard()
        super().discard()


def category_ids(labels: Sequence[str]) -> tuple[int, ...]:
    """COCO's own numbers for its own classes, otherwise 1, 2, 3... (0 stands for no class)."""
    return COCO_SPARSE_IDS if tuple(labels) == COCO80 else tuple(range(1, len(labels) + 1))
