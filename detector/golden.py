"""A model's proof of itself: what its network answered to one fixed image when it was imported. No torch.

Final detections prove little, least of all on a drawn image: most models find nothing there. So the raw outputs are
kept, at a few default boxes: those that look most like something, and one of every kind on every level, so that each
predictor is asked. A network with a wrong channel order, scale, activation or layer answers otherwise everywhere; a
single wrong weight may not be heard, so the weights' own SHA-256 is kept beside.

The image has the size of the network's input: engines resize by different means, which agree only to a grey level.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from detector.config import SSDConfig
from detector.errors import DetectorError
from detector.safetensors_file import Arrays
from detector.spec import Golden, ModelSpec

Floats = npt.NDArray[np.float32]
ImageBGR = npt.NDArray[np.uint8]

TOLERANCES = {"fp32": 0.002, "fp16": 0.15, "bf16": 0.35, "int8": 0.4}
"""By number format: how far the answers may be off, as the root mean square of the differences over that of the
answers themselves about their mean. In fp32 the engines agree to 0.0002; the mildest fault tried, every input 5 grey
levels too dark, is off by 0.005. The short formats are off by up to 0.1 (fp16), 0.28 (bf16) by themselves, small
networks most, and swapped channels by 0.12 to 0.8: there a pass says that the engine computes in that format, and the
fp32 engines, which every computer has, that the model is what it was."""

INT8_TOLERANCE = 0.02
"""Tolerance of answers in int8 beside kept answers in int8, where filters have eight bits: the whole numbers are the
same on all such processors, and the answers agreed to 0.000002. Where filters have seven bits the answers are others,
off by up to 0.2: there ``TOLERANCES`` holds."""

_TOP, _SPREAD = 16, 32  # default boxes
_CLASSES = 4  # of each box: the background and the likeliest others
_MIN_LOG = -60.0  # a score this small is zero in any number format
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class GoldenResult:
    """The comparison of an engine's answers with the kept ones.

    Attributes:
        ok: They agree within the tolerance of its number format.
        error: Relative error, as ``TOLERANCES`` says; infinite where the answers have another shape.
        box_difference: Largest, as a fraction of the default box's size.
        score_difference: Largest, 0..1.
    """

    ok: bool
    error: float
    box_difference: float
    score_difference: float


def fixed_image(height: int, width: int) -> ImageBGR:
    """The fixed image, UInt8[height, width, 3]: ramps and checks that differ per channel, and a few plain shapes.

    Whole numbers only, so it is the same everywhere.
    """
    rows, columns = np.mgrid[:height, :width]
    y, x = rows * 240 // height, columns * 320 // width
    blue = x * 255 // 319
    green = np.where((x // 20 + y // 20) % 2, y * 255 // 239, 255 - y * 255 // 239)
    red = (x * 2 + y * 3) % 256
    image = np.stack([blue, green, red], axis=2)
    image[40:140, 30:110] = (30, 60, 200)
    image[60:120, 50:90] = (230, 220, 40)
    image[(x - 220) ** 2 + (y - 90) ** 2 < 55**2] = (40, 160, 70)
    image[(x - 205) ** 2 + (y - 75) ** 2 < 12**2] = (250, 250, 250)
    image[(x - 160 > y - 160) & (y > 160) & (y < 220) & (x < 290)] = (200, 90, 150)
    return image.astype(np.uint8)


def log_softmax(logits: Floats) -> Floats:
    """Logarithm of the scores, Float32[P, C], from outputs before softmax."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def take(spec: ModelSpec, locs: Floats, log_scores: Floats, weights: str) -> Golden | None:
    """Returns what is kept of the reference's answers to ``fixed_image``; None where they are not finite.

    Args:
        spec: The model.
        locs: Float32[P, 4], encoded boxes.
        log_scores: Float32[P, C], background first.
        weights: SHA-256 of what answered.
    """
    if not (np.isfinite(locs).all() and np.isfinite(log_scores).all()):
        return None
    likeliest = np.argsort(-log_scores[:, 1:].max(axis=1), kind="stable")[:_TOP]
    boxes = np.union1d(likeliest, _one_of_each(spec.config, len(locs)))
    others = np.argsort(-log_scores[boxes, 1:], axis=1, kind="stable")[:, : _CLASSES - 1] + 1
    classes = np.concatenate([np.zeros((len(boxes), 1), int), others], axis=1)
    scores = np.maximum(log_scores[boxes[:, None], classes], _MIN_LOG)
    return Golden(
        boxes=tuple(int(i) for i in boxes),
        classes=tuple(int(i) for i in classes.reshape(-1)),
        locs=_rounded(locs[boxes]),
        log_scores=_rounded(scores),
        weights=weights,
    )


def golden_of(spec: ModelSpec, answer: Callable[[ImageBGR], tuple[Floats, Floats]], weights: str) -> Golden | None:
    """The answers of an engine, as ``golden_reference`` keeps those of the reference; None where they are no numbers.

    Args:
        spec: The model.
        answer: ``Engine.raw``.
        weights: SHA-256 of the weights that answer.
    """
    return take(spec, *answer(fixed_image(spec.input.height, spec.input.width)), weights)


def _one_of_each(config: SSDConfig | None, count: int) -> npt.NDArray[np.intp]:
    """A default box of every kind on every level, from a cell off the middle; evenly spread where they are unknown."""
    if config is None:
        return np.linspace(0, count - 1, min(_SPREAD, count)).astype(np.intp)
    chosen: list[int] = []
    first = 0
    for (rows, columns), kinds in zip(config.grids, config.boxes_per_cell, strict=True):
        cell = rows * columns * 2 // 5
        chosen += range(first + cell * kinds, first + (cell + 1) * kinds)
        first += rows * columns * kinds
    return np.asarray(chosen, np.intp)


def compare(golden: Golden, locs: Floats, log_scores: Floats, spec: ModelSpec, tolerance: float) -> GoldenResult:
    """Compares an engine's answers to ``fixed_image`` with the kept ones.

    Args:
        golden: What is kept.
        locs: As for ``take``.
        log_scores: As for ``take``.
        spec: The model.
        tolerance: Of ``GoldenResult.error``.
    """
    boxes = np.asarray(golden.boxes)
    classes = np.asarray(golden.classes).reshape(len(boxes), -1)
    if boxes.max() >= len(locs) or len(log_scores) != len(locs) or classes.max() >= log_scores.shape[1]:
        return GoldenResult(False, math.inf, math.inf, 1.0)
    wanted_locs = np.asarray(golden.locs).reshape(-1, 4)
    wanted = np.asarray(golden.log_scores).reshape(classes.shape)
    found = np.maximum(log_scores[boxes[:, None], classes], _MIN_LOG)
    error = max(_relative(locs[boxes], wanted_locs), _relative(found, wanted))
    variances = spec.config.variances if spec.config is not None else (0.1, 0.1, 0.2, 0.2)
    return GoldenResult(
        ok=error <= tolerance,
        error=error,
        box_difference=float((np.abs(locs[boxes] - wanted_locs) * variances).max()),
        score_difference=float(np.abs(np.exp(found) - np.exp(wanted)).max()),
    )


def prove(
    spec: ModelSpec, answer: Callable[[ImageBGR], tuple[Floats, Floats]], precision: str, *, narrow: bool = False
) -> GoldenResult | None:
    """Ask an engine and compare, in int8 with the answers in int8 where they are kept; None where none are.

    Args:
        spec: The model.
        answer: ``Engine.raw``.
        precision: What the engine computes in.
        narrow: This processor's filters in int8 have seven bits: ``openvino_int8.largest_weight``.
    """
    if precision != "fp32" and spec.graph is not None and spec.graph.rule == "nms-inside":
        return None  # the rows of such a table change places with the number format
    kept, tolerance = spec.golden, TOLERANCES[precision]
    if precision == "int8" and spec.int8 is not None and spec.int8.golden is not None:
        kept, tolerance = spec.int8.golden, tolerance if narrow else INT8_TOLERANCE
    if kept is None:
        return None
    return compare(kept, *answer(fixed_image(spec.input.height, spec.input.width)), spec, tolerance)


def weights_hash(arrays: Arrays) -> str:
    """SHA-256 over names, shapes and values; the same for float16 and the float32 it is read as."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        values = np.require(
            array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array, requirements="C"
        )
        found.update(f"{name} {values.dtype} {values.shape}\n".encode())
        found.update(values.reshape(-1).view("u1").data)
    return found.hexdigest()


def ir_hash(xml_path: Path) -> str:
    """SHA-256 over a network's ``.xml`` and ``.bin``.

    Raises:
        DetectorError: One of them cannot be read.
    """
    found = hashlib.sha256()
    for path in (xml_path, xml_path.with_suffix(".bin")):
        try:
            with path.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    return found.hexdigest()


def _relative(found: npt.NDArray[np.floating], wanted: npt.NDArray[np.floating]) -> float:
    """Root mean square of the differences over that of ``wanted`` about its mean; infinite for NaN."""
    scale = float(np.sqrt(np.mean((wanted - wanted.mean()) ** 2)))
    error = float(np.sqrt(np.mean((found - wanted) ** 2))) / max(scale, 1e-6)
    return error if math.isfinite(error) else math.inf


def _rounded(values: npt.NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(float(f"{float(value):.{_DIGITS}g}") for value in values.reshape(-1))
