"""Reading of a ``.tflite`` file what must be known before an engine sees it, and cutting off its post-processing.

``TFLite_Detection_PostProcess`` is an operator of TensorFlow Lite's own, which OpenVINO does not have: the graph is cut
before it, by changing a few numbers of the file's bytes, and what it would do is done by our rules with its anchors
and settings. Source of the schema: tensorflow/compiler/mlir/lite/schema/schema.fbs; of the operator:
tensorflow/lite/kernels/detection_postprocess.cc.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.errors import DetectorError
from detector.importers.first_bytes import start_of
from detector.importers.flatbuffer import Buffer, FlatError, Table, flex_numbers

POSTPROCESS = "TFLite_Detection_PostProcess"
IDENTIFIER = b"TFL3"

_CUSTOM, _RESHAPE = 32, 22
_NO_OPTIONS = 0
_CONTROL = frozenset((117, 118, 119, 120, 129, 130, 142, 143, 144, 145, 146, 147, 148, 149))
"""IF, WHILE, and what reads variables and tables: not of detectors. 32 is CUSTOM, told by its name."""
_UNUSED = frozenset((7, 10, 13, 15, 16, 20, 24, 26, 30, 31, 33, 35, 44, 46, 52))
"""Lookups in tables and text, recurrent networks."""
_MOST_OPERATORS, _MOST_TENSORS = 20_000, 50_000
_MAX_BYTES = 2**30
_MOST_ANCHORS = 200_000
_TYPES: dict[int, Any] = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 7: np.int16, 9: np.int8}
_AGAIN = "Fetch the file again."
_ONLY = "Only detectors made of the usual operators can be used; nothing was loaded."

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Quantised:
    """What a tensor's whole numbers mean: (number - zero) * scale; scale 0 for a tensor that has no such meaning."""

    scale: float
    zero: int


@dataclass(frozen=True, slots=True)
class InputTensor:
    """The network's input.

    Attributes:
        shape: -1 for an axis of any length.
        element: "f32", "u8" or "i8".
        quantised: What its numbers mean.
    """

    shape: tuple[int, ...]
    element: str
    quantised: Quantised


@dataclass(frozen=True, slots=True)
class PostProcess:
    """The operator at the network's end.

    Attributes:
        anchors: Float32[N, 4] as (cx, cy, w, h), fractions.
        scales: Of the encoded boxes, in their order: y, x, h, w.
        classes: Without the background.
        iou_threshold: Its suppression's limit.
        score_threshold: Its floor.
        most: Boxes it gives.
    """

    anchors: Floats
    scales: tuple[float, float, float, float]
    classes: int
    iou_threshold: float
    score_threshold: float
    most: int


@dataclass(frozen=True, slots=True)
class TfliteFile:
    """What a ``.tflite`` file says about itself.

    Attributes:
        input: Its one input.
        content: What an engine may read: the file's bytes, without the operator at its end.
        postprocess: That operator; None where there is none.
        outputs: What the numbers of its outputs mean, once the operator is gone.
        description: What its maker says.
    """

    input: InputTensor
    content: bytes
    postprocess: PostProcess | None
    outputs: tuple[Quantised, ...]
    description: str


def read_tflite(path: Path) -> TfliteFile:
    """Check a ``.tflite`` file, and cut off its post-processing.

    Raises:
        DetectorError: It cannot be read, is cut off, damaged or no TFLite file, or holds what no detector needs.
    """
    start = start_of(path)
    if start[4:8] != IDENTIFIER:
        raise DetectorError(f"{path.name} is no TensorFlow Lite file, or damaged.", _AGAIN)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DetectorError(f"{path.name} is larger than {_MAX_BYTES >> 20} MiB.")
        return _Reader(bytearray(path.read_bytes()), path).read()
    except FlatError as error:
        raise DetectorError(f"{path.name} is cut off or damaged: {error}.", _AGAIN) from error
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error


class _Reader:
    def __init__(self, content: bytearray, path: Path) -> None:
        self._content, self._path = content, path
        self._buffer = Buffer(content)
        self._model = self._buffer.root()
        graphs = self._model.tables(2)
        if len(graphs) != 1:
            raise DetectorError(f"{path.name} has {len(graphs)} graphs; a detector has one.", _ONLY)
        self._graph = graphs[0]
        self._tensors = self._graph.tables(0)
        self._operators = self._graph.tables(3)
        if len(self._tensors) > _MOST_TENSORS or len(self._operators) > _MOST_OPERATORS:
            raise FlatError("it has more operators than a detector")

    def read(self) -> TfliteFile:
        inputs, outputs = self._graph.numbers(1, "i"), self._graph.numbers(2, "i")
        if len(inputs) != 1 or not outputs or not self._operators:
            raise DetectorError(f"{self._path.name} has {len(inputs)} inputs; a detector has one, the image.")
        self._check_tensors()
        codes = self._codes()
        last = self._check_operators(codes, set(inputs))
        if any(not 0 <= index < len(self._tensors) for index in outputs):
            raise FlatError("an output of it does not exist")
        postprocess = None
        if last is not None:
            postprocess = self._postprocess(last)
            self._cut(last)
        _Reader(self._content, self._path).check_cut()  # parts of a hostile file overlap: a change reaches another
        return TfliteFile(
            input=self._input(self._tensors[inputs[0]]),
            content=bytes(self._content),
            postprocess=postprocess,
            outputs=tuple(_quantised(self._tensors[index]) for index in self._graph.numbers(2, "i")),
            description="".join(c for c in self._model.text(3) if c.isprintable())[:200],
        )

    def check_cut(self) -> None:
        """What an engine will read is still sound, and has no operator of its own at its end.

        Raises:
            DetectorError, FlatError: It is not.
        """
        self._check_tensors()
        if self._check_operators(self._codes(), set(self._graph.numbers(1, "i"))) is not None:
            raise FlatError(f"it has {POSTPROCESS} twice")

    def _codes(self) -> list[tuple[int, str]]:
        """Of every kind of operator, its number and, where that is ``_CUSTOM``, its name."""
        return [
            (max(code.number(0, "b"), code.number(3, "i")), code.text(1))  # the second is wider, and younger
            for code in self._model.tables(1)
        ]

    def _check_operators(self, codes: Sequence[tuple[int, str]], known: set[int]) -> int | None:
        """Every operator is one detectors use, and takes what was there before it; returns the place of the cut."""
        known |= {i for i, tensor in enumerate(self._tensors) if self._data(tensor) is not None}
        last = None
        for place, operator in enumerate(self._operators):
            index = operator.number(0, "I")
            if index >= len(codes):
                raise FlatError("an operator of it has no kind")
            number, name = codes[index]
            if number == _CUSTOM and name == POSTPROCESS and last is None:
                last = place
            elif number == _CUSTOM or number in _CONTROL or number in _UNUSED:
                shown = "".join(c for c in name if c.isprintable())[:60] or f"number {number}"
                raise DetectorError(f"The model contains an operator {shown}, which detectors do not use.", _ONLY)
            given = operator.numbers(2, "i")
            if any(i != -1 and i not in known for i in operator.numbers(1, "i")):
                raise FlatError("an operator takes what none before it gives")
            if any(not 0 <= i < len(self._tensors) or i in known for i in given):
                raise FlatError("two operators give the same")
            known.update(given)
            if number == _RESHAPE:
                self._plain_reshape(operator)
        return last

    def _check_tensors(self) -> None:
        for tensor in self._tensors:
            shape = tensor.numbers(0, "i")
            if len(shape) > 8 or any(side < 0 for side in shape) or math.prod(shape) > 2**28:
                raise DetectorError(
                    f"{self._path.name} has a tensor of the shape {str(list(shape[:8]))[:80]}, which no detector needs."
                )

    def _input(self, tensor: Table) -> InputTensor:
        element = {0: "f32", 3: "u8", 9: "i8"}.get(tensor.number(1, "b"))
        if element is None:
            raise DetectorError(f"{self._path.name} takes numbers of a type that images do not have.")
        shape = tensor.numbers(7, "i") or tensor.numbers(0, "i")
        return InputTensor(shape, element, _quantised(tensor))

    def _data(self, tensor: Table) -> tuple[int, int] | None:
        """Where the tensor's constant bytes are, and how many; None where it has none."""
        index = tensor.number(2, "I")
        start, count = self._model.vector(4, 4)
        if index >= count:
            raise FlatError("a tensor of it has no buffer")
        place = start + 4 * index
        where, length = Table(self._buffer, self._buffer.target(place)).vector(0, 1)
        return (where, length) if length else None

    def _postprocess(self, place: int) -> PostProcess:
        operator = self._operators[place]
        inputs = operator.numbers(1, "i")
        if len(inputs) != 3 or not all(0 <= i < len(self._tensors) for i in inputs):
            raise FlatError(f"{POSTPROCESS} takes {len(inputs)} tensors")
        start, count = operator.vector(5, 1)
        told = flex_numbers(bytes(self._content[start : start + count]))
        try:
            scales = tuple(told[f"{axis}_scale"] for axis in "yxhw")
            classes, most = int(told["num_classes"]), int(told["max_detections"])
            floor, limit = told["nms_score_threshold"], told["nms_iou_threshold"]
        except KeyError as error:
            raise FlatError(f"{POSTPROCESS} has no {error.args[0]}") from error
        fine = all(1e-3 <= scale <= 1e6 for scale in scales) and 0 <= limit <= 1 and 1 <= classes <= 10_000
        if not fine or not 1 <= most <= 10_000:
            raise FlatError(f"the settings of {POSTPROCESS} are damaged")
        return PostProcess(
            self._anchors(self._tensors[inputs[2]]), (scales[0], scales[1], scales[2], scales[3]), classes, limit,
            min(max(floor, 0.0), 1.0), most,
        )  # fmt: skip

    def _anchors(self, tensor: Table) -> Floats:
        """Float32[N, 4]: (y, x, h, w) in the file, ours in the order (cx, cy, w, h)."""
        shape, where = tensor.numbers(0, "i"), self._data(tensor)
        kind = _TYPES.get(tensor.number(1, "b"))
        if where is None or kind is None or len(shape) != 2 or shape[1] != 4 or not 0 < shape[0] <= _MOST_ANCHORS:
            raise FlatError(f"the anchors of {POSTPROCESS} are damaged")
        content = bytes(self._content[where[0] : where[0] + where[1]])
        if len(content) != math.prod(shape) * np.dtype(kind).itemsize:
            raise FlatError(f"the anchors of {POSTPROCESS} are damaged")
        values = np.frombuffer(content, kind).reshape(shape).astype(np.float32)
        meaning = _quantised(tensor)
        if np.issubdtype(kind, np.integer):
            values = (values - meaning.zero) * np.float32(meaning.scale)
        if not np.isfinite(values).all() or np.abs(values).max() > 100:
            raise FlatError(f"the anchors of {POSTPROCESS} are damaged")
        return np.ascontiguousarray(values[:, [1, 0, 3, 2]])

    def _cut(self, place: int) -> None:
        """Take the operator out of the bytes: the graph gives out what it took."""
        inputs = self._operators[place].numbers(1, "i")
        start, count = self._graph.vector(3, 4)
        for index in range(place, count - 1):  # offsets count from where they stand
            target = self._buffer.target(start + 4 * (index + 1))
            self._write("I", start + 4 * index, target - (start + 4 * index))
        self._write("I", start - 4, count - 1)
        start, count = self._graph.vector(2, 4)
        if count < 2:
            raise FlatError(f"it gives {count} of what {POSTPROCESS} finds")
        self._write("i", start, inputs[0])
        self._write("i", start + 4, inputs[1])
        self._write("I", start - 4, 2)
        start, count = self._model.vector(7, 4)
        if count:  # its signatures name the former outputs
            self._write("I", start - 4, 0)

    def _plain_reshape(self, operator: Table) -> None:
        """OpenVINO wants a shape in the options of a RESHAPE that has options; the second input tells it anyway."""
        options, kind = operator.table(4), operator.field(3)
        if (
            options is not None
            and kind is not None
            and not options.vector(0, 4)[1]
            and len(operator.numbers(1, "i")) > 1
        ):
            self._write("B", kind, _NO_OPTIONS)

    def _write(self, kind: str, place: int, value: int) -> None:
        if place < 0 or place + struct.calcsize(f"<{kind}") > len(self._content):
            raise FlatError("a part of it lies outside the file")
        struct.pack_into(f"<{kind}", self._content, place, value)


def _quantised(tensor: Table) -> Quantised:
    told = tensor.table(4)
    if told is None:
        return Quantised(0.0, 0)
    scales, zeros = told.reals(2), told.numbers(3, "q")
    return Quantised(scales[0], zeros[0]) if len(scales) == len(zeros) == 1 else Quantised(0.0, 0)
