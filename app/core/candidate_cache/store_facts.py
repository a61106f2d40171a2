"""The head of a store of candidates: which video, by which model, down to which score. Pure but for looking.

Two runs may share their results when source, model, engine and precision are the same; nothing else matters to what
the network answers. Whether a source is the same, ``source_content`` decides: a moved or copied file is.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from app.core.errors import AppError

MAX_HEADER = 2**20
_EXPECTED_FRAMES = "promised"  # its name in the files
_MAX_LABELS, _MAX_TEXT = 100_000, 10_000
_MAX_INTERVAL = 1000


class StoreError(AppError):
    """A store cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class SourceKey:
    """A video by its content.

    Attributes:
        name: File name, for people.
        size: Bytes; of a folder, the number of files.
        mtime_ns: When it was last changed, for people: a copy is the same video.
        sha256: Hash of its size and of samples from its beginning to its end.
        stamp: Hash of what the system said of the file, which changes whenever somebody touches it.
    """

    name: str
    size: int
    mtime_ns: int
    sha256: str
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """The head of a store.

    Attributes:
        source: The video.
        model: Name of the model.
        weights_sha256: Hash of the model's file; "" when it has none.
        engine: As ``Detector.engine``.
        device: As ``Detector.device``, for people.
        precision: As ``Detector.precision``.
        labels: Class names.
        floor: Least score that was kept; 0 when all that the model gave was.
        expected_frames: How many the source says it has; None when it does not say.
        detect_every: N: only every Nth frame, the last and those beside a cut were seen by the network; the others have
            no candidates.
        reading: How frames were made of the source where that is not the usual way, e.g. "deinterlaced".
    """

    source: SourceKey
    model: str
    weights_sha256: str
    engine: str
    device: str
    precision: str
    labels: tuple[str, ...]
    floor: float
    expected_frames: int | None = None
    reading: str = ""
    detect_every: int = 1

    def same_results(self, other: StoreFacts) -> bool:
        """Tells whether both runs would find the same in one video, above the higher of their floors."""
        return self._detector() == other._detector() and self.detect_every == other.detect_every

    def serves(self, wanted: StoreFacts) -> bool:
        """Tells whether a complete store with this head has every frame that ``wanted`` asks for."""
        return self._detector() == wanted._detector() and self.detect_every in (1, wanted.detect_every)

    def _detector(self) -> tuple[object, ...]:
        return self.model, self.weights_sha256, self.engine, self.precision, self.labels, self.reading

    def to_json(self) -> bytes:
        """The head as it stands in the file."""
        facts = dataclasses.asdict(self)
        facts[_EXPECTED_FRAMES] = facts.pop("expected_frames")
        return json.dumps(facts, ensure_ascii=True).encode()

    @staticmethod
    def from_json(content: bytes) -> StoreFacts:
        """Read a head, which may come from anywhere.

        Raises:
            StoreError: It is not one of ours.
        """
        try:
            data = json.loads(content)
            source = data["source"]
            return StoreFacts(
                source=SourceKey(
                    _text(source["name"]),
                    _count(source["size"]),
                    int(source["mtime_ns"]),
                    _text(source["sha256"]),
                    _text(source.get("stamp", "")),  # absent from older files
                ),
                model=_text(data["model"]),
                weights_sha256=_text(data["weights_sha256"]),
                engine=_text(data["engine"]),
                device=_text(data["device"]),
                precision=_text(data["precision"]),
                labels=_labels(data["labels"]),
                floor=_score(data["floor"]),
                expected_frames=None if data[_EXPECTED_FRAMES] is None else _count(data[_EXPECTED_FRAMES]),
                reading=_text(data["reading"]),
                detect_every=_interval(data.get("detect_every", 1)),  # absent from older files
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise StoreError("The kept detections cannot be read: their description is damaged.") from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise ValueError("not a text")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError("not a count")
    return value


def _interval(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _MAX_INTERVAL:
        raise ValueError("not a number of frames")
    return value


def _score(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or not 0.0 <= value <= 1.0:
        raise ValueError("not a score")
    return float(value)


def _labels(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MAX_LABELS:
        raise ValueError("no labels")
    return tuple(_text(label) for label in value)
