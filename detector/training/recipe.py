"""How a network is trained, as data: everything besides the network, the images and the machine. No torch.

Travels as JSON: in recipe files people write, in checkpoints, and in the provenance of the finished model.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

from detector.errors import DetectorError

Shape = Literal["paper", "cosine"]
OptimiserName = Literal["sgd", "adamw"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training; the defaults are the paper's for VOC (section 3.1, and the authors' scripts).

    Attributes:
        steps: Length of the training.
        batch: Images of a step, of all processes together.
        rate: Highest learning rate.
        shape: Of the learning rate over time; see ``Schedule``.
        warmup: Steps of linear rise at the beginning.
        optimiser: "sgd", with momentum, or "adamw".
        momentum: Of SGD; AdamW's first beta.
        weight_decay: Of weights; never of biases and scales.
        clip_norm: Longest gradient; 0 for no limit.
        ema: Share of the averaged weights that stays with each step; 0 for no average.
        batch_norm: Normalise after each convolution of a VGG network while training; folded into the weights at the
            end. For training without pretrained weights.
        augment: The paper's augmentation; else images are only resized.
        mild: With ``augment``, a milder one: for a network that knows its work already.
        box_weight: Of the localisation cost beside the confidence cost; the paper's alpha.
        slowness: Multiple of the rate at which the base network learns, that is all but feature layers and predictors.
        freeze: The first layers stay as they are, where it is known which (``SingleStage.first_layers``).
        use_difficult: Train on VOC's difficult objects, too, as the authors did.
        seed: Of everything random.
    """

    steps: int = 120_000
    batch: int = 32
    rate: float = 1e-3
    shape: Shape = "paper"
    warmup: int = 0
    optimiser: OptimiserName = "sgd"
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip_norm: float = 0.0
    ema: float = 0.0
    batch_norm: bool = False
    augment: bool = True
    mild: bool = False
    box_weight: float = 1.0
    slowness: float = 1.0
    freeze: bool = False
    use_difficult: bool = True
    seed: int = 0


FINE_TUNING = Recipe(
    steps=300,
    batch=16,
    rate=4e-4,
    shape="cosine",
    warmup=50,
    optimiser="adamw",
    weight_decay=1e-4,
    clip_norm=10.0,
    ema=0.995,
    mild=True,
    box_weight=0.25,
    slowness=0.4,
    freeze=True,
)
"""The recipe by which a trained detector learns a few classes of one's own; some minutes on two CPU cores."""
FINE_TUNING_EPOCHS = 10.0
"""Times to go through many images, where ``FINE_TUNING``'s steps do not get as far."""

_RANGES: dict[str, tuple[float, float]] = {
    "steps": (1, 100_000_000),
    "batch": (1, 65_536),
    "rate": (0.0, 100.0),
    "warmup": (0, 100_000_000),
    "momentum": (0.0, 0.9999),
    "weight_decay": (0.0, 10.0),
    "clip_norm": (0.0, 1e6),
    "ema": (0.0, 0.999999),
    "box_weight": (0.0, 100.0),
    "slowness": (0.0, 10.0),
    "seed": (0, 2**63 - 1),
}


def recipe_from_json(text: str, base: Recipe | None = None) -> Recipe:
    """A recipe from a JSON object; what it leaves out is as in ``base``, or the paper's.

    Raises:
        DetectorError: It is not one, or an entry is unknown, of the wrong kind or out of range.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DetectorError("The recipe is not valid JSON.") from error
    if not isinstance(values, dict):
        raise DetectorError("The recipe is not a JSON object.")
    return changed(base or Recipe(), values)


def changed(recipe: Recipe, values: dict[str, Any]) -> Recipe:
    """``recipe`` with other ``values``.

    Raises:
        DetectorError: As ``recipe_from_json``.
    """
    kinds = get_type_hints(Recipe)
    for name, value in values.items():
        if name not in kinds:
            raise DetectorError(f"The recipe's entry {name[:40]!r} is unknown.", f"Known: {', '.join(kinds)}.")
        _check(name, value, kinds[name])
    return dataclasses.replace(recipe, **values)


def recipe_to_json(recipe: Recipe) -> str:
    """``recipe`` as one JSON object."""
    return json.dumps(dataclasses.asdict(recipe))


def _check(name: str, value: Any, kind: Any) -> None:
    if kind is bool:
        fits, wanted = isinstance(value, bool), "true or false"
    elif kind in (int, float):
        low, high = _RANGES[name]
        number = isinstance(value, int) or (kind is float and isinstance(value, float) and math.isfinite(value))
        fits = number and not isinstance(value, bool) and low <= value <= high
        wanted = f"a {'whole ' if kind is int else ''}number from {low:g} to {high:g}"
    else:
        fits, wanted = value in get_args(kind), " or ".join(get_args(kind))
    if not fits:
        raise DetectorError(f"The recipe's {name} must be {wanted}, not {str(value)[:40]}.")
