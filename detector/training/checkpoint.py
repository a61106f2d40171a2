"""Checkpoints: a training on disk, to be continued as if it had never stopped. Written whole or not at all."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import torch

from detector.errors import DetectorError
from detector.safetensors_file import atomic_file
from detector.spec_json import spec_to_json
from detector.training.recipe import changed, recipe_to_json
from detector.training.survey import check_same_images
from detector.training.trainer import Trainer

FORMAT = 1
_MAY_CHANGE = ("steps",)  # a training may be made longer
_SPEC_PARTS = {
    "architecture": "architecture differs",
    "labels": "labels differ",
    "input": "input differs",
    "config": "default boxes differ",
    "width": "width differs",
}


def save_checkpoint(path: Path, trainer: Trainer, spent_s: float, data: str = "") -> None:
    """Write ``trainer`` to ``path``.

    Args:
        path: The file; an older one stays until the new one is complete.
        trainer: Between two steps, and settled.
        spent_s: Seconds trained so far.
        data: What is learnt from, as ``fingerprint`` says it; "" if nobody said.

    Raises:
        DetectorError: It cannot be written; the older one is still there.
    """
    content = io.BytesIO()
    description = {
        "format": FORMAT,
        "spec": spec_to_json(trainer.spec),
        "recipe": recipe_to_json(trainer.recipe),
        "spent_s": spent_s,
        "data": data,
    }
    torch.save(description | trainer.state(), content)
    with atomic_file(path) as file:
        file.write(content.getbuffer())


def load_checkpoint(path: Path, trainer: Trainer, data: str = "") -> float:
    """Continue from ``path``.

    Args:
        path: The file.
        trainer: Takes its place.
        data: What is learnt from, as ``fingerprint`` says it; "" if nobody minds.

    Returns:
        Seconds trained so far.

    Raises:
        DetectorError: The file is damaged, or of another network, recipe or set of images; ``trainer`` is then not
            to be used.
    """
    state = read_checkpoint(path)
    _check_same(path, state, trainer)
    check_same_images(path, str(state.get("data", "")), data)
    try:
        trainer.load(state)
        return float(state["spent_s"])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise _damaged(path) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Reads ``path`` onto the CPU.

    Raises:
        DetectorError: It cannot be read, or is no checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    except Exception as error:  # torch's unpickler and zip reader raise whatever they like at damaged files
        raise _damaged(path) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise _damaged(path)
    return state


def _check_same(path: Path, state: dict[str, Any], trainer: Trainer) -> None:
    from detector.spec_json import spec_from_json
    from detector.training.recipe import recipe_from_json

    if not isinstance(state.get("spec"), str) or not isinstance(state.get("recipe"), str):
        raise _damaged(path)
    spec, recipe = spec_from_json(state["spec"]), recipe_from_json(state["recipe"])
    for part, words in _SPEC_PARTS.items():
        if getattr(spec, part) != getattr(trainer.spec, part):
            raise DetectorError(
                f"{path} is a checkpoint of another network: its {words}.",
                "Choose another folder for this training.",
            )
    fixed = {name: getattr(trainer.recipe, name) for name in _MAY_CHANGE}
    if changed(recipe, fixed) != trainer.recipe:
        old, new = dataclasses.asdict(recipe), dataclasses.asdict(trainer.recipe)
        differing = [f"{n} {old[n]} instead of {new[n]}" for n in old if old[n] != new[n] and n not in _MAY_CHANGE]
        raise DetectorError(
            f"{path} was made by another recipe: {', '.join(differing)}.",
            "Train with the same recipe, or choose another folder.",
        )


def _damaged(path: Path) -> DetectorError:
    return DetectorError(f"{path} is no checkpoint of this program, or is damaged.", "Choose another folder.")
