"""Reading of Paddle's inference models what must be known before an engine sees them. No Paddle.

A model is a program (``.pdmodel``, or ``__model__``) and its weights (``.pdiparams``, ``__params__``), one after the
other by their names. The program's operators are held to the table below, and the weights to what the program says of
them. The schema is our own, minimal statement of framework.proto (PaddlePaddle/Paddle, paddle/fluid/framework).
"""

from __future__ import annotations

import io
import math
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from detector.errors import DetectorError, legible
from detector.importers.first_bytes import start_of
from detector.importers.hints import FETCH_AGAIN, ONLY_DETECTORS
from detector.importers.paddle_names import weights_of
from detector.importers.protobuf_file import read_file
from detector.importers.protobuf_wire import Message, Schema, WireError, last_of, read_message, text_of
from detector.safetensors_file import MAX_FILE_BYTES

_TENSOR: Schema = {1: ("kind", "whole"), 2: ("dims", "whole")}
_VARIABLE: Schema = {
    1: ("name", "text"),
    2: ("type", {1: ("kind", "whole"), 3: ("dense", {1: ("tensor", _TENSOR)})}),
    3: ("persistable", "whole"),
}
_ENDS: Schema = {1: ("parameter", "text"), 2: ("arguments", "text")}
_ATTRIBUTE: Schema = {1: ("name", "text"), 2: ("kind", "whole"), 3: ("whole", "whole"), 4: ("real", "real")}
_OPERATOR: Schema = {1: ("inputs", _ENDS), 2: ("outputs", _ENDS), 3: ("type", "text"), 4: ("attrs", _ATTRIBUTE)}
_PROGRAM: Schema = {
    1: ("blocks", {3: ("vars", _VARIABLE), 4: ("ops", _OPERATOR)}),
    4: ("version", {1: ("number", "whole")}),
}

OPERATORS = frozenset(
    (
        "feed", "fetch", "assign", "assign_value", "cast", "dropout", "share_data",
        # Convolutions, pooling, normalisation
        "batch_norm", "sync_batch_norm", "bilinear_interp", "bilinear_interp_v2", "conv2d", "conv2d_transpose",
        "deformable_conv", "deformable_conv_v1", "depthwise_conv2d", "depthwise_conv2d_transpose", "group_norm",
        "grid_sampler", "layer_norm", "matmul", "matmul_v2", "max_pool2d_with_index", "nearest_interp",
        "nearest_interp_v2", "pool2d",
        # Activations and arithmetic
        "abs", "ceil", "clip", "cos", "cumsum", "elementwise_add", "elementwise_div", "elementwise_floordiv",
        "elementwise_max", "elementwise_min", "elementwise_mod", "elementwise_mul", "elementwise_pow",
        "elementwise_sub", "equal", "exp", "floor", "gelu", "greater_equal", "greater_than", "hard_sigmoid",
        "hard_swish", "leaky_relu", "less_equal", "less_than", "log", "logical_and", "logical_not", "logical_or",
        "not_equal", "pow", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "relu", "relu6",
        "round", "rsqrt", "scale", "sigmoid", "silu", "sin", "softmax", "softplus", "sqrt", "sum", "swish", "tanh",
        # Shapes
        "arg_max", "arg_min", "concat", "expand_as_v2", "expand_v2", "fill_any_like", "fill_constant",
        "fill_constant_batch_size_like", "flatten_contiguous_range", "flip", "gather", "gather_nd", "linspace",
        "meshgrid", "pad3d", "range", "reshape2", "shape", "slice", "split", "squeeze2", "stack", "strided_slice",
        "tile", "top_k_v2", "transpose2", "unsqueeze2", "unstack", "where",
        # Detection
        "box_coder", "matrix_nms", "multiclass_nms3", "prior_box", "yolo_box",
    )
)  # fmt: skip
"""What detectors are made of: nothing that reads files, loops or keeps variables."""

SUPPRESSING = ("multiclass_nms3", "matrix_nms")
_ITEM_BYTES = {0: 1, 1: 2, 2: 4, 3: 8, 4: 2, 5: 4, 6: 8, 20: 1, 21: 1, 22: 2}
_DENSE = 7
_BLOCKS = (8, 10)  # kinds of attributes that name blocks
_MOST_VALUES = 3_000_000  # a program tells of every operator where in the source it was called
_MAX_ELEMENTS = 2**28
_MAX_DESCRIPTION = 1024
_HEADER = struct.Struct("<IQIi")


@dataclass(frozen=True, slots=True)
class Suppression:
    """The operator that thins out the boxes at the end of a program.

    Attributes:
        background: Number of the class that it leaves out; -1 for none.
        limit: Of overlaps; None where it lowers scores instead.
    """

    background: int
    limit: float | None


@dataclass(frozen=True, slots=True)
class PaddleFile:
    """What a Paddle model says about itself.

    Attributes:
        weights: The file beside it.
        image: Name of the input that takes the image.
        sides: (height, width) of that; None where it leaves one open.
        others: Names of the other inputs.
        suppression: What ends it; None where it gives all boxes.
    """

    weights: Path
    image: str
    sides: tuple[int, int] | None
    others: tuple[str, ...]
    suppression: Suppression | None


def read_paddle(path: Path) -> PaddleFile:
    """Make sure that an engine may read a model.

    Raises:
        DetectorError: It cannot be read, is cut off or damaged, or holds what no detector needs.
    """
    block = _block(path)
    variables = {text_of(each, "name"): each for each in block.get("vars", [])}
    operators = block.get("ops", [])
    stored = sorted(
        name
        for name, each in variables.items()
        if last_of(each, "persistable", 0) and not name.endswith(("feed", "fetch"))
    )
    inputs = _checked_order(operators, variables, set(stored), path)
    image, sides = _image(inputs, variables, path)
    weights = weights_of(path)
    if stored:
        _check_weights(weights, path, [(name, _shape(variables[name])) for name in stored])
    ends = [each for each in operators if text_of(each, "type") in SUPPRESSING]
    if len(ends) > 1:
        raise DetectorError(f"{path.name} suppresses overlaps {len(ends)} times; a detector does it once.")
    others = tuple(name for name in inputs if name != image)
    return PaddleFile(weights, image, sides, others, _suppression(ends[0]) if ends else None)


def _block(path: Path) -> Message:
    start_of(path)
    message = read_file(path, _PROGRAM, "Paddle program", _MOST_VALUES)
    blocks = message.get("blocks", [])
    if not blocks or not blocks[0].get("ops"):
        raise DetectorError(f"{path.name} is cut off, damaged or no Paddle program: it has no operators.", FETCH_AGAIN)
    if len(blocks) > 1:
        raise DetectorError(f"{path.name} holds loops or branches, which are not supported.", ONLY_DETECTORS)
    number = last_of(last_of(message, "version", {}), "number", 0)
    if 0 < number < 2_000_000:
        raise DetectorError(f"{path.name} was written by a Paddle older than 2.0.", "Export it by a newer one.")
    found: Message = blocks[0]
    return found


def _checked_order(
    operators: Sequence[Message], variables: dict[str, Message], known: set[str], path: Path
) -> tuple[str, ...]:
    """Names of the inputs. Every operator takes what was there before it."""
    inputs = []
    for each in operators:
        kind = text_of(each, "type")
        if kind not in OPERATORS:
            raise DetectorError(
                f"The model contains an operator {legible(kind)}, which detectors do not use.", ONLY_DETECTORS
            )
        if any(last_of(attribute, "kind", 0) in _BLOCKS for attribute in each.get("attrs", [])):
            raise DetectorError(f"The model's operator {legible(kind)} holds a program of its own.", ONLY_DETECTORS)
        taken, given = (
            [name for end in each.get(side, []) for name in end.get("arguments", [])] for side in ("inputs", "outputs")
        )
        loose = [] if kind == "feed" else [name for name in taken if name not in known]
        if loose or not variables.keys() >= {*taken, *given}:
            raise DetectorError(
                f"{path.name} is damaged: an operator takes or gives what is nowhere named.", FETCH_AGAIN
            )
        if kind == "feed":
            inputs += given[:1]
        if (kind == "feed" and len(given) != 1) or (kind == "fetch" and len(taken) != 1):
            raise DetectorError(f"{path.name} is damaged: one of its inputs or outputs has no name.", FETCH_AGAIN)
        known.update(given)
    return tuple(inputs)


def _image(inputs: Sequence[str], variables: dict[str, Message], path: Path) -> tuple[str, tuple[int, int] | None]:
    """Name of the input for images, and its (height, width)."""
    images = [name for name in inputs if len(_shape(variables[name])) == 4]
    if len(images) != 1 or len(set(inputs)) != len(inputs):
        raise DetectorError(f"{path.name} has {len(images)} inputs for images; a detector here has one.")
    _, channels, height, width = _shape(variables[images[0]])
    if channels not in (3, -1):
        raise DetectorError(f"{path.name} takes {channels} channels, not one image in colour.")
    return images[0], (height, width) if min(height, width) > 0 else None


def _suppression(operator: Message) -> Suppression:
    told = {text_of(each, "name"): each for each in operator.get("attrs", [])}
    background = last_of(told.get("background_label", {}), "whole", -1)
    limit = last_of(told.get("nms_threshold", {}), "real", None)
    return Suppression(max(background, -1), limit if text_of(operator, "type") == SUPPRESSING[0] else None)


# -- weights -----------------------------------------------------------------------------------------------------------


def _check_weights(path: Path, program: Path, stored: Sequence[tuple[str, tuple[int, ...]]]) -> None:
    """Every tensor is there in its shape, and nothing besides."""
    try:
        if not path.is_file():
            raise DetectorError(f"{path.name} is missing beside {program.name}.", "Both files make up the model.")
        start_of(path)
        with path.open("rb") as file:
            left = os.fstat(file.fileno()).st_size
            if left > MAX_FILE_BYTES:
                raise DetectorError(f"{path.name} is larger than {MAX_FILE_BYTES >> 20} MiB.")
            for name, shape in stored:
                left = _skip_tensor(file, left, name, shape, path)
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    if left:
        raise DetectorError(
            f"{path.name} does not belong to {program.name}: {left} bytes of it are left over.", FETCH_AGAIN
        )


def _skip_tensor(file: BinaryIO, left: int, name: str, shape: tuple[int, ...], path: Path) -> int:
    """Goes to the next tensor; returns how many bytes are left."""
    cut = DetectorError(f"{path.name} is cut off or damaged at {legible(name)}.", FETCH_AGAIN)
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise cut
    _, levels, _, length = _HEADER.unpack(header)
    if levels or not 0 < length <= min(_MAX_DESCRIPTION, left - _HEADER.size):
        raise cut
    try:
        told = read_message(io.BytesIO(file.read(length)), length, _TENSOR)
    except WireError as error:
        raise cut from error
    size, dims = _ITEM_BYTES.get(last_of(told, "kind", -1), 0), tuple(told.get("dims", []))
    if not size or dims != shape or any(side < 0 for side in dims) or math.prod(dims) > _MAX_ELEMENTS:
        raise cut
    left -= _HEADER.size + length + math.prod(dims) * size
    if left < 0:
        raise cut
    file.seek(math.prod(dims) * size, os.SEEK_CUR)
    return left


def _shape(variable: Message) -> tuple[int, ...]:
    """-1 for an axis of any length; () for what is no plain tensor."""
    kind: Message = last_of(variable, "type", {})
    if last_of(kind, "kind", -1) != _DENSE:
        return ()
    return tuple(last_of(last_of(kind, "dense", {}), "tensor", {}).get("dims", []))
