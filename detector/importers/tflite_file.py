"""Reading of a ``.tflite`` file what must be known before an engine sees it.

An operator for post-processing at its end is cut off (``tflite_postprocess``). Every other operator must be one that
detectors are made of. Source of the schema: tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from detector.errors import DetectorError
from detector.importers.first_bytes import start_of
from detector.importers.flatbuffer import FlatError, Table
from detector.importers.hints import FETCH_AGAIN, ONLY_DETECTORS
from detector.importers.tflite_graph import Quantised, TfliteGraph, quantised
from detector.importers.tflite_postprocess import POSTPROCESS, PostProcess, cut_postprocess, read_postprocess

IDENTIFIER = b"TFL3"

_CUSTOM, _RESHAPE = 32, 22
_NO_OPTIONS = 0
_CONTROL = frozenset((117, 118, 119, 120, 129, 130, 142, 143, 144, 145, 146, 147, 148, 149))
"""IF, WHILE, and what reads variables and tables: not of detectors. 32 is CUSTOM, told by its name."""
_UNUSED = frozenset((7, 10, 13, 15, 16, 20, 24, 26, 30, 31, 33, 35, 44, 46, 52))
"""Lookups in tables and text, recurrent networks."""
_MAX_BYTES = 2**30


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
        raise DetectorError(f"{path.name} is no TensorFlow Lite file, or damaged.", FETCH_AGAIN)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DetectorError(f"{path.name} is larger than {_MAX_BYTES >> 20} MiB.")
        return _read(bytearray(path.read_bytes()), path)
    except FlatError as error:
        raise DetectorError(f"{path.name} is cut off or damaged: {error}.", FETCH_AGAIN) from error
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error


def _read(content: bytearray, path: Path) -> TfliteFile:
    graph = TfliteGraph(content, path)
    inputs, outputs = graph.inputs, graph.outputs
    if len(inputs) != 1 or not outputs or not graph.operators:
        raise DetectorError(f"{graph.name} has {len(inputs)} inputs; a detector has one, the image.")
    place = _checked(graph)
    if any(not 0 <= index < len(graph.tensors) for index in outputs):
        raise FlatError("an output of it does not exist")
    postprocess = None
    if place is not None:
        postprocess = read_postprocess(graph, graph.operators[place])
        cut_postprocess(graph, place)
    # Parts of a hostile file overlap: a change reaches another. So what an engine will read is checked once more.
    if _checked(TfliteGraph(content, path)) is not None:
        raise FlatError(f"it has {POSTPROCESS} twice")
    return TfliteFile(
        input=_input(graph, graph.tensors[inputs[0]]),
        content=bytes(content),
        postprocess=postprocess,
        outputs=tuple(quantised(graph.tensors[index]) for index in graph.outputs),
        description="".join(c for c in graph.model.text(3) if c.isprintable())[:200],
    )


def _checked(graph: TfliteGraph) -> int | None:
    """Checks tensors and operators; returns the place of the one operator to be cut off, if there is one."""
    _check_tensors(graph)
    kinds = graph.operator_kinds()
    known = set(graph.inputs) | {i for i, tensor in enumerate(graph.tensors) if graph.constant(tensor) is not None}
    last = None
    for place, operator in enumerate(graph.operators):
        index = operator.number(0, "I")
        if index >= len(kinds):
            raise FlatError("an operator of it has no kind")
        number, name = kinds[index]
        if number == _CUSTOM and name == POSTPROCESS and last is None:
            last = place
        elif number == _CUSTOM or number in _CONTROL or number in _UNUSED:
            shown = "".join(c for c in name if c.isprintable())[:60] or f"number {number}"
            raise DetectorError(f"The model contains an operator {shown}, which detectors do not use.", ONLY_DETECTORS)
        _check_flow(graph, operator, known)
        known.update(operator.numbers(2, "i"))
        if number == _RESHAPE:
            _forget_options(graph, operator)
    return last


def _check_tensors(graph: TfliteGraph) -> None:
    for tensor in graph.tensors:
        shape = tensor.numbers(0, "i")
        if len(shape) > 8 or any(side < 0 for side in shape) or math.prod(shape) > 2**28:
            raise DetectorError(
                f"{graph.name} has a tensor of the shape {str(list(shape[:8]))[:80]}, which no detector needs."
            )


def _check_flow(graph: TfliteGraph, operator: Table, known: set[int]) -> None:
    """An operator takes only tensors that are ``known``, and gives others."""
    if any(i != -1 and i not in known for i in operator.numbers(1, "i")):
        raise FlatError("an operator takes what none before it gives")
    if any(not 0 <= i < len(graph.tensors) or i in known for i in operator.numbers(2, "i")):
        raise FlatError("two operators give the same")


def _forget_options(graph: TfliteGraph, operator: Table) -> None:
    """OpenVINO wants a shape in the options of a RESHAPE that has options; the second input tells it anyway."""
    options, kind = operator.table(4), operator.field(3)
    if options is not None and kind is not None and not options.vector(0, 4)[1] and len(operator.numbers(1, "i")) > 1:
        graph.write("B", kind, _NO_OPTIONS)


def _input(graph: TfliteGraph, tensor: Table) -> InputTensor:
    element = {0: "f32", 3: "u8", 9: "i8"}.get(tensor.number(1, "b"))
    if element is None:
        raise DetectorError(f"{graph.name} takes numbers of a type that images do not have.")
    shape = tensor.numbers(7, "i") or tensor.numbers(0, "i")
    return InputTensor(shape, element, quantised(tensor))
