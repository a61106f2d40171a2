"""From the trained weights to the model file: averaged with the start, stored as float16 and measured as stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from detector.evaluation.class_names import match_names
from detector.evaluation.results import DataSet
from detector.labels import COCO80, VOC20
from detector.models.build import build_network
from detector.training.finish import as_stored, stored_state, write_model
from detector.training.recipe import recipe_to_json
from detector.training.trainer import Trainer
from detector.training.validate import Validator
from detector.weights import load_spec
from tools.everyday.run import Run
from tools.everyday.start import network_of
from tools.everyday.training_log import TrainingLog

SHARES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Of the trained weights in the average with the start's that are tried."""
LEAST_MAP = 0.69
"""A model that finds less of VOC's classes is not shipped; the start has .66."""
LARGEST_BYTES = 9_000_000
_FORGOTTEN = 0.005
"""Most AP that may be lost to the start on the pictures kept apart: of all classes, and of those VOC does not have."""


@dataclass(frozen=True, slots=True)
class Measured:
    """An average of start and trained weights.

    Attributes:
        share: Of the trained ones.
        voc: VOC07 mAP on val.txt.
        coco: COCO AP on the fully labelled pictures kept apart; 0 where there are none.
        others: The same of the classes that VOC does not have.
    """

    share: float
    voc: float
    coco: float
    others: float


def ship(run: Run, trainer: Trainer, out: Path, log: TrainingLog) -> tuple[bool, str]:
    """Choose the average, and write it to ``out`` if it is good enough and no worse than what is there.

    Returns:
        Whether it is, and what to say.

    Raises:
        DetectorError: The file cannot be written.
    """
    first = network_of(run.start).state_dict()
    last = {name: tensor.cpu() for name, tensor in trainer.result().state_dict().items()}
    measure = _Measure(run)
    start = measure(_network(run, first), 0.0)
    log.note(_line("the start", start))
    tried = []
    for share in SHARES:
        tried.append(measure(_network(run, blended(first, last, share)), share))
        log.note(_line(f"{share:.0%} trained", tried[-1]))
    chosen = choose(start, tried)
    network = _network(run, blended(first, last, chosen.share))
    stored = stored_state(network)
    final = measure(as_stored(network, stored), chosen.share)
    size = sum(tensor.numel() * tensor.element_size() for tensor in stored.values())
    said = f"{_line(f'{chosen.share:.0%} trained, as stored', final)}, {size / 1e6:.1f} MB"
    name = f"VOC07 mAP on val.txt ({len(run.material.voc_val.images)} pictures)"
    there = load_spec(out).accuracy.get(name, 0.0) if out.is_file() else 0.0
    if final.voc < LEAST_MAP or size > LARGEST_BYTES:
        return False, f"{said}: nothing is shipped."
    if there > final.voc:
        return False, f"{said}: {out} reaches {there:.4f} and stays. --out FILE keeps this one beside it."
    spec = replace(
        run.spec,
        title="80 everyday things (COCO's classes), fine-tuned for this program",
        licence="Apache-2.0; initialised from ssdlite_mobilenet_v2_coco, © The TensorFlow Authors, Apache-2.0, "
        "trained on COCO; fine-tuned on PASCAL VOC and COCO pictures, which have their own terms",
        provenance=_provenance(run, start, chosen),
    )
    write_model(out, spec, stored, {name: round(final.voc, 4)})
    return True, f"{said}: {out}"


def choose(start: Measured, tried: Sequence[Measured]) -> Measured:
    """The best of VOC's classes among those that forget little of the others; where all forget, the least forgetful."""

    def forgets(each: Measured) -> bool:
        return each.coco < start.coco - _FORGOTTEN or each.others < start.others - _FORGOTTEN

    mindful = [each for each in tried if not forgets(each)]
    return max(mindful, key=lambda each: each.voc) if mindful else max(tried, key=lambda each: each.coco)


def blended(first: dict[str, Tensor], second: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """The mean of two networks' weights, ``share`` of the second's. Wortsman et al., arXiv 2109.01903."""
    return {name: torch.lerp(tensor.float(), second[name].float(), share) for name, tensor in first.items()}


_VOC = frozenset(COCO80[index] for index in match_names(VOC20, COCO80, {}).ids)


class _Measure:
    """Measures networks on the pictures to choose by."""

    def __init__(self, run: Run) -> None:
        def on(data: DataSet) -> Validator:
            return Validator(run.spec, data, run.options.device, run.options.threads, run.bad)

        holdout = run.material.coco_holdout
        self._voc = on(run.material.voc_val)
        self._coco = None if holdout is None else on(holdout)

    def __call__(self, network: nn.Module, share: float) -> Measured:
        coco = None if self._coco is None else self._coco(network)
        others = [] if coco is None else [one.ap for one in coco.per_class if one.label not in _VOC]
        mean = float(np.nanmean(others)) if others else 0.0
        return Measured(share, self._voc(network).mean_ap, 0.0 if coco is None else coco.mean_ap, mean)


def _network(run: Run, state: dict[str, Tensor]) -> nn.Module:
    network = build_network(run.spec)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False).to(run.options.device)


def _line(what: str, measured: Measured) -> str:
    coco = (
        f", COCO AP {measured.coco:.4f} ({measured.others:.4f} of classes VOC does not have) on the pictures kept apart"
        if measured.coco
        else ""
    )
    return f"{what}: VOC07 mAP {measured.voc:.4f} on val.txt{coco}"


def _provenance(run: Run, start: Measured, chosen: Measured) -> str:
    frozen = f", {', '.join(name.rstrip('.') for name in run.course.frozen)} kept" if run.course.frozen else ""
    holdout = run.material.coco_holdout
    kept_apart = "" if holdout is None else f" and COCO AP on {len(holdout.images)} pictures of COCO train2017"
    return (
        f"Fine-tuned by tools/everyday/train.py from {run.start.spec.provenance}. Learnt from: {run.material.said}; no "
        f"picture of VOC2007 test or COCO val2017. {run.recipe.steps} steps of {run.recipe.batch} pictures, "
        f"{run.spent_s / 60:.0f} minutes on {run.options.device.type}, recipe {recipe_to_json(run.recipe)}, "
        f"augmentation {run.course.policy}{frozen}; {run.course.distillation}; {', '.join(run.course.slow)} at "
        f"{run.course.slowness:g} of the rate. Averaged over the steps, then with the start: {chosen.share:.0%} of the "
        f"trained weights, chosen by VOC07 mAP on val.txt{kept_apart} (the start there: {start.voc:.4f}, "
        f"{start.coco:.4f}). Stored as float16 and measured as stored."
    )
