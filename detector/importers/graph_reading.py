"""By which rule a network's outputs are to be read: told by their shapes, and by what they answer to the fixed image.

Names of outputs differ from exporter to exporter; what numbers they give does not. Whatever is concluded here is said
in a note, and the user's word comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import numpy.typing as npt

from detector.config import ultraface_config
from detector.default_boxes import default_boxes
from detector.errors import DetectorError, Remedy
from detector.graph_output import grid_cells
from detector.graph_spec import NONE, Activation, BoxUnit, GraphSpec, Rule
from detector.importers.blazeface import blazeface_anchors

Floats = npt.NDArray[np.float32]

_STRIDES = ((8, 16, 32), (8, 16, 32, 64))
_SPARSE = 1000
"""No more boxes than this: queries, or what suppression left; anchors and cells are more."""
_FRACTION = 2.0
_FOLLOWS = 0.8  # correlation of a decoded box's place with its cell's


@dataclass(frozen=True, slots=True)
class Output:
    """One output of the network: its name, and what it answered to the fixed image."""

    name: str
    values: Floats


@dataclass(frozen=True, slots=True)
class Reading:
    """How the outputs are to be read.

    Attributes:
        graph: The rule; the input's part of it is not settled.
        classes: Without the background; None where the outputs do not tell.
        family: Whose networks are like that: "yolox", "yolo", "ultraface", "blazeface", "detr" or "".
        constants: What the network must put out besides, after its own outputs.
        why: For people.
    """

    graph: GraphSpec
    classes: int | None
    family: str
    why: str
    constants: tuple[Floats, ...] = ()


def read_outputs(
    outputs: Sequence[Output], size: tuple[int, int], rule: Rule | None = None, activation: Activation | None = None
) -> Reading:
    """Find the rule.

    Args:
        outputs: In the network's order.
        size: (height, width) of the input, pixels.
        rule: The user's word.
        activation: The user's word.

    Raises:
        DetectorError: No rule fits, or not the user's; or what it answered are no numbers.
    """
    check_numbers(outputs)
    kinds = _KINDS if rule is None else {rule: _KINDS[rule]} if rule in _KINDS else {}
    for read in kinds.values():
        found = read(outputs, size)
        if found is not None and (rule is None or found.graph.rule == rule):
            return found if activation is None else _with_activation(found, activation)
    shapes = ", ".join(f"{each.name or 'an output'} {list(each.values.shape)}" for each in outputs[:6])
    if rule is not None:
        raise DetectorError(f"The network's outputs cannot be read by the rule {rule}: {shapes[:300]}.")
    raise DetectorError(
        f"The network's outputs are not of a detector known here: {shapes[:300]}.",
        "If they fit a rule, name that.",
        Remedy("rule", "|".join(get_args(Rule))),
    )


def check_numbers(outputs: Sequence[Output]) -> None:
    """Raise ``DetectorError`` where an answer is NaN or infinite."""
    if not all(np.isfinite(each.values).all() for each in outputs):
        raise DetectorError("The network answers NaN or infinity to an image; its weights are damaged.")


def _with_activation(found: Reading, activation: Activation) -> Reading:
    return replace(found, graph=replace(found.graph, activation=activation))


# -- one table of boxes that the network chose -------------------------------------------------------------------------


def _detection_output(outputs: Sequence[Output], _size: tuple[int, int]) -> Reading | None:
    if len(outputs) != 1 or outputs[0].values.shape[-1:] != (7,) or any(s != 1 for s in outputs[0].values.shape[:-2]):
        return None
    table = outputs[0].values.reshape(-1, 7)
    found = (table[:, 0] >= 0) & (table[:, 2] != 0)  # rows that fill it up have no score
    from_nought = bool((found & (table[:, 1] == 0)).any())
    graph = GraphSpec("detection-output", background=NONE if from_nought else 0)
    return Reading(graph, None, "", "one table of image, class, score and box")


def _nms_inside(outputs: Sequence[Output], _size: tuple[int, int]) -> Reading | None:
    first = outputs[0].values
    if len(outputs) == 1:
        columns = first.shape[-1] if first.ndim in (2, 3) else 0
        if columns not in (6, 7) or first.size > columns * _SPARSE:
            return None
        start = columns - 6  # seven begin with the image's number
        graph = GraphSpec("nms-inside", unit=box_unit(first.reshape(-1, columns)[:, start : start + 4]))
        return Reading(graph, None, "yolo", "one table of boxes, scores and classes that overlap no more")
    if len(outputs) not in (3, 4):
        return None
    boxes = next((i for i, each in enumerate(outputs) if each.values.shape[-1:] == (4,) and each.values.ndim > 1), None)
    if boxes is None:
        return None
    count = outputs[boxes].values.size // 4
    lists = [i for i, each in enumerate(outputs) if i != boxes and each.values.size == count]
    scores = next((i for i in lists if "score" in outputs[i].name.lower()), None)
    classes = next((i for i in lists if i != scores and _is_whole(outputs[i].values)), None)
    if scores is None or classes is None or count > _SPARSE:
        return None
    corner = "detection_boxes" in outputs[boxes].name.lower()
    graph = GraphSpec(
        "nms-inside", boxes=boxes, scores=scores, third=classes, form="yxyx" if corner else "xyxy",
        unit=box_unit(outputs[boxes].values), first_label=1 if corner else 0,
    )  # fmt: skip
    return Reading(graph, None, "", "boxes, scores and classes that overlap no more")


def _is_whole(values: Floats) -> bool:
    return bool((values == np.rint(values)).all())


# -- one box for each place --------------------------------------------------------------------------------------------


def _grid(outputs: Sequence[Output], size: tuple[int, int]) -> Reading | None:
    values = outputs[0].values
    if len(outputs) != 1 or values.ndim != 3 or values.shape[0] != 1:
        return None
    for strides in _STRIDES:
        cells = sum((size[0] // stride) * (size[1] // stride) for stride in strides)
        for transposed in (False, True):
            count, columns = values.shape[1:] if not transposed else values.shape[:0:-1]
            if count in (cells, 3 * cells) and columns >= 5:
                table = values[0].T if transposed else values[0]
                return _grid_reading(table, size, strides, transposed, count == cells)
    return None


def _grid_reading(
    table: Floats, size: tuple[int, int], strides: tuple[int, ...], transposed: bool, single: bool
) -> Reading:
    objectness = not transposed
    relative = single and not transposed and not _follows_cells(table, size, strides)
    scores = table[:, 4:]
    graph = GraphSpec(
        "grid", form="cxcywh", unit="pixels" if relative else box_unit(table[:, :4]), objectness=objectness,
        transposed=transposed, strides=strides if relative else (), activation=_sigmoid_or_none(scores),
    )  # fmt: skip
    family = "yolox" if relative else "yolo"
    why = f"a box for each cell of grids of {', '.join(map(str, strides))} pixels"
    why += ", to be decoded there" if relative else ", decoded already"
    return Reading(graph, table.shape[1] - (5 if objectness else 4), family, why)


def _follows_cells(table: Floats, size: tuple[int, int], strides: tuple[int, ...]) -> bool:
    """Returns whether boxes lie where their cells do."""
    cells, pixels = grid_cells(size, strides)
    with np.errstate(invalid="ignore", divide="ignore"):
        return bool(np.corrcoef(table[:, 0], cells[:, 0] * pixels)[0, 1] > _FOLLOWS)


def _pair(outputs: Sequence[Output]) -> tuple[int, int] | None:
    """Numbers of the outputs with boxes and with scores: [1, N, 4 or more] and [1, N, C]."""
    shapes = [each.values.shape for each in outputs]
    if len(outputs) != 2 or any(len(shape) != 3 or shape[0] != 1 for shape in shapes) or shapes[0][1] != shapes[1][1]:
        return None
    for boxes in (0, 1):
        named = any(word in outputs[boxes].name.lower() for word in ("box", "loc", "reg"))
        if shapes[boxes][2] in (4, 16) and (named or shapes[1 - boxes][2] not in (4, 16)):
            return boxes, 1 - boxes
    return None


def _dense(outputs: Sequence[Output], size: tuple[int, int]) -> Reading | None:
    """ "ssd-decoded", "ssd-raw" or "queries"."""
    pair = _pair(outputs)
    if pair is None:
        return None
    boxes, scores = (outputs[index].values[0] for index in pair)
    count, classes = len(boxes), scores.shape[1]
    places = {"boxes": pair[0], "scores": pair[1]}
    if boxes.shape[1] == 16:
        return _blazeface(places, count, classes, size)
    probabilities = bool(((scores >= 0) & (scores <= 1)).all())
    to_one = probabilities and classes > 1 and bool((np.abs(scores.sum(axis=1) - 1) < 1e-2).all())
    if not probabilities and count <= _SPARSE and bool(((boxes >= 0) & (boxes <= 1)).all()):
        graph = GraphSpec("queries", form="cxcywh", activation="sigmoid", **places)  # type: ignore[arg-type]
        return Reading(graph, classes, "detr", f"boxes and logits of {count} queries")
    background = 0 if to_one or (not probabilities and classes > 1) else NONE
    activation: Activation = "none" if probabilities else "softmax" if classes > 1 else "sigmoid"
    without = classes - (background == 0)
    if float(np.mean((boxes[:, 2:] >= boxes[:, :2]).all(axis=1))) > 0.99:
        graph = GraphSpec(
            "ssd-decoded",
            unit=box_unit(boxes),
            background=background,
            activation=activation,
            **places,  # type: ignore[arg-type]
        )
        family = "ultraface" if classes == 2 else "ssd"
        return Reading(graph, without, family, f"{count} decoded boxes and their scores")
    try:
        defaults = default_boxes(ultraface_config(*size))
    except (DetectorError, ValueError):
        defaults = np.empty((0, 4), np.float32)
    if classes != 2 or len(defaults) != count:
        return None
    graph = GraphSpec(
        "ssd-raw", form="cxcywh", third=2, scales=(10.0, 10.0, 5.0, 5.0), background=background,
        activation=activation, **places,  # type: ignore[arg-type]
    )  # fmt: skip
    why = f"{count} encoded boxes, as many as UltraFace's default boxes for {size[1]}x{size[0]} pixels"
    return Reading(graph, 1, "ultraface", why, (defaults,))


def _blazeface(places: dict[str, int], count: int, classes: int, size: tuple[int, int]) -> Reading | None:
    anchors = blazeface_anchors(size, count)
    if anchors is None or classes != 1:
        return None
    scale = float(size[0])
    graph = GraphSpec(
        "ssd-raw",
        form="cxcywh",
        third=2,
        scales=(scale,) * 4,
        linear=True,
        activation="sigmoid",
        **places,  # type: ignore[arg-type]
    )
    return Reading(graph, 1, "blazeface", f"{count} boxes with six landmarks, as BlazeFace gives them", (anchors,))


def _sigmoid_or_none(scores: Floats) -> Activation:
    return "none" if bool(((scores >= -1e-6) & (scores <= 1 + 1e-6)).all()) else "sigmoid"


def box_unit(boxes: Floats) -> BoxUnit:
    """Returns what boxes are measured in, by how large their numbers are."""
    finite = boxes[np.isfinite(boxes)]
    return "fraction" if float(np.abs(finite).max(initial=0)) <= _FRACTION else "pixels"


_KINDS = {
    "grid": _grid,
    "detection-output": _detection_output,
    "nms-inside": _nms_inside,
    "ssd-decoded": _dense,
    "ssd-raw": _dense,
    "queries": _dense,
}
