"""The request for a training, and its result. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from detector.training.recipe import Recipe

_VGG_SUFFIXES = (".pth", ".pt")


def starts_from_detector(start: str) -> bool:
    """Returns whether ``start`` names a detector, rather than nothing or a file of VGG-16's weights."""
    return bool(start) and Path(start).suffix.lower() not in _VGG_SUFFIXES


@dataclass(frozen=True, slots=True)
class DataRequest:
    """The annotated images of a training.

    Attributes:
        roots: Folders of VOC or COCO sets, used together.
        kind: "voc", "coco", or "" to detect it.
        split: List of images in each; "" for train or trainval.
        limit: Maximum number of images from each root.
        classes: Classes to learn; empty for all classes of the sets.
        validation: Data set to measure on; None for none.
        validation_split: List of images in it; "" for the usual one.
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
        data: The annotated images.
        out: Model file to write at the end.
        folder: Folder of checkpoint, log and curves; a training found there is resumed.
        recipe: Hyperparameters; ``epochs``, if given, replace its ``steps``.
        epochs: Passes over the images; None to count in steps.
        min_epochs: Least passes over the images, where that takes more than the recipe's ``steps``.
        network: One of ``detector.training.networks.TRAINABLE``.
        width: Channel multiplier of a VGG network.
        start: Weights to start from: a model's name or file, or a file of VGG-16's weights; "" for none.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32" or "bf16".
        threads: Threads that load images.
        save_every_s: Seconds between checkpoints.
        validate_every: Epochs between measurements; 0 for a tenth of the training.
    """

    data: DataRequest
    out: Path
    folder: Path
    recipe: Recipe = field(default_factory=Recipe)
    epochs: float | None = None
    min_epochs: float = 0.0
    network: str = "ssd300-vgg16"
    width: float = 1.0
    start: str = ""
    device: str = "auto"
    precision: str = "auto"
    threads: int = 2
    save_every_s: float = 300.0
    validate_every: float = 5.0


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The result of a training.

    Attributes:
        model: The file written; None if the training was stopped early.
        step: Steps taken.
        steps: Steps in all.
        scores: Scores on the validation set; empty without one.
        images_per_s: Mean pace of this run.
        shares: Shares of this run's time, by ``detector.training.step_clock.PARTS``.
        bad: Images that could not be read, and why.
        seconds: Training time of all runs together.
    """

    model: Path | None
    step: int
    steps: int
    scores: dict[str, float]
    images_per_s: float
    shares: dict[str, float]
    bad: dict[Path, str]
    seconds: float
