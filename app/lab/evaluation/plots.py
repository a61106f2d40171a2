"""Makes the charts of an evaluation, and writes them as files. Any thread."""

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
from app.core.files.atomic_file import write_atomically
from app.core.files.write_errors import explain_write_error
from app.lab.evaluation.mistake_counts import counts_at, pooled
from app.lab.evaluation.mistakes import Kind, Mistakes
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
_COLOURS = (0, 1, 2, 3, 5, 6)  # for classes; 4 is that of the mean
_PICKED = 3
_SMALL = 236.0  # px across
_HALF = 532.0  # two of them beside each other in a report
_COLUMNS = 4
_MAX_CLASSES = 200  # in one chart, the best: each takes 0.15 megapixels


def write_plots(
    evaluation: Evaluation, folder: Path, plot_format: PlotFormat = "png", threshold: float = 0.5
) -> tuple[Path, ...]:
    """Writes the charts into ``folder``, which is created if missing; files of their names are replaced.

    Args:
        evaluation: The evaluation.
        folder: Folder for the files.
        plot_format: "png" or "svg".
        threshold: The score marked on the curves.

    Returns:
        The files: average-precision, precision-recall, precision-recall-by-class, thresholds.

    Raises:
        AppError: A file cannot be written; nothing is left half-written.
    """
    result = evaluation.result
    small = [layout(class_chart(each, threshold)) for each in with_curve(result)[:_MAX_CLASSES]]
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
    """Returns the classes that count, best first."""
    return sorted((each for each in result.per_class if each.counts), key=lambda each: -each.ap)


def with_curve(result: Result) -> list[ClassResult]:
    """Returns the classes with any detection found right: a curve at zero tells no more than the number."""
    return [each for each in by_ap(result) if len(each.curve.recall) and each.curve.recall[-1] > 0]


def mean_name(result: Result) -> str:
    """Returns the name that the metric gives to the mean over classes."""
    return "AP" if result.metric == "coco" else "mAP"


def ap_chart(result: Result) -> BarChart:
    """Returns a chart of the average precision of each class, best on top."""
    bars = tuple(Bar(each.label, each.ap, f"{each.ap:.3f}") for each in by_ap(result)[:_MAX_CLASSES])
    note = f"{mean_name(result)} {result.mean_ap:.4f}" if math.isfinite(result.mean_ap) else ""
    return BarChart("Average precision by class", bars, Axis("", 0.0, 1.0), note)


def class_chart(each: ClassResult, threshold: float) -> LineChart:
    """Returns a small chart of precision against recall of one class, with ``threshold`` marked."""
    line = Series.of("", *_from_zero(each.curve.recall, each.curve.precision), filled=True)
    counts = counts_at(each, threshold)
    marked = Series.of(f"at {threshold:g}", [counts.recall], [counts.precision], dots=True, colour=1)
    axes = Axis("recall", 0.0, 1.0), Axis("precision", 0.0, 1.0)
    return LineChart(each.label, (line, marked), *axes, note=f"{each.ap:.3f}", width=_SMALL, plot_height=130.0)


def curves_chart(result: Result) -> LineChart:
    """Returns a chart of precision against recall: few classes in colours; of many the best, the worst and the mean."""
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
    """Returns a chart of precision, recall and F1 of all classes together against the threshold."""
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
    """Returns a chart of the number of mistakes of each kind."""
    counts = [(KIND_WORDS[kind], len(found)) for kind, found in mistakes.of.items()]
    return BarChart("Mistakes by kind", tuple(Bar(word, count, f"{count:,}") for word, count in counts), width=520.0)


def _named(each: ClassResult, colour: int | None) -> Series:
    """Returns the falling curve of a class, from which its average precision is taken; faint without a colour."""
    recall, precision = _from_zero(each.curve.recall, _falling(each.curve))
    if colour is None:
        return Series.of(each.label, recall[:-1], precision[:-1], weight="faint")
    return Series.of(f"{each.label} {each.ap:.3f}", recall, precision, colour=colour)


def _from_zero(recall: Floats, precision: Floats) -> tuple[Floats, Floats]:
    """Extends a curve to recall 0; at its end it falls to precision 0, as higher recalls are never reached."""
    if not len(recall):
        return np.array([0.0, 0.0]), np.array([0.0, 0.0])
    return np.concatenate(([0.0], recall, recall[-1:])), np.concatenate((precision[:1], precision, [0.0]))


def _falling(curve: Curve) -> Floats:
    """Returns Float64[K], the best precision at each recall or a higher one."""
    falling: Floats = np.maximum.accumulate(curve.precision[::-1])[::-1]
    return falling


def _interpolated(curve: Curve) -> Floats:
    """Returns Float64[101], the same at recalls of whole percents, 0 if never reached."""
    best = np.concatenate((_falling(curve), [0.0]))
    interpolated: Floats = best[np.searchsorted(curve.recall, _RECALLS - 1e-9, "left")]
    return interpolated


def _at(values: Floats, shown: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    if not len(values):
        return np.full(len(shown), np.nan)
    picked: Floats = values[np.maximum(shown - 1, 0)]
    return picked
