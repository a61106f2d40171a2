"""The one graph of a ``.tflite`` file, read straight from its bytes, and where its tensors' constants lie.

Source of the schema: tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from detector.errors import DetectorError
from detector.importers.flatbuffer import Buffer, FlatError, Table
from detector.importers.hints import ONLY_DETECTORS

_MOST_OPERATORS, _MOST_TENSORS = 20_000, 50_000


@dataclass(frozen=True, slots=True)
class Quantised:
    """What a tensor's whole numbers mean: (number - zero) * scale; scale 0 for a tensor that has no such meaning."""

    scale: float
    zero: int


class TfliteGraph:
    """Tables of a file, and its bytes, in which a few numbers may be changed.

    Args:
        content: The file.
        path: Where it comes from, for messages.

    Raises:
        DetectorError: It has no graph, or several.
        FlatError: It is cut off or damaged, or larger than a detector.
    """

    def __init__(self, content: bytearray, path: Path) -> None:
        self.content, self.name = content, path.name
        self.buffer = Buffer(content)
        self.model = self.buffer.root()
        graphs = self.model.tables(2)
        if len(graphs) != 1:
            raise DetectorError(f"{self.name} has {len(graphs)} graphs; a detector has one.", ONLY_DETECTORS)
        self.root = graphs[0]
        self.tensors = self.root.tables(0)
        self.operators = self.root.tables(3)
        if len(self.tensors) > _MOST_TENSORS or len(self.operators) > _MOST_OPERATORS:
            raise FlatError("it has more operators than a detector")

    @property
    def inputs(self) -> tuple[int, ...]:
        """Numbers of the tensors it takes."""
        return self.root.numbers(1, "i")

    @property
    def outputs(self) -> tuple[int, ...]:
        """Numbers of the tensors it gives."""
        return self.root.numbers(2, "i")

    def operator_kinds(self) -> list[tuple[int, str]]:
        """Returns the number of every kind of operator, and the name that only kinds from outside the schema have."""
        return [
            (max(code.number(0, "b"), code.number(3, "i")), code.text(1))  # the second is wider, and younger
            for code in self.model.tables(1)
        ]

    def constant(self, tensor: Table) -> tuple[int, int] | None:
        """Returns where the tensor's constant bytes are, and how many; None where it has none."""
        index = tensor.number(2, "I")
        start, count = self.model.vector(4, 4)
        if index >= count:
            raise FlatError("a tensor of it has no buffer")
        place = start + 4 * index
        where, length = Table(self.buffer, self.buffer.target(place)).vector(0, 1)
        return (where, length) if length else None

    def write(self, kind: str, place: int, value: int) -> None:
        """Change a whole number of the file; ``kind`` as in ``struct``.

        Raises:
            FlatError: ``place`` is outside the file.
        """
        if place < 0 or place + struct.calcsize(f"<{kind}") > len(self.content):
            raise FlatError("a part of it lies outside the file")
        struct.pack_into(f"<{kind}", self.content, place, value)


def quantised(tensor: Table) -> Quantised:
    """Returns what a tensor's whole numbers mean, where all of it has one scale."""
    told = tensor.table(4)
    if told is None:
        return Quantised(0.0, 0)
    scales, zeros = told.reals(2), told.numbers(3, "q")
    return Quantised(scales[0], zeros[0]) if len(scales) == len(zeros) == 1 else Quantised(0.0, 0)
