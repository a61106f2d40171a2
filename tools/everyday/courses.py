"""How ``everyday`` is fine-tuned, as data: one course for two CPU cores, one for a GPU, one for tests. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from detector.training.networks import FIRST_LAYERS
from detector.training.policy import MILD, Policy
from detector.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Distillation:
    """What of the start is to be kept; see ``criterion``.

    Attributes:
        weight: Of the start's answers beside the labels.
        kept: Share of the start's confidence in a labelled class that is believed where no label is.
        softness: Share of the start's answer in the target of a labelled object.
        sure: Where the start is so sure of something unlabelled, the background is not taught by hard negatives.
        box_weight: Of all localisation costs.
    """

    weight: float = 2.0
    kept: float = 0.2
    softness: float = 0.1
    sure: float = 0.15
    box_weight: float = 0.25


@dataclass(frozen=True, slots=True)
class Course:
    """A fine-tuning.

    Attributes:
        recipe: Its ``steps`` follow from ``epochs``.
        epochs: Times through the pictures.
        policy: Of the augmentation.
        frozen: Modules that stay as they are.
        slow: Modules that learn at ``slowness`` times the rate.
        slowness: See ``slow``.
        distillation: What is kept of the start.
        replay: How often each fully labelled picture is in the set.
    """

    recipe: Recipe
    epochs: float
    policy: Policy = MILD
    frozen: tuple[str, ...] = ()
    slow: tuple[str, ...] = ("stem.", "blocks.", "tail.")
    slowness: float = 0.4
    distillation: Distillation = Distillation()
    replay: int = 8


_TUNE = Recipe(
    batch=24,
    rate=5e-4,
    shape="cosine",
    warmup=100,
    optimiser="adamw",
    weight_decay=1e-4,
    clip_norm=10.0,
    ema=0.999,
)
COURSES: dict[str, Course] = {
    "cpu": Course(_TUNE, epochs=4.0, frozen=FIRST_LAYERS["ssdlite-mobilenetv2-tf"]),
    "cuda": Course(replace(_TUNE, batch=96, rate=6e-4, warmup=300, ema=0.9995), epochs=40.0, slowness=0.25),
}
