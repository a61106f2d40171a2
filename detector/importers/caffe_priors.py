"""Default boxes from what a Caffe network's own ``PriorBox`` layers say (weiliu89/caffe, ``prior_box_layer.cpp``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, cast

import numpy as np

from detector.config import SSDConfig
from detector.errors import DetectorError
from detector.importers.base import SourceFile
from detector.importers.caffe_file import PriorBox

_DEFAULT_VARIANCES = (0.1, 0.1, 0.1, 0.1)  # not the recipe's: what Caffe takes where a layer gives none
_SAME_RATIO = 1e-6


def config_from_layers(
    layers: Mapping[str, PriorBox], size: tuple[int, int], grids: tuple[tuple[int, int], ...], source: SourceFile
) -> SSDConfig:
    """The default boxes exactly as Caffe would make them.

    Args:
        layers: The ``PriorBox`` layer of each level by its name, finest first.
        size: Height and width of the network's input.
        grids: (rows, columns) of each level.
        source: For messages.

    Raises:
        DetectorError: The boxes are laid out in a way our networks do not know.
    """
    variances = {_variances(box, name, source) for name, box in layers.items()}
    clips = {box.clip for box in layers.values()}
    if len(variances) != 1 or len(clips) != 1:
        _refuse(source, "its levels", "differ in their variances or in clipping")
    for name, box in layers.items():
        _check(box, name, size, source)
    height, width = size
    return SSDConfig(
        image_size=size,
        grids=grids,
        steps=tuple(
            box.step_yx or (height / rows, width / columns)
            for box, (rows, columns) in zip(layers.values(), grids, strict=True)
        ),
        min_sizes=tuple(_whole(box.min_sizes) for box in layers.values()),
        max_sizes=tuple(_whole(box.max_sizes) for box in layers.values()),
        aspect_ratios=tuple(_ratios(box, name, source) for name, box in layers.items()),
        clamp="corners" if clips.pop() else "none",
        variances=variances.pop(),
    )


def _whole(sizes: tuple[float, ...]) -> tuple[float, ...]:
    """Caffe keeps box sizes in an ``int``, so 35.84 is 35."""
    return tuple(float(int(size)) for size in sizes)


def _check(box: PriorBox, name: str, size: tuple[int, int], source: SourceFile) -> None:
    if not box.min_sizes or len(box.max_sizes) not in (0, len(box.min_sizes)) or min(box.min_sizes) < 1:
        _refuse(source, name, "needs min sizes and, for all of them or none, max sizes")
    if box.offset != 0.5:
        _refuse(source, name, f"puts boxes at {box.offset:g} of a cell; only 0.5 is supported")
    if box.image_hw not in (None, size):
        _refuse(source, name, "counts in pixels of another image than the network's input")


def _variances(box: PriorBox, name: str, source: SourceFile) -> tuple[float, float, float, float]:
    values = tuple(decimal(value) for value in box.variances)
    if len(values) == 1:
        values *= 4
    if len(values) not in (0, 4):
        _refuse(source, name, f"has {len(values)} variances instead of four")
    return cast(tuple[float, float, float, float], values or _DEFAULT_VARIANCES)


def _ratios(box: PriorBox, name: str, source: SourceFile) -> tuple[float, ...]:
    """Our list has each ratio once and adds its inverse; Caffe's may spell both out."""
    spelled: list[float] = []
    for ratio in map(decimal, box.aspect_ratios):
        if ratio <= 0:
            _refuse(source, name, f"has the aspect ratio {ratio:g}")
        if any(abs(ratio - known) < _SAME_RATIO for known in (1.0, *spelled)):
            continue
        spelled += [ratio, 1 / ratio] if box.flip else [ratio]
    pairs = list(zip(spelled[::2], spelled[1::2], strict=False))
    if len(spelled) % 2 or any(abs(first * second - 1) > _SAME_RATIO for first, second in pairs):
        _refuse(source, name, "has aspect ratios without their inverse")
    return tuple(first for first, _ in pairs)


def decimal(value: float) -> float:
    """The number somebody typed: 0.1 where a float holds 0.10000000149."""
    return float(str(np.float32(value)))


def _refuse(source: SourceFile, where: str, why: str) -> NoReturn:
    raise DetectorError(f"{source.name}: the default boxes cannot be rebuilt: {where[:60]} {why}.")
