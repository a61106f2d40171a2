"""Which score a detection needs to be shown, and which overlap two need to be one. Pure; everybody asks here.

Scores of different models do not mean the same: 0.5 hides half of what one finds and shows the mistakes of another.
So each model has a threshold of its own, and a person's choice holds for the model it was made for. Likewise each model
has its own limit of overlaps (NMS), with which it was made and measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

COMMON = 0.5
"""Where neither the model nor anybody says otherwise."""
COMMON_IOU = 0.45
"""Likewise, of overlaps."""

_MAX_CHOICES = 100

T = TypeVar("T")  # what is chosen for a model: its threshold, or the classes to show


@dataclass(frozen=True, slots=True)
class ModelThreshold:
    """The threshold of a model, or its limit of overlaps.

    Attributes:
        value: In force.
        own: What the model recommends; None where it recommends nothing.
    """

    value: float
    own: float | None


def threshold_for(own: float | None, chosen: float | None = None, asked: float | None = None) -> float:
    """The threshold in force for a model.

    Args:
        own: ``ModelSpec.threshold``.
        chosen: What the user chose for this model.
        asked: The threshold asked for in this run.
    """
    return _first(asked, chosen, own, COMMON)


def iou_for(own: float | None, chosen: float | None = None, asked: float | None = None) -> float:
    """The limit of overlaps in force for a model.

    Args:
        own: ``PostprocessSpec.iou_threshold``; None where the model is not known.
        chosen: What the user chose for this model.
        asked: The limit asked for in this run.
    """
    return _first(asked, chosen, own, COMMON_IOU)


def _first(asked: float | None, chosen: float | None, own: float | None, common: float) -> float:
    return next((value for value in (asked, chosen, own) if value is not None), common)


def with_choice(chosen: Mapping[str, T], model: str, value: T) -> dict[str, T]:
    """``chosen`` with ``value`` for ``model``; of very many models those chosen for last stay."""
    others = {name: old for name, old in chosen.items() if name != model}
    return dict([*others.items(), (model, value)][-_MAX_CHOICES:])


def without_choice(chosen: Mapping[str, T], model: str) -> dict[str, T]:
    """``chosen`` with nothing for ``model``, which then is as it was before anything was chosen."""
    return {name: value for name, value in chosen.items() if name != model}


def renamed(chosen: Mapping[str, T], old: str, new: str) -> dict[str, T]:
    """``chosen`` once the model ``old`` is called ``new``."""
    return {new if name == old else name: value for name, value in chosen.items() if name != new}
