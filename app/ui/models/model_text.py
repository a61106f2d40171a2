"""Facts about a model in words, and the search for models by what they detect. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from app.core.files.disk import size_text
from app.core.model_cards import ModelCard
from app.core.speeds import MeasuredSpeed
from app.ui.widgets.quantity_text import TIMES, rate_text
from detector.class_names import is_found_by
from detector.spec import ModelSpec

if TYPE_CHECKING:  # it loads an engine's parts
    from app.core.model_check import ModelCheck
    from detector.runtime.format_measurements import Optimised

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ENGINES = {"openvino": "OpenVINO", "torch_cpu": "PyTorch", "torch_mps": "Metal", "torch_cuda": "CUDA"}
_NAMED = 4  # classes a card names before it counts the rest

STATUS = {"bundled": "Bundled", "imported": "Imported", "absent": "Not downloaded", "broken": "Broken"}
DOT = "  ·  "


def detects(spec: ModelSpec) -> str:
    """Returns text such as "Detects face", "Detects 80 classes: person, bicycle, car, motorcycle…"."""
    labels = spec.labels
    if len(labels) <= _NAMED:
        return f"Detects {', '.join(labels)}"
    return f"Detects {len(labels)} classes: {', '.join(labels[:_NAMED])}…"


def origin(provenance: str) -> tuple[str, str]:
    """Returns where a model comes from, and its recipe, the part with JSON in it; "" where there is none."""
    begin = provenance.find("{")
    if begin < 0:
        return provenance, ""
    end = provenance.rfind(". ", 0, begin) + 1  # of the sentence before
    return provenance[:end], provenance[end:].strip()


def speed_text(speed: MeasuredSpeed, today: date) -> str:
    """Returns text such as "34 frames/s on OpenVINO fp32, measured 22 Nov"."""
    return f"{_rate(speed)} frames/s on {_place(speed)} {speed.precision}, measured {_day(speed.measured, today)}"


def short_speed(speed: MeasuredSpeed) -> str:
    """Returns text such as "34 frames/s on OpenVINO fp32"."""
    return f"{_rate(speed)} frames/s on {_place(speed)} {speed.precision}"


def accuracy_text(spec: ModelSpec) -> list[str]:
    """Returns each score with its metric's name, such as "COCO val2017 AP 0.251"."""
    return [f"{metric} {value:.3f}" for metric, value in spec.accuracy.items()]


def optimised_text(measured: Optimised) -> str:
    """Returns a line for each short format, such as "int8: 2.6 × as fast as fp32, 99.2% in agreement"; and on what."""
    exact = measured.of("fp32")
    lines = []
    for each in measured.formats:
        if each.agreement is not None and exact is not None:
            gain = each.frames_per_s / exact.frames_per_s
            lines.append(f"{each.precision}: {gain:.1f} {TIMES} as fast as fp32, {each.agreement:.1%} in agreement")
    lines.append(f"Compared on {measured.compared} images ({measured.calibration}), {measured.objects} objects")
    return "\n".join(lines)


def input_text(spec: ModelSpec) -> str:
    """Returns text such as "300 × 300 pixels, RGB, minus (123, 117, 104)"."""
    of = spec.input
    words = f"{of.width} {TIMES} {of.height} pixels, {of.channels.upper()}"
    if any(of.mean):
        words += f", minus {_numbers(of.mean)}"
    return words if all(value == 1 for value in of.std) else f"{words}, divided by {_numbers(of.std)}"


def boxes_text(spec: ModelSpec) -> str:
    """Returns text such as "8732 on 6 grids, from 38 × 38 to 1 × 1"."""
    config = spec.config
    if config is None:
        return "Carried by the network itself"
    (rows, columns), (last_rows, last_columns) = config.grids[0], config.grids[-1]
    return (
        f"{config.num_boxes} on {len(config.grids)} grids, from {columns} {TIMES} {rows} "
        f"to {last_columns} {TIMES} {last_rows}"
    )


def overlap_text(spec: ModelSpec) -> str:
    """Returns text such as "0.30 (NMS IoU), the model's own"; or that the network needs none."""
    if spec.graph is not None and spec.graph.rule == "queries":
        return "none; its boxes are single by themselves"
    return f"{spec.postprocess.iou_threshold:.2f} (NMS IoU), the model's own"


def card_facts(card: ModelCard) -> str:
    """Returns one line for a card: speed, accuracy, size, licence, as far as they are known."""
    if card.spec is None:
        return size_text(card.size_bytes)
    scores = accuracy_text(card.spec)
    parts = (
        short_speed(card.speeds[0]) if card.speeds else "",
        scores[0] if scores else "",
        size_text(card.size_bytes) if card.size_bytes else "",
        shorter(card.spec.licence.partition(";")[0], 40),
    )
    return DOT.join(part for part in parts if part)


def matching(card: ModelCard, words: str) -> tuple[bool, tuple[str, ...]]:
    """Returns whether a search for ``words`` finds the card, and by which of its classes.

    Every word must be found in the name, the title or the status; those that are not, together in a class. Classes that
    begin with what was typed come first.
    """
    typed = words.casefold().split()
    labels = card.spec.labels if card.spec is not None else ()
    if not typed:
        return True, ()
    about = f"{card.name} {card.spec.title if card.spec else card.reason} {STATUS[card.status]}".casefold()
    rest = [word for word in typed if word not in about]
    classes = _containing(labels, " ".join(typed)) or (_containing(labels, " ".join(rest)) if rest else ())
    return bool(classes) or not rest, classes


def _containing(labels: Sequence[str], words: str) -> tuple[str, ...]:
    found = (label for label in labels if is_found_by(words, label))
    return tuple(sorted(found, key=lambda label: not label.casefold().startswith(words)))


def check_text(checks: Sequence[ModelCheck]) -> str:
    """Says what is known of the weights, then a summary, then a line for each engine that was asked."""
    asked = [check for check in checks if check.engine]
    wrong = sum(check.ok is False for check in asked)
    engines = "1 engine" if len(asked) == 1 else f"{len(asked)} engines"
    summary = f"Answers wrongly on {wrong} of {engines}:" if wrong else f"Answers as it should on {engines}:"
    lines = [f"{_engine(check.engine)}: {check.detail}." for check in asked]
    plain = [f"{check.detail[:1].upper()}{check.detail[1:]}." for check in checks if not check.engine]
    return "\n".join([*plain, *([summary] if asked else []), *lines])


def match_text(classes: Sequence[str]) -> str:
    """Says why a card was found: "Detects dog, hot dog"."""
    more = f" and {len(classes) - _NAMED} more" if len(classes) > _NAMED else ""
    return f"Detects {', '.join(classes[:_NAMED])}{more}"


def shorter(words: str, limit: int) -> str:
    """Returns ``words`` cut at the end."""
    return words if len(words) <= limit else f"{words[: limit - 1].rstrip()}…"


def _rate(speed: MeasuredSpeed) -> str:
    return f"{speed.frames_per_s:.0f}" if speed.frames_per_s >= 10 else rate_text(speed.frames_per_s)


def _engine(words: str) -> str:
    """Returns text such as "OpenVINO, fp32" for "openvino, fp32"."""
    for name, shown in _ENGINES.items():
        words = words.replace(name, shown)
    return words


def _place(speed: MeasuredSpeed) -> str:
    """Returns the engine's name, or that of the GPU it used."""
    named = re.search(r"\((.+)\)", speed.device)
    if named is not None:
        return named.group(1)
    return _ENGINES.get(speed.engine, speed.device)


def _day(iso: str, today: date) -> str:
    try:
        day = date.fromisoformat(iso)
    except ValueError:
        return "some time ago"
    words = f"{day.day} {_MONTHS[day.month - 1]}"
    return words if day.year == today.year else f"{words} {day.year}"


def _numbers(values: Sequence[float]) -> str:
    if len(set(values)) == 1:
        return f"{values[0]:.4g}"
    return f"({', '.join(f'{value:.4g}' for value in values)})"
