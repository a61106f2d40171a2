"""How ``everyday`` is fine-tuned, as data: one schedule for two CPU cores, one for a GPU, one for tests. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from detector.plans.architectures import first_layers
from detector.training.policy import MILD, Policy
from detector.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Distillation:
    """The part of the start's knowledge that is kept; see ``criterion``.

    Attributes:
        weight: Of the start's answers beside the labels.
        kept: Share of the start's confidence in a labelled class that is believed where no label is.
        softness: Share of the start's answer in the target of a labelled object.
        sure: Where the start is so sure of something unlabelled, the background is not taught by hard negatives.
        box_weight: Of all localisation costs.
    """

    weight: float = 1.0
    kept: float = 0.2
    softness: float = 0.1
    sure: float = 0.15
    box_weight: float = 0.25


@dataclass(frozen=True, slots=True)
class Round:
    """One fine-tuning of the start. Those of a schedule go different ways; their average is better than each.

    Attributes:
        name: Of its folder.
        recipe: Its ``steps`` follow from ``epochs``.
        epochs: Times through the images.
        policy: Of the augmentation.
        frozen: Modules that stay as they are.
        slow: Modules that learn at ``slowness`` times the rate.
        slowness: See ``slow``.
        distillation: What is kept of the start.
    """

    name: str
    recipe: Recipe
    epochs: float
    policy: Policy = MILD
    frozen: tuple[str, ...] = ()
    slow: tuple[str, ...] = ("stem.", "blocks.", "tail.")
    slowness: float = 0.4
    distillation: Distillation = Distillation()


REPLAY = 8
"""How often each fully labelled image is in the set."""

_TUNE = Recipe(
    batch=24,
    rate=5e-4,
    shape="cosine",
    warmup=60,
    optimiser="adamw",
    weight_decay=1e-4,
    clip_norm=10.0,
    ema=0.998,
)
_FIRST = first_layers("ssdlite-mobilenetv2-tf")

SCHEDULES: dict[str, tuple[Round, ...]] = {
    "cpu": (
        Round(
            "short", replace(_TUNE, rate=4e-4), 1.9, frozen=_FIRST, slowness=0.3, distillation=Distillation(kept=0.3)
        ),
        Round(
            "long",
            replace(_TUNE, warmup=100, ema=0.999),
            4.0,
            frozen=_FIRST,
            distillation=Distillation(weight=2.0),
        ),
        Round(
            "quick",
            replace(_TUNE, rate=6e-4, seed=2),
            2.0,
            frozen=_FIRST,
            distillation=Distillation(softness=0.0),
        ),
    ),
    "cuda": tuple(
        Round(
            f"seed{seed}",
            replace(_TUNE, batch=96, rate=6e-4, warmup=300, ema=0.9995, seed=seed),
            20.0,
            slowness=0.25,
            distillation=Distillation(weight=2.0),
        )
        for seed in range(2)
    ),
}
