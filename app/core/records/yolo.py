"""Detections as a YOLO data set: a text file a frame, ``class cx cy w h`` as shares of the image. Writing thread."""

from __future__ import annotations

import json
from pathlib import Path

from app.core.records.frame_record import FrameRecord
from app.core.records.sampled_folder import SampledFolder
from app.core.records.sampling import FrameSampling, clipped


class YoloFolder(SampledFolder):
    """``labels/NAME_000123.txt``, ``images`` where images are saved, ``classes.txt``, ``data.yaml``.

    Classes count from 0. A frame with nothing in it has an empty file: it is known to show nothing.
    """

    images = "images"

    def __init__(self, target: Path, plan: FrameSampling) -> None:
        super().__init__(target, plan)
        self._labels: tuple[str, ...] = ()

    def annotate(self, record: FrameRecord, stem: str) -> None:
        """See ``SampledFolder``."""
        self._labels = tuple(record.labels)
        width, height = record.size
        lines = []
        for (x1, y1, x2, y2), index in zip(*clipped(record), strict=True):
            shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
            numbers = " ".join(f"{share:.6f}" for share in shares)
            lines.append(f"{int(record.detections.class_ids[index])} {numbers}\n")
        self.folder.write(f"labels/{stem}.txt", "".join(lines).encode("ascii"))

    def complete(self) -> None:
        """See ``RecordWriter``."""
        names = [" ".join(label.split()) for label in self._labels]
        self.folder.write("classes.txt", "".join(f"{name}\n" for name in names).encode("utf-8", "replace"))
        # JSON is YAML, too. Without a path the folder of this very file is meant.
        table = "".join(f"  {number}: {json.dumps(name)}\n" for number, name in enumerate(names))
        self.folder.write("data.yaml", f"train: images\nval: images\nnames:\n{table}".encode())
        self.folder.complete()
