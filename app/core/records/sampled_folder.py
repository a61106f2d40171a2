"""An annotated set of images as a folder that appears under its name only when it is whole. Writing thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from app.core.files.atomic_folder import AtomicFolder
from app.core.records.frame_record import FrameRecord
from app.core.records.sampling import FrameSampler, FrameSampling


class SampledFolder(ABC):
    """The part of a ``RecordWriter`` that sets with a file for each image share.

    Args:
        target: The folder.
        plan: Which frames it takes.

    Attributes:
        folder: What is written to.

    Raises:
        AppError: The folder cannot be written.
    """

    images: str
    """Name of the folder inside for images that are saved."""

    def __init__(self, target: Path, plan: FrameSampling) -> None:
        self.folder = AtomicFolder(target)
        self._sampler = FrameSampler(plan)

    def write(self, record: FrameRecord) -> None:
        """Add a frame, if it is taken; see ``RecordWriter``."""
        if not self._sampler.takes(record):
            return
        stem = self._sampler.stem(record)
        jpeg = self._sampler.jpeg(record)
        if jpeg is not None:
            self.folder.write(f"{self.images}/{stem}.jpg", jpeg)
        self.annotate(record, stem)

    @abstractmethod
    def annotate(self, record: FrameRecord, stem: str) -> None:
        """Write the annotation of a frame that is taken, whose files are called ``stem``."""

    @abstractmethod
    def complete(self) -> None:
        """See ``RecordWriter``."""

    def finish(self) -> None:
        """See ``RecordWriter``."""
        self.complete()
        self.folder.commit()

    def discard(self) -> None:
        """See ``RecordWriter``."""
        self.folder.discard()
