"""How the detector is trained, as data: one course for a GPU, one for two CPU cores, one for tests. No torch.

On a GPU there is time to learn SSD300 from nothing by the paper's augmentation. On a CPU there is not, so the network
comes to its work by steps, each with the weights of the one before: first its base learns to tell cut-out objects
apart, hundreds a second; then the detector learns on small pictures; then on pictures of their final size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from detector.config import SSD300_VOC, SSDConfig
from detector.training.policy import PAPER, Policy
from detector.training.recipe import Recipe

# Milder than the paper's: few times through the pictures leave no time to learn from the rarest of distortions, and
# objects made four times smaller would be lost in small pictures.
MILD = replace(PAPER, hue=18.0, zoom_out_chance=0.3, zoom_out=2.0, min_ious=(0.3, 0.5, 0.7, 0.9), tries=12)


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a course.

    Attributes:
        name: Of its folder.
        kind: "crops": the base network classifies cut-out objects; "detect": the whole detector detects.
        side: Of the pictures, pixels.
        epochs: Times through the training set; where a course has ``minutes``, what they allow instead.
        recipe: Its ``steps`` follow from ``epochs``.
        policy: Of the augmentation of "detect".
        validate_every: Times through the set between measurements.
        frozen: Blocks of the base network that learn no more.
    """

    name: str
    kind: Literal["crops", "detect"]
    side: int
    epochs: float
    recipe: Recipe
    policy: Policy = PAPER
    validate_every: float = 5.0
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """A whole training.

    Attributes:
        width: Channel multiplier of the network.
        stages: In order.
        on_device: Pictures live decoded in the device's memory and are augmented there.
        minutes: Length of the last stage, to fit its number of steps to the pace of the machine; 0 for ``epochs``.
    """

    width: float
    stages: tuple[Stage, ...]
    on_device: bool = False
    minutes: float = 0.0


_LEARN = Recipe(
    shape="cosine", optimiser="adamw", weight_decay=0.05, clip_norm=10.0, ema=0.999, batch_norm=True, warmup=300
)

_EARLY = ("conv1", "conv2")

COURSES: dict[str, Course] = {
    "cuda": Course(
        width=0.5,
        stages=(
            Stage("detect300", "detect", 300, 350.0, replace(_LEARN, batch=128, rate=2e-3, warmup=1000), PAPER, 50.0),
        ),
        on_device=True,
        minutes=20.0,
    ),
    "cpu": Course(
        width=0.25,
        stages=(
            Stage("crops64", "crops", 64, 16.0, replace(_LEARN, batch=64, rate=2e-3, warmup=200), validate_every=3.0),
            Stage("detect152", "detect", 152, 18.0, replace(_LEARN, batch=16, rate=1.5e-3), MILD, 6.0, _EARLY),
            Stage("detect300", "detect", 300, 4.0, replace(_LEARN, batch=16, rate=6e-4), MILD, 2.0, _EARLY),
        ),
    ),
}


def smaller_config(side: int, levels: int, grids: tuple[int, ...]) -> SSDConfig:
    """SSD300's default boxes on a smaller picture: as large in pixels, on the levels that such a picture has."""
    full = SSD300_VOC
    return replace(
        full,
        image_size=(side, side),
        grids=tuple((cells, cells) for cells in grids),
        steps=full.steps[:levels],
        min_sizes=full.min_sizes[:levels],
        max_sizes=full.max_sizes[:levels],
        aspect_ratios=full.aspect_ratios[:levels],
    )
