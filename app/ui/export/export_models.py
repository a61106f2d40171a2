"""The models that an export may use, and what is known of each. GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.core.settings import Choices
from app.core.thresholds import ModelThreshold
from detector.class_names import find_name

_NAMED = 4  # classes named before the rest is counted


@dataclass(frozen=True, slots=True)
class ExportModels:
    """The models to choose from.

    Attributes:
        choices: For the list.
        threshold_of: Returns the threshold of a model, by name.
        classes_of: Returns the classes that the user chose to see of a model; empty for all.
        labels: The classes that each model knows, by its name; those of other models are not known.
        iou_of: Returns the limit of overlaps of a model, by name.
    """

    choices: Choices
    threshold_of: Callable[[str], ModelThreshold]
    classes_of: Callable[[str], tuple[str, ...]]
    labels: Mapping[str, tuple[str, ...]]
    iou_of: Callable[[str], ModelThreshold]

    def known_labels(self, model: str) -> tuple[str, ...]:
        """Returns the classes that the model knows; empty where that is not known."""
        return self.labels.get(model, ())

    def shown_classes(self, model: str) -> tuple[str, ...]:
        """Returns the classes that an export by this model shows; empty for all, never one that it cannot have."""
        return known_among(self.classes_of(model), self.known_labels(model))


def known_among(classes: tuple[str, ...], labels: tuple[str, ...]) -> tuple[str, ...]:
    """Returns those of ``classes`` that are among ``labels``, all where no labels are known."""
    return tuple(name for name in classes if not labels or find_name(name, labels) >= 0)


def classes_text(shown: tuple[str, ...], labels: tuple[str, ...]) -> str:
    """Says which classes an export shows.

    Args:
        shown: These; empty for all.
        labels: All that the model knows; empty where that is not known.
    """
    if shown:
        return f"{_listed(shown)} only, as in the settings"
    return f"all {len(labels)} that the model knows" if labels else "all that the model knows"


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
