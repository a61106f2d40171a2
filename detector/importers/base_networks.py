"""Base networks without box predictors, such as ``vgg16_reducedfc.pth``: recognised, so that they can be explained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from detector.errors import DetectorError, Remedy
from detector.importers.base import Overrides, SourceFile
from detector.safetensors_file import Array


def refuse(_state: Mapping[str, Array], source: SourceFile, _overrides: Overrides) -> NoReturn:
    """Say what the file is.

    Raises:
        DetectorError: Always.
    """
    raise DetectorError(
        f"{source.name} is a base network only, VGG-16 without box predictors: it detects nothing.",
        "To detect, import the weights of a whole SSD; a training can start from this one.",
        Remedy("start", "FILE", command="train"),
    )
