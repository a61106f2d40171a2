"""From what the rounds left to the model file: averaged with the start, stored as float16, measured as stored."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from detector.errors import DetectorError
from detector.evaluation.class_matching import match_names
from detector.evaluation.recommend import OperatingPoint, judged, recommend
from detector.evaluation.results import DataSet, Result
from detector.golden_reference import with_golden
from detector.labels import COCO80, VOC20
from detector.models.build import build_network
from detector.runtime.calibrate import MOST, with_ranges
from detector.training.augment import Image
from detector.training.finish import as_stored, stored_state
from detector.training.recipe import recipe_to_json
from detector.training.validator import Validator
from detector.weights import as_arrays, load_spec, save_model
from tools.everyday.run import Run, Tuned
from tools.everyday.run_log import RunLog
from tools.everyday.start import network_of

SHARES = (0.5, 0.6, 0.65, 0.7, 0.8, 1.0)
"""The shares of the trained weights that are tried in their average with the start's."""
LEAST_MAP = 0.69
"""A model that finds less of VOC's classes is not shipped; the start has .66."""
LARGEST_BYTES = 9_000_000
_FORGOTTEN = (0.005, 0.005)
"""Most AP that may be lost to the start on the images kept apart: of all classes, and of those VOC does not have."""
_FORGOTTEN_BRAKE = (0.01, 0.015)
"""The same on the images that only forbid."""
_VOC = frozenset(COCO80[index] for index in match_names(VOC20, COCO80, {}).ids)


class Remembered(NamedTuple):
    """COCO AP on fully labelled images.

    Attributes:
        all: Of all classes.
        others: Of those that VOC does not have.
    """

    all: float
    others: float


@dataclass(frozen=True, slots=True)
class MeasuredAverage:
    """An average of start and trained weights.

    Attributes:
        share: Of the trained ones.
        voc: VOC07 mAP on val.txt.
        holdout: On the fully labelled images to choose by; None where there are none.
        brake: On those that only forbid; None where there are none.
        recommended: The threshold that suits it on all images to choose by; None where none is precise enough.
    """

    share: float
    voc: float
    holdout: Remembered | None = None
    brake: Remembered | None = None
    recommended: OperatingPoint | None = None


def ship(run: Run, tuned: Sequence[Tuned], out: Path, log: RunLog) -> tuple[bool, str]:
    """Choose the average, and write it to ``out`` if it is good enough and no worse than what is there.

    Returns:
        Whether it is, and what to say.

    Raises:
        DetectorError: The file cannot be written.
    """
    first = network_of(run.start).state_dict()
    last = averaged([each.state for each in tuned])
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
    name = f"VOC07 mAP on val.txt ({len(run.material.voc_val.images)} images)"
    there = load_spec(out).accuracy.get(name, 0.0) if out.is_file() else 0.0
    if final.voc < LEAST_MAP or size > LARGEST_BYTES:
        return False, f"{said}: nothing is shipped."
    if there > final.voc:
        return False, f"{said}: {out} reaches {there:.4f} and stays. --out FILE keeps this one beside it."
    _write(run, tuned, stored, start, final, name, out)
    return True, f"{said}: {out}"


def choose(start: MeasuredAverage, tried: Sequence[MeasuredAverage]) -> MeasuredAverage:
    """The best of VOC's classes among those that forget little of the others; where all forget, the least trained."""

    def forgets(each: MeasuredAverage) -> bool:
        pairs = ((start.holdout, each.holdout, _FORGOTTEN), (start.brake, each.brake, _FORGOTTEN_BRAKE))
        return any(
            before is not None
            and after is not None
            and any(b - a > most for b, a, most in zip(before, after, limit, strict=True))
            for before, after, limit in pairs
        )

    mindful = [each for each in tried if not forgets(each)]
    return max(mindful, key=lambda each: each.voc) if mindful else min(tried, key=lambda each: each.share)


def averaged(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of the weights of several networks that began alike. Wortsman et al., arXiv 2203.05482."""
    return {name: torch.stack([state[name].float() for state in states]).mean(dim=0) for name in states[0]}


def blended(first: dict[str, Tensor], second: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """The mean of two networks' weights, ``share`` of the second's. Wortsman et al., arXiv 2109.01903."""
    return {name: torch.lerp(tensor.float(), second[name].float(), share) for name, tensor in first.items()}


class _Measure:
    """Measures networks on the images to choose by."""

    def __init__(self, run: Run) -> None:
        def on(data: DataSet) -> Validator:
            return Validator(run.spec, data, run.options.device, run.options.threads, run.reader)

        material = run.material
        self._voc = on(material.voc_val)
        self._holdout, self._brake = (
            None if data is None else on(data) for data in (material.coco_holdout, material.coco_brake)
        )

    def __call__(self, network: nn.Module, share: float) -> MeasuredAverage:
        voc = self._voc(network)
        holdout, brake = (None if each is None else each(network) for each in (self._holdout, self._brake))
        classes = [*voc.per_class, *(() if holdout is None else holdout.per_class)]
        point = recommend(*judged(classes))
        return MeasuredAverage(share, voc.mean_ap, _remembered(holdout), _remembered(brake), point)


def _remembered(coco: Result | None) -> Remembered | None:
    if coco is None:
        return None
    others = [one.ap for one in coco.per_class if one.label not in _VOC and not math.isnan(one.ap)]
    return Remembered(coco.mean_ap, float(np.mean(others)) if others else 0.0)


def _network(run: Run, state: dict[str, Tensor]) -> nn.Module:
    network = build_network(run.spec)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False).to(run.options.device)


def _write(
    run: Run,
    tuned: Sequence[Tuned],
    stored: dict[str, Tensor],
    start: MeasuredAverage,
    final: MeasuredAverage,
    name: str,
    out: Path,
) -> None:
    arrays = as_arrays(stored)
    spec = replace(
        run.spec,
        title="80 everyday things (COCO's classes), fine-tuned for this program",
        licence="Apache-2.0; initialised from ssdlite_mobilenet_v2_coco, © The TensorFlow Authors, Apache-2.0, "
        "trained on COCO; fine-tuned on PASCAL VOC and COCO images, which have their own terms",
        provenance=_provenance(run, tuned, start, final),
        accuracy={name: round(final.voc, 4)},
        threshold=None if final.recommended is None else final.recommended.threshold,
    )
    spec = with_golden(spec, arrays)
    source = "photographs of the training set"
    save_model(out, with_ranges(spec, arrays, _photographs(run), source), arrays)


def _photographs(run: Run) -> Iterator[Image]:
    """Images that were learnt from, spread over the whole set."""
    images = run.material.images
    for number in np.linspace(0, len(images) - 1, min(MOST, len(images))).astype(int):
        try:
            image, _, _ = run.reader.read(images[number])
        except DetectorError:
            continue  # the reader keeps which it was
        yield image


def _line(what: str, measured: MeasuredAverage) -> str:
    said = f"{what}: VOC07 mAP {measured.voc:.4f} on val.txt"
    for found, where in ((measured.holdout, "to choose by"), (measured.brake, "that only forbid")):
        if found is not None:
            said += f"; COCO AP {found.all:.4f}, without VOC's classes {found.others:.4f}, on the images {where}"
    point = measured.recommended
    if point is not None:
        said += f"; at {point.threshold:.2f} precision {point.precision:.3f}, recall {point.recall:.3f}"
    return said


def _provenance(run: Run, tuned: Sequence[Tuned], start: MeasuredAverage, chosen: MeasuredAverage) -> str:
    by = "VOC07 mAP on val.txt"
    if run.material.coco_holdout is not None and start.holdout is not None:
        by += (
            f", forgetting little on {len(run.material.coco_holdout.images)} images of COCO train2017 (COCO AP of "
            f"the start there {start.holdout.all:.4f})"
        )
    if run.material.coco_brake is not None:
        by += (
            f"; averages that forgot more on {len(run.material.coco_brake.images)} others "
            f"({run.material.coco_brake.root.name}) were ruled out"
        )
    rounds = "; ".join(_round(each, run.options.device.type) for each in tuned)
    return (
        f"Fine-tuned by tools/everyday/train.py from {run.start.spec.provenance}. Learnt from: {run.material.said}. "
        f"{rounds}. Weights averaged over the steps, over the rounds, then with the start: {chosen.share:.0%} of the "
        f"trained ones, chosen by {by}; no image of VOC2007 test was used. Threshold chosen on the same images. "
        f"Stored as float16 and measured as stored."
    )


def _round(each: Tuned, device: str) -> str:
    way, recipe = each.round, each.recipe
    frozen = f", {', '.join(name.rstrip('.') for name in way.frozen)} kept" if way.frozen else ""
    return (
        f"{way.name}: {recipe.steps} steps of {recipe.batch} images, {each.spent_s / 60:.0f} minutes on {device}, "
        f"recipe {recipe_to_json(recipe)}, augmentation {way.policy}{frozen}, {way.distillation}, "
        f"{', '.join(way.slow)} at {way.slowness:g} of the rate"
    )
