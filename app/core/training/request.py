"""What is asked of a training, and what became of it. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from detector.training.recipe import Recipe

_VGG_SUFFIXES = (".pth", ".pt")


def starts_from_detector(start: str) -> bool:
    """Whether ``start`` names a detector, rather than nothing or a file of VGG-16's weights."""
    return bool(start) and Path(start).suffix.lower() not in _VGG_SUFFIXES


@dataclass(frozen=True, slots=True)
class DataRequest:
    """Which annotated pictures.

    Attributes:
        roots: Of VOC or COCO sets; all are learnt from together.
        kind: "voc", "coco", or "" for what is found.
        split: Which list of each; "" for train or trainval.
        limit: At most this many pictures of each root.
        classes: What to learn; empty for every class the sets have.
        validation: A set to measure on; None for none.
        validation_split: Its list; "" for the usual one.
    """

    roots: tuple[Path, ...]
    kind: str = ""
    split: str = ""
    limit: int | None = None
    classes: tuple[str, ...] = ()
    validation: Path | None = None
    validation_split: str = ""


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """A training.

    Attributes:
        data: What to learn from.
        out: Model file to write at the end.
        folder: Where checkpoint, log and curves are kept; a training found there is continued.
        recipe: How; its ``steps`` are replaced where ``epochs`` are given.
        epochs: Times to go through the pictures; None to count in steps.
        least_epochs: Times to go through the pictures at least, where that takes more than the recipe's ``steps``.
        network: One of ``detector.training.networks.TRAINABLE``.
        width: Channel multiplier of a VGG network.
        start: Weights to start from: a model's name or file, or a file of VGG-16's weights; "" for none.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32" or "bf16".
        threads: That load pictures.
        save_every_s: Seconds between checkpoints.
        validate_every: Times through the pictures between measurements; 0 for a tenth of the training.
    """

    data: DataRequest
    out: Path
    folder: Path
    recipe: Recipe = field(default_factory=Recipe)
    epochs: float | None = None
    least_epochs: float = 0.0
    network: str = "ssd300-vgg16"
    width: float = 1.0
    start: str = ""
    device: str = "auto"
    precision: str = "auto"
    threads: int = 2
    save_every_s: float = 300.0
    validate_every: float = 5.0


@dataclass(frozen=True, slots=True)
class Trained:
    """What became of it.

    Attributes:
        model: The file written; None if the training was stopped before its end.
        step: Steps taken.
        steps: Steps in all.
        scores: Measured on the validation set; empty without one.
        images_per_s: Over this run.
        shares: Of the time of this run, by ``detector.training.clock.PARTS``.
        bad: Pictures that could not be read, and why.
        seconds: Trained, all runs together.
    """

    model: Path | None
    step: int
    steps: int
    scores: dict[str, float]
    images_per_s: float
    shares: dict[str, float]
    bad: dict[Path, str]
    seconds: float
