"""From the last checkpoint to the model file: averaged, folded, stored as float16, measured as stored, described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from detector.evaluation.results import Result
from detector.models.ssd import SSD
from detector.spec import ModelSpec
from detector.training.checkpoint import read_checkpoint
from detector.training.finish import as_stored, stored_state, write_model
from detector.training.recipe import recipe_from_json
from detector.training.trainer import new_network
from detector.training.validate import Validator
from detector.weights import load_spec
from tools.voc.courses import Stage
from tools.voc.detect import Material
from tools.voc.weights import take_over

LEAST_MAP = 0.20
"""A model that finds less is not shipped."""
LARGEST_BYTES = 16_000_000


def ship(
    spec: ModelSpec, checkpoints: Sequence[Path], stages: Sequence[Stage], material: Material, out: Path
) -> tuple[bool, str]:
    """Measure the result of the last of ``checkpoints``; write it to ``out`` if it is good enough, and no worse than
    what is there.

    Returns:
        Whether it is, and what to say.

    Raises:
        DetectorError: A checkpoint is damaged, or the file cannot be written.
    """
    state = read_checkpoint(checkpoints[-1])
    network = cast(SSD, new_network(spec, recipe_from_json(state["recipe"])))
    take_over(network, checkpoints[-1])
    network.eval().requires_grad_(False)
    network.fold_batch_norm()
    network.to(material.device)
    stored = stored_state(network)
    result = Validator(spec, material.validation, material.device, material.threads, material.bad)(
        as_stored(network, stored)
    )
    size = sum(tensor.numel() * tensor.element_size() for tensor in stored.values())
    said = f"VOC07 mAP {result.mean_ap:.4f} on the {len(material.validation.images)} pictures of val.txt"
    classes = ", ".join(f"{name} {value:.2f}" for name, value in _by_class(result).items())
    if result.mean_ap < LEAST_MAP:
        return False, f"{said}: less than {LEAST_MAP:.2f}, so nothing is shipped. {classes}"
    if size > LARGEST_BYTES:
        return False, f"{said}, but {size / 1e6:.1f} MB are too large to ship."
    measure = f"VOC07 mAP on val.txt ({len(material.validation.images)} pictures)"
    accuracy = {measure: round(result.mean_ap, 4)}
    there = load_spec(out).accuracy.get(measure, 0.0) if out.is_file() else 0.0
    if there > accuracy[measure]:
        return False, f"{said}: {out} reaches {there:.4f} and stays. --out FILE keeps this one beside it."
    described = replace(
        spec,
        title="The twenty classes of PASCAL VOC, trained for this program",
        licence="MIT; trained on PASCAL VOC pictures, which have their own terms",
        provenance=_provenance(spec, [read_checkpoint(path) for path in checkpoints], stages, material),
    )
    write_model(out, described, stored, accuracy)
    return True, f"{said}, {size / 1e6:.1f} MB: {out}. {classes}"


def _by_class(result: Result) -> dict[str, float]:
    return {one.label: one.ap for one in result.per_class}


def _provenance(
    spec: ModelSpec, states: Sequence[dict[str, object]], stages: Sequence[Stage], material: Material
) -> str:
    parts = []
    for stage, state in zip(stages, states, strict=True):
        recipe = recipe_from_json(cast(str, state["recipe"]))
        what = "cut-out objects" if stage.kind == "crops" else "pictures"
        times = recipe.steps * recipe.batch / len(material.pictures)
        minutes = cast(float, state["spent_s"]) / 60
        policy = "" if stage.kind == "crops" else f", augmentation {stage.policy}"
        policy += f", {' and '.join(stage.frozen)} frozen" if stage.frozen else ""
        parts.append(
            f"{stage.name}: {recipe.steps} steps of {recipe.batch} {what} of {stage.side} pixels ({times:.1f} x the "
            f"set), {minutes:.0f} minutes on {material.device.type}, recipe {cast(str, state['recipe'])}{policy}"
        )
    return (
        f"Trained by tools/voc/train.py from random weights (seed {stages[0].recipe.seed}), width {spec.width:g}, on "
        f"train.txt of a part of PASCAL VOC 2007 trainval and 2012 trainval, {len(material.pictures)} pictures of 300 "
        f"pixels; nothing else, no picture of VOC2007 test. {'; '.join(parts)}. Averaged weights, batch normalisation "
        f"folded, stored as float16 and measured as stored."
    )
