"""Detections as PASCAL VOC annotations: a folder as one year of a VOCdevkit. Owned by the writing thread.

Boxes are whole pixels counted from 1, the last one included: what covers pixels [x1, x2) from 0 becomes x1 + 1 to x2,
each edge rounded to the nearest, a half upwards. A box cut off at the image's edge is marked truncated.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from app.core.records.frame_record import FrameRecord, label_of
from app.core.records.sampled_folder import SampledFolder
from app.core.records.sampling import FrameSampling, clipped

_LIST = "trainval"


class VocFolder(SampledFolder):
    """``Annotations/NAME_000123.xml``, ``JPEGImages`` where images are saved, ``ImageSets/Main/trainval.txt``."""

    images = "JPEGImages"

    def __init__(self, target: Path, plan: FrameSampling) -> None:
        super().__init__(target, plan)
        self._database = f"{plan.name}, by ssd-viewer"
        self._stems: list[str] = []

    def annotate(self, record: FrameRecord, stem: str) -> None:
        """See ``SampledFolder``."""
        self.folder.write(f"Annotations/{stem}.xml", self._annotation(record, stem).encode("utf-8", "replace"))
        self._stems.append(stem)

    def complete(self) -> None:
        """See ``RecordWriter``."""
        lines = "".join(f"{stem}\n" for stem in self._stems)
        self.folder.write(f"ImageSets/Main/{_LIST}.txt", lines.encode("utf-8", "replace"))
        self.folder.complete()

    def _annotation(self, record: FrameRecord, stem: str) -> str:
        width, height = record.size
        objects = []
        boxes, inside = clipped(record)
        pixels = whole_pixels(boxes, record.size)
        for box, index, (xmin, ymin, xmax, ymax) in zip(boxes, inside, pixels.tolist(), strict=True):
            label = label_of(record.labels, int(record.detections.class_ids[index]))
            cut = bool(np.any(box != record.detections.boxes_xyxy[index]))
            objects.append(
                f"\t<object>\n\t\t<name>{_xml(label)}</name>\n\t\t<pose>Unspecified</pose>\n"
                f"\t\t<truncated>{int(cut)}</truncated>\n\t\t<difficult>0</difficult>\n"
                f"\t\t<bndbox>\n\t\t\t<xmin>{xmin}</xmin>\n\t\t\t<ymin>{ymin}</ymin>\n"
                f"\t\t\t<xmax>{xmax}</xmax>\n\t\t\t<ymax>{ymax}</ymax>\n\t\t</bndbox>\n\t</object>\n"
            )
        return (
            f"<annotation>\n\t<folder>{_xml(self.folder.target.name)}</folder>\n\t<filename>{_xml(stem)}.jpg</filename>\n"
            f"\t<source>\n\t\t<database>{_xml(self._database)}</database>\n\t</source>\n"
            f"\t<size>\n\t\t<width>{width}</width>\n\t\t<height>{height}</height>\n\t\t<depth>3</depth>\n\t</size>\n"
            f"\t<segmented>0</segmented>\n{''.join(objects)}</annotation>\n"
        )


def whole_pixels(boxes_xyxy: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Int64[K, 4]: first and last pixel, counted from 1; never less than one, never outside of the image."""
    rounded = np.floor(boxes_xyxy + 0.5).astype(np.int64)
    last = np.array(size, np.int64)
    low = np.minimum(rounded[:, :2] + 1, last)
    high = np.minimum(np.maximum(rounded[:, 2:], low), last)
    return np.concatenate((low, high), axis=1)


def _xml(text: str) -> str:
    """``text`` as XML may hold it: control characters become spaces."""
    return escape("".join(c if c.isprintable() else " " for c in text))
