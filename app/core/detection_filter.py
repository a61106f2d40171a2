"""The filter of detections that the settings mean. Pure; the window and the export decide alike."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.errors import AppError
from app.core.settings import DetectionSettings
from detector.class_names import chosen_ids, find_name
from detector.detections import DetectionFilter


def detection_filter(settings: DetectionSettings, labels: Sequence[str]) -> DetectionFilter:
    """The filter that the settings mean for a model with these labels.

    Classes the model does not know are ignored; when none of those chosen is known, everything is shown.
    """
    ids = chosen_ids(settings.classes, tuple(labels))
    return DetectionFilter(settings.threshold, settings.iou, ids or None, settings.max_detections)


def left_out(classes: Sequence[str], labels: Sequence[str], model: str) -> str:
    """Returns a line about the chosen classes that the model does not have, which filter nothing; "" for none."""
    unknown = [name for name in classes if find_name(name, labels) < 0]
    if not unknown:
        return ""
    shown = "all classes are shown" if len(unknown) == len(classes) else "the other classes chosen are shown"
    return f"{model} knows no class {', '.join(map(repr, unknown))}; {shown}."


def closest(name: str, labels: Sequence[str]) -> str:
    """Returns the label that is spelled most like ``name``; "" where none is much like it."""
    import difflib

    return next(iter(difflib.get_close_matches(name, labels, n=1)), "")


def check_classes(classes: Sequence[str], labels: Sequence[str], model: str) -> None:
    """Refuse class names the model does not have.

    Raises:
        AppError: Names the unknown ones, and what is known.
    """
    unknown = [name for name in classes if find_name(name, labels) < 0]
    if not unknown:
        return
    close = closest(unknown[0], labels)
    meant = f"Did you mean {close}? " if close else ""
    raise AppError(f"{model} knows no class {', '.join(map(repr, unknown))}.", f"{meant}It knows: {', '.join(labels)}.")
