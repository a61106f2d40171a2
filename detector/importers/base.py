"""The interface of every importer. One importer, one layout: its key names and its conventions, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from detector.graph_spec import Activation, Fit, Rule
from detector.importers.notes import Note
from detector.safetensors_file import Array
from detector.spec import ModelSpec

Priors = Literal["voc", "coco"]
Channels = Literal["rgb", "bgr"]
First = Literal["0", "1"]
Scale = Literal["0-255", "0-1", "-1-1", "127-128", "caffe", "imagenet"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The file being imported.

    Attributes:
        name: Its file name, for messages.
        sha256: Of the whole file, hex; tells published files apart.
        classes: Class names it holds beside the weights; () for none.
    """

    name: str
    sha256: str
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overrides:
    """The user's word about a file, over its own or its layout's habit; None leaves it to the importer.

    Attributes:
        layout: Name of a layout, instead of the recognised one.
        priors: Which published sizes of the default boxes.
        channels: Channel order the weights were trained with.
        labels: Class names, background left out.
        rule: How a graph's outputs are read.
        size: (width, height) of a graph's input, where it leaves that open.
        scale: Name of the scale of a graph's pixels.
        fit: How a frame is fitted into a graph's input.
        scores: What turns a graph's scores into probabilities.
        first: Number of the first class in a table of detections that a graph gives.
    """

    layout: str | None = None
    priors: Priors | None = None
    channels: Channels | None = None
    labels: tuple[str, ...] | None = None
    rule: Rule | None = None
    size: tuple[int, int] | None = None
    scale: Scale | None = None
    fit: Fit | None = None
    scores: Activation | None = None
    first: First | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """A model in our terms, ready to be saved.

    Attributes:
        spec: Its description; the caller names it.
        tensors: Under the names of our network, shapes as it expects them.
        notes: What was recognised, what was assumed and which option says otherwise.
    """

    spec: ModelSpec
    tensors: dict[str, Array]
    notes: tuple[Note, ...] = ()


Importer = Callable[[Mapping[str, Array], SourceFile, Overrides], Imported]
"""``(state, source, overrides) -> Imported``: ``state`` unwrapped, prefixes removed. Raises ``DetectorError``."""
