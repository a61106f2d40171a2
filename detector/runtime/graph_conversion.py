"""A graph from outside becomes one in OpenVINO's format, in a process that may die: read, fixed in size, run, saved.

Whatever a file's format, what is kept is OpenVINO's, so that opening a model needs one reader only. The network is run
once on the fixed image, and what it answered tells more about its outputs than their names do: whether boxes are
fractions or pixels, whether scores are probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.errors import DetectorError, Remedy
from detector.golden import fixed_image
from detector.ir_file import check_ir
from detector.runtime.focus import without_focus
from detector.runtime.graph_trial import TIME_LIMIT_S, note_survival, run_on_trial
from detector.runtime.ir import IR_FORMAT
from detector.runtime.late_transpose import without_late_transpose
from detector.runtime.openvino_runtime import compile_for_latency, last_line, load_openvino, operations
from detector.runtime.other_process import Messages
from detector.runtime.signed_weights import with_signed_weights

Floats = npt.NDArray[np.float32]

MAX_SAMPLE = 2**25
"""Numbers that a network may answer to one image."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An output of the network, and what it answered to the fixed image.

    Attributes:
        name: "" where it has none.
        values: As float32.
    """

    name: str
    values: Floats


@dataclass(frozen=True, slots=True)
class ConversionRequest:
    """A network to convert.

    Attributes:
        source: A file that OpenVINO reads, checked; or what ``build`` makes its network of.
        target: The ``.xml`` to write; its ``.bin`` goes beside it.
        size: (height, width) for an input that leaves its size open; None where it says it.
        dequantised: Scale and zero of the first outputs, where they are whole numbers that mean others.
        constants: Arrays to put out beside the network's own outputs, after them.
        scale: Mean and deviation by which pixels become the fixed input.
        build: Returns the network as an ``openvino.Model``, where OpenVINO cannot read the file; called in the other
            process.
    """

    source: Path
    target: Path
    size: tuple[int, int] | None = None
    constants: tuple[Floats, ...] = ()
    dequantised: tuple[tuple[float, int], ...] = ()
    scale: tuple[float, float] = (0.0, 1.0)
    build: Callable[[], Any] | None = None


def convert_graph(request: ConversionRequest) -> list[Sample]:
    """Write the network in OpenVINO's format; returns its outputs in their order there.

    Raises:
        DetectorError: The engine cannot read or run it, or that ended the process that tried.
    """
    found: list[tuple[str, Floats]] = run_on_trial(_convert, request, request.source, TIME_LIMIT_S)
    check_ir(request.target)
    note_survival(request.target, IR_FORMAT)
    return [Sample(name, values) for name, values in found]


def _convert(request: ConversionRequest, messages: Messages) -> None:
    openvino = load_openvino()
    core = openvino.Core()
    name = request.source.name
    try:
        model = core.read_model(str(request.source)) if request.build is None else request.build()
        _fix_size(openvino, model, request.size, name)
        with_signed_weights(openvino, model)
        without_focus(openvino, model)
        without_late_transpose(model)
        for result, meaning in zip(model.get_results(), request.dequantised, strict=False):
            _dequantise(result, *meaning)
        for values in request.constants:
            model.add_results([operations().result(operations().constant(values))])
        openvino.save_model(model, str(request.target), compress_to_fp16=False)
        model = core.read_model(str(request.target))
        answers = _answers(core, model, request)
    except RuntimeError as error:
        raise DetectorError(
            f"OpenVINO cannot read or run {name}: {last_line(error)}.", "Export the model again, or as ONNX."
        ) from error
    messages.answer(answers)


def _dequantise(result: Any, scale: float, zero: int) -> None:
    """Puts (number - zero) * scale in the place of an output's whole numbers."""
    port, ops = result.input_value(0), operations()
    if scale > 0 and port.get_element_type().is_integral():
        names = port.get_names()
        real = ops.multiply(ops.subtract(ops.convert(port, "f32"), np.float32(zero)), np.float32(scale))
        result.input(0).replace_source_output(real.output(0))
        port.set_names(set())
        real.output(0).set_names(names)


def _fix_size(openvino: Any, model: Any, size: tuple[int, int] | None, name: str) -> None:
    """One image at a time, of one size; an input for the image's size is given the network's own."""
    images = [port for port in model.inputs if len(port.partial_shape) == 4]
    others = [port for port in model.inputs if len(port.partial_shape) != 4]
    if len(images) != 1 or len(others) > 1 or not all(_is_size(port) for port in others):
        raise DetectorError(f"{name} has {len(model.inputs)} inputs; a detector here has one, the image.")
    shape = images[0].partial_shape
    if shape.rank.is_dynamic or len(shape) != 4:
        raise DetectorError(f"{name} takes {shape}, not one image.")
    sides = [None if axis.is_dynamic else axis.get_length() for axis in shape]
    last = sides[3] == 3 and sides[1] != 3
    places = (1, 2) if last else (2, 3)
    wanted = list(sides)
    wanted[0], wanted[3 if last else 1] = 1, 3
    height, width = _sides(sides[places[0]], sides[places[1]], size, name)
    wanted[places[0]], wanted[places[1]] = height, width
    if wanted != sides:
        model.reshape({images[0]: openvino.PartialShape(wanted)})
    for port in others:  # as RT-DETR and D-FINE have it: boxes then come in pixels of the input
        port.replace(operations().constant(np.array([[width, height]], port.element_type.to_dtype())).output(0))
        model.remove_parameter(port.get_node())
        model.validate_nodes_and_infer_types()


def _sides(height: int | None, width: int | None, said: tuple[int, int] | None, name: str) -> tuple[int, int]:
    """(height, width) of the input: the network's own, None where it leaves them open, and there what is said."""
    if height is not None and width is not None and said not in (None, (height, width)):
        raise DetectorError(
            f"{name} takes images of {width} x {height} pixels; no other size can be chosen.",
            "Leave the size to it.",
            Remedy("size", omit=True),
        )
    if said is not None:
        height, width = height or said[0], width or said[1]
    if height is None or width is None:
        raise DetectorError(
            f"{name} takes images of any size, and does not say which it was trained with.",
            "Say the size.",
            Remedy("size", "WIDTHxHEIGHT"),
        )
    return height, width


def _is_size(port: Any) -> bool:
    """Returns whether an input takes (width, height) of one image."""
    shape = port.partial_shape
    return (
        len(shape) == 2 and shape[1] == 2 and port.element_type.is_integral() and (shape[0].is_dynamic or shape[0] == 1)
    )


def _answers(core: Any, model: Any, request: ConversionRequest) -> list[tuple[str, Floats]]:
    compiled = compile_for_latency(core, model, "fp32")
    port = compiled.inputs[0]
    shape, kind = tuple(port.shape), port.element_type.to_dtype()
    first = shape[1] == 3
    image = fixed_image(*(shape[2:] if first else shape[1:3]))[:, :, ::-1]
    values = (image - request.scale[0]) / request.scale[1]
    ends = np.iinfo(kind) if np.issubdtype(kind, np.integer) else None
    values = values if ends is None else np.clip(np.rint(values), ends.min, ends.max)
    outputs = compiled({0: np.ascontiguousarray((values.transpose(2, 0, 1) if first else values)[None]).astype(kind)})
    arrays = [np.array(outputs[index], np.float32) for index in range(len(compiled.outputs))]
    if sum(array.size for array in arrays) > MAX_SAMPLE:
        raise DetectorError(f"{request.source.name} answers with more numbers than a detector.")
    return [(min(port.get_names(), default=""), array) for port, array in zip(compiled.outputs, arrays, strict=True)]
