"""The charts of an evaluation, and the same as files. Any thread."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np

from app.core.charts import (
    Axis,
    Bar,
    BarChart,
    Drawing,
    LineChart,
    Series,
    in_grid,
    layout,
    png_bytes,
    svg_file,
)
from app.core.evaluation.counts import counts_at, pooled
from app.core.evaluation.mistakes import Kind, Mistakes
from app.core.files.atomic_file import write_atomically
from app.core.files.write_errors import explain_write_error
from detector.evaluation.results import ClassResult, Curve, Evaluation, Floats, Result

PlotFormat = Literal["png", "svg"]

KIND_WORDS: dict[Kind, str] = {
    Kind.MISSED: "missed",
    Kind.CONFUSED: "taken for another class",
    Kind.MISPLACED: "badly placed",
    Kind.BACKGROUND: "nothing there",
    Kind.DUPLICATE: "found twice",
}

_RECALLS = np.linspace(0.0, 1.0, 101)
_SLATE = 4
_COLOURS = (0, 1, 2, 3, 5, 6)  # of classes; the one between is the mean's
_PICKED = 3
_SMALL = 236.0  # px across
_HALF = 532.0  # two of them beside each other in a report
_COLUMNS = 4
_CLASSES = 200  # in one picture, the best: it has 0.15 megapixels for each


def write_plots(
    evaluation: Evaluation, folder: Path, plot_format: PlotFormat = "png", threshold: float = 0.5
) -> tuple[Path, ...]:
    """Write the charts into ``folder``, which is made if missing; files of their names are replaced.

    Args:
        evaluation: What to show.
        folder: Where to.
        plot_format: "png" or "svg".
        threshold: The score marked on the curves.

    Returns:
        The files: average-precision, precision-recall, precision-recall-by-class, thresholds.

    Raises:
        AppError: A file cannot be written; none is left half-written.
    """
    result = evaluation.result
    small = [layout(class_chart(each, threshold)) for each in with_curve(result)[:_CLASSES]]
    drawings: dict[str, Drawing] = {
        "average-precision": layout(ap_chart(result)),
        "precision-recall": layout(curves_chart(result)),
        "precision-recall-by-class": in_grid(small, _COLUMNS),
        "thresholds": layout(threshold_chart(result, threshold)),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_write_error(error, folder) from error
    paths = []
    for name, drawing in drawings.items():
        path = folder / f"{name}.{plot_format}"
        write_atomically(path, png_bytes(drawing) if plot_format == "png" else svg_file(drawing).encode())
        paths.append(path)
    return tuple(paths)


def by_ap(result: Result) -> list[ClassResult]:
    """The classes that count, the best first."""
    return sorted((each for each in result.per_class if each.counts), key=lambda each: -each.ap)


def with_curve(result: Result) -> list[ClassResult]:
    """Those of which anything was found: a curve at zero tells no more than the number."""
    return [each for each in by_ap(result) if len(each.curve.recall) and each.curve.recall[-1] > 0]


def mean_name(result: Result) -> str:
    """What the mean over the classes is called by the rule in force."""
    return "AP" if result.metric == "coco" else "mAP"


def ap_chart(result: Result) -> BarChart:
    """Average precision of each class, the best on top."""
    bars = tuple(Bar(each.label, each.ap, f"{each.ap:.3f}") for each in by_ap(result)[:_CLASSES])
    note = f"{mean_name(result)} {result.mean_ap:.4f}" if math.isfinite(result.mean_ap) else ""
    return BarChart("Average precision by class", bars, Axis("", 0.0, 1.0), note)


def class_chart(each: ClassResult, threshold: float) -> LineChart:
    """Precision against recall of one class, small, with the place of ``threshold`` on it."""
    line = Series.of("", *_from_zero(each.curve.recall, each.curve.precision), filled=True)
    counts = counts_at(each, threshold)
    marked = Series.of(f"at {threshold:g}", [counts.recall], [counts.precision], dots=True, colour=1)
    axes = Axis("recall", 0.0, 1.0), Axis("precision", 0.0, 1.0)
    return LineChart(each.label, (line, marked), *axes, note=f"{each.ap:.3f}", width=_SMALL, plot_height=130.0)


def curves_chart(result: Result) -> LineChart:
    """Precision against recall of all classes: few in colours; of many the best, the worst and the mean."""
    ranked, drawn = by_ap(result), with_curve(result)
    few = len(drawn) <= len(_COLOURS)
    picked = drawn if few else [*drawn[:_PICKED], *drawn[-_PICKED:]]
    series = [] if few else [_named(each, None) for each in drawn[_PICKED:-_PICKED]]
    series += [_named(each, colour) for each, colour in zip(picked, _COLOURS, strict=False)]
    if len(ranked) > len(_COLOURS):
        mean = np.mean([_interpolated(each.curve) for each in ranked], axis=0)
        series.append(Series.of(f"mean of {len(ranked)}", _RECALLS, mean, colour=_SLATE, weight="strong"))
    axes = Axis("recall", 0.0, 1.0), Axis("precision", 0.0, 1.0)
    return LineChart("Precision and recall", tuple(series), *axes, note="interpolated; overlap 0.5", width=_HALF)


def threshold_chart(result: Result, threshold: float) -> LineChart:
    """Precision, recall and F1 of all classes together by the score from which detections are shown."""
    curve = pooled(result.per_class)
    finite = curve.scores[np.isfinite(curve.scores)]
    high = 1.0 if not len(finite) or finite.max() <= 1.0 else float(finite.max())
    low = 0.0 if not len(finite) or finite.min() >= 0.0 else float(finite.min())
    at = np.linspace(low, high, 201)
    shown = np.searchsorted(-curve.scores, -at, side="right")  # detections with at least that score
    precision, recall = (np.where(shown > 0, _at(values, shown), np.nan) for values in (curve.precision, curve.recall))
    recall = np.where(shown > 0, recall, 0.0)
    whole = precision + recall
    f1 = np.divide(2 * precision * recall, whole, out=np.full_like(whole, np.nan), where=whole > 0)
    series = (
        Series.of("precision", at, precision),
        Series.of("recall", at, recall),
        Series.of("F1", at, f1, weight="strong", colour=_SLATE),
        Series.of("", [threshold, threshold], [0.0, 1.0], weight="faint", dashed=True),
    )
    axes = Axis("score from which detections are shown", low, high), Axis("", 0.0, 1.0)
    return LineChart("Which threshold", series, *axes, note="all classes together", width=_HALF)


def kinds_chart(mistakes: Mistakes) -> BarChart:
    """How many mistakes there are of each kind."""
    counts = [(KIND_WORDS[kind], len(found)) for kind, found in mistakes.of.items()]
    return BarChart("Mistakes by kind", tuple(Bar(word, count, f"{count:,}") for word, count in counts), width=520.0)


def _named(each: ClassResult, colour: int | None) -> Series:
    """The falling curve of a class, which is what its average precision is taken from; without colour, a background."""
    recall, precision = _from_zero(each.curve.recall, _falling(each.curve))
    if colour is None:
        return Series.of(each.label, recall[:-1], precision[:-1], weight="faint")
    return Series.of(f"{each.label} {each.ap:.3f}", recall, precision, colour=colour)


def _from_zero(recall: Floats, precision: Floats) -> tuple[Floats, Floats]:
    """A curve from recall 0 on; at the end it falls to no precision, for more is never found."""
    if not len(recall):
        return np.array([0.0, 0.0]), np.array([0.0, 0.0])
    return np.concatenate(([0.0], recall, recall[-1:])), np.concatenate((precision[:1], precision, [0.0]))


def _falling(curve: Curve) -> Floats:
    """Float64[K]: the best precision at each recall or a higher one."""
    falling: Floats = np.maximum.accumulate(curve.precision[::-1])[::-1]
    return falling


def _interpolated(curve: Curve) -> Floats:
    """Float64[101]: the same at round recalls, 0 where so much is never found."""
    best = np.concatenate((_falling(curve), [0.0]))
    interpolated: Floats = best[np.searchsorted(curve.recall, _RECALLS - 1e-9, "left")]
    return interpolated


def _at(values: Floats, shown: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    if not len(values):
        return np.full(len(shown), np.nan)
    picked: Floats = values[np.maximum(shown - 1, 0)]
    return picked
