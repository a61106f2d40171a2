"""Writes an evaluation as one self-explanatory HTML file: subject, numbers, curves, worst mistakes.

Runs on the calling thread; reads the images it shows, a few dozen at most, and writes one file, atomically.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import app
from app.core.charts import layout, svg_element
from app.core.charts.svg import escaped
from app.core.files.atomic_file import write_atomically
from app.core.html_page import cards, cell, facts, notes, number, page, table
from app.lab.evaluation.gallery import Gallery
from app.lab.evaluation.metric_text import COCO_TEXT, RULES
from app.lab.evaluation.mistake_counts import best_threshold, counts_at, pooled, total
from app.lab.evaluation.mistakes import Mistakes, find_mistakes
from app.lab.evaluation.plots import (
    by_ap,
    class_chart,
    curves_chart,
    kinds_chart,
    mean_name,
    threshold_chart,
    with_curve,
)
from detector.evaluation.results import COCO_NUMBERS, ClassResult, CocoResult, Evaluation
from detector.spec import ModelSpec

_CONFUSIONS = 8
_MAX_CURVES = 120  # each takes some 10 kB of the page


def write_report(
    evaluation: Evaluation,
    path: Path,
    *,
    threshold: float = 0.5,
    examples: int = 12,
    moment: datetime | None = None,
) -> None:
    """Writes the report.

    Args:
        evaluation: The evaluation.
        path: The file, replaced if it exists; its folder must exist.
        threshold: Score from which a detection is shown; counts and mistakes are those at this threshold.
        examples: Images of each kind of mistake, at most.
        moment: When it was measured; None: now.

    Raises:
        AppError: The file cannot be written; what had its name is untouched.
    """
    when = moment or datetime.now().astimezone()
    mistakes = find_mistakes(evaluation.result.outcomes, threshold)
    gallery = Gallery(evaluation, mistakes, examples)
    body = [
        *_head(evaluation, threshold, when),
        *_about(evaluation, threshold, when),
        *_numbers(evaluation),
        *_classes(evaluation, threshold),
        *_curves(evaluation, threshold),
        *_mistakes(evaluation, mistakes, gallery, threshold),
        f"<footer>Made by ssd-viewer {escaped(app.__version__)}.</footer>",
    ]
    write_atomically(path, page(f"Evaluation of {evaluation.subject}", body).encode())


def _head(evaluation: Evaluation, threshold: float, when: datetime) -> Iterator[str]:
    result, data = evaluation.result, evaluation.data
    yield f"<h1>Evaluation of {escaped(evaluation.subject)}</h1>"
    where = ", ".join(dict.fromkeys((data.root.stem, data.split)))
    yield f'<div class="sub">on {escaped(where)}, {when:%d %B %Y}</div>'
    shown = total([counts_at(each, threshold) for each in result.per_class])
    values = [(_score(result.mean_ap), mean_name(result))]
    if isinstance(result, CocoResult):
        values += [(_score(result.numbers.get(name, math.nan)), name) for name in ("AP50", "AP75")]
    values += [
        (f"{len(data.images):,}", "images"),
        (f"{sum(each.objects for each in result.per_class):,}", "objects"),
        (_share(shown.precision), f"precision at {threshold:g}"),
        (_share(shown.recall), f"recall at {threshold:g}"),
    ]
    yield cards(values)


def _score(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "none"


def _share(value: float) -> str:
    return f"{value:.1%}" if math.isfinite(value) else "none"


def _about(evaluation: Evaluation, threshold: float, when: datetime) -> Iterator[str]:
    data, outcomes = evaluation.data, evaluation.result.outcomes
    missing = sum(image.path is None for image in data.images)
    count = sum(len(outcome.found) for outcome in outcomes)
    best = best_threshold(pooled(evaluation.result.per_class))
    yield "<h2>What was evaluated</h2>"
    yield notes((*evaluation.notes, *(note for note in data.notes if note not in evaluation.notes)))
    yield facts(
        [
            ("Model" if evaluation.device else "Detections", evaluation.subject),
            *(_card(evaluation.model) if evaluation.model else ()),
            ("Ran on", _pace(evaluation)),
            ("Data", f"{data.root} ({data.kind.upper()}, {data.split})"),
            ("Images", f"{len(data.images):,}" + _not_here(missing, len(data.images))),
            ("Objects", _objects(evaluation)),
            ("Detections in all", f"{count:,}"),
            ("Rule", RULES[evaluation.result.metric]),
            ("Shown at", f"score {threshold:g}" + (f"; F1 is best at {best.threshold:.3f}" if best else "")),
            ("Measured", f"{when:%d %B %Y, %H:%M} with ssd-viewer {app.__version__}"),
        ]
    )


def _card(model: ModelSpec) -> Iterator[tuple[str, str]]:
    size = f"{model.input.width} x {model.input.height}, {model.input.channels.upper()}"
    yield "Title", model.title + (" (demo: knows drawn shapes only)" if model.demo else "")
    yield "Architecture", model.architecture + (f", width {model.width:g}" if model.width != 1.0 else "")
    yield "Input", size
    yield "Classes", str(len(model.labels))
    yield "Licence", model.licence
    yield "From", model.provenance
    yield "Stated accuracy", ", ".join(f"{name} {value:.4g}" for name, value in model.accuracy.items())


def _pace(evaluation: Evaluation) -> str:
    if not evaluation.seconds:
        return evaluation.device
    rate = len(evaluation.data.images) / evaluation.seconds
    return f"{evaluation.device}, {evaluation.seconds:.1f} s, {rate:.1f} images/s"


def _not_here(missing: int, images: int) -> str:
    return "" if not missing else f", {missing:,} of them not here" if missing < images else ", none of them here"


def _objects(evaluation: Evaluation) -> str:
    counted = sum(each.objects for each in evaluation.result.per_class)
    images = evaluation.data.images
    apart = [
        f"{count:,} {word}"
        for word, count in (
            ("marked difficult", sum(int(image.difficult.sum()) for image in images)),
            ("crowds", sum(int(image.crowd.sum()) for image in images)),
        )
        if count
    ]
    return f"{counted:,}" + (f", and {' and '.join(apart)} that do not count" if apart else "")


def _numbers(evaluation: Evaluation) -> Iterator[str]:
    result = evaluation.result
    if not isinstance(result, CocoResult):
        return
    yield "<h2>COCO's twelve numbers</h2>"
    rows = [
        (cell(name), number(result.numbers.get(name, math.nan), ".4f", with_bar=True), cell(COCO_TEXT[name], "text"))
        for name in COCO_NUMBERS
    ]
    yield table((), rows, "facts")


def _classes(evaluation: Evaluation, threshold: float) -> Iterator[str]:
    result = evaluation.result
    others = [each for each in result.per_class if not each.counts and each.detections]
    absent = [each.label for each in result.per_class if not each.counts and not each.detections]
    ranked = by_ap(result)
    yield "<h2>Classes</h2>"
    yield (
        f"<p>Right, wrong and missed are what a viewer would see at the score {threshold:g}. The last column is the "
        "score at which precision and recall of the class balance best.</p>"
    )
    coco = isinstance(result, CocoResult)
    heads = ["Class", "AP", *(("AP50", "AP75") if coco else ())]
    heads += ["Objects", "Detections", "Right", "Wrong", "Missed", "Precision", "Recall", "Best F1", "at score"]
    yield table(heads, (_row(each, threshold, coco) for each in [*ranked, *others]), "sorted")
    if absent:
        yield f'<p class="quiet">Neither there nor detected: {escaped(", ".join(absent))}.</p>'


def _row(each: ClassResult, threshold: float, coco: bool) -> Iterator[str]:
    counts, best = counts_at(each, threshold), best_threshold(each.curve)
    yield cell(each.label)
    yield number(each.ap, ".3f", with_bar=True)
    if coco:
        yield from (number(each.numbers.get(name, math.nan), ".3f") for name in ("AP50", "AP75"))
    yield from map(number, (each.objects, each.detections, counts.right, counts.wrong, counts.missed))
    yield number(counts.precision, ".1%")
    yield number(counts.recall, ".1%")
    yield number(best.f1 if best else math.nan, ".3f")
    yield number(best.threshold if best else math.nan, ".3f")


def _curves(evaluation: Evaluation, threshold: float) -> Iterator[str]:
    result = evaluation.result
    drawn = with_curve(result)
    if not drawn:
        return
    yield "<h2>Curves</h2>"
    charts = [curves_chart(result)] if len(drawn) > 1 else []
    charts.append(threshold_chart(result, threshold))
    yield f'<div class="charts">{"".join(svg_element(layout(chart)) for chart in charts)}</div>'
    yield f"<p>By class; the dot is the score {threshold:g}, the number the average precision.</p>"
    small = "".join(svg_element(layout(class_chart(each, threshold))) for each in drawn[:_MAX_CURVES])
    yield f'<div class="small">{small}</div>'
    if len(drawn) > _MAX_CURVES:
        yield f'<p class="quiet">The {_MAX_CURVES} best of {len(drawn):,} classes; the table has all.</p>'


def _mistakes(evaluation: Evaluation, mistakes: Mistakes, gallery: Gallery, threshold: float) -> Iterator[str]:
    labels = evaluation.data.labels
    yield "<h2>Mistakes</h2>"
    yield f"<p>Of the detections with a score of {threshold:g} and more, and the objects they leave out.</p>"
    parts = [svg_element(layout(kinds_chart(mistakes)))]
    if mistakes.confusions:
        rows = [
            (cell(labels[true]), cell(labels[shown], "text"), number(count))
            for shown, true, count in mistakes.confusions[:_CONFUSIONS]
        ]
        parts.append(
            f"<div><h3>Commonest confusions</h3>{table(('It is', 'Taken for', 'Times'), rows, 'facts', texts=2)}</div>"
        )
    yield f'<div class="charts">{"".join(parts)}</div>'
    yield from gallery.sections()
