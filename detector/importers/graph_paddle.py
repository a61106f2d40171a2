"""A Paddle model in our terms: its suppression is cut off and done by this program, its sheet of settings is read."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from detector.errors import DetectorError, Remedy
from detector.graph_spec import NONE, GraphSpec
from detector.importers.base import Overrides
from detector.importers.checks import refuse_options
from detector.importers.graph_description import (
    XML,
    Habit,
    ImportedGraph,
    described_input,
    described_labels,
    image_of,
    recognised,
    title_of,
)
from detector.importers.graph_reading import Output, box_unit, check_numbers
from detector.importers.notes import Note
from detector.importers.paddle_config import NAME, PaddleConfig, read_config
from detector.importers.paddle_file import PaddleFile, Suppression, read_paddle
from detector.runtime.graph_conversion import ConversionRequest, convert_graph
from detector.runtime.openvino_runtime import load_openvino, operations
from detector.spec import ModelSpec, PostprocessSpec

_HABIT = Habit("rgb", "imagenet", iou_threshold=0.5)
_ENDS = ("MulticlassNms", "MatrixNms")
_FACTORS, _SIZES = "scale_factor", "im_shape"
"""Inputs of PaddleDetection's exports: what boxes are divided by, and the input's own height and width."""


def import_paddle(path: Path, overrides: Overrides, work: Path) -> ImportedGraph:
    """Reads a model, with the ``infer_cfg.yml`` beside it where one lies there.

    Args:
        path: The program.
        overrides: What the user says about it.
        work: An empty folder; what is returned lies in it.

    Raises:
        DetectorError: It cannot be used, or does not fit what the user says.
    """
    file, config = read_paddle(path), read_config(path)
    odd = [name for name in file.others if name not in (_FACTORS, _SIZES)]
    if odd:
        raise DetectorError(f"{path.name} has an input {odd[0][:60]!r} besides the image.")
    size = _size(file, config, overrides, path)
    program = work / "program.pdmodel"  # the engine finds the weights by the program's name
    shutil.copyfile(path, program)
    if file.weights.is_file():
        shutil.copyfile(file.weights, program.with_suffix(".pdiparams"))
    request = ConversionRequest(path, work / XML, build=partial(build_paddle, program, file, size))
    if file.suppression is None:
        imported = recognised(request, "paddle", overrides, path, told=config.labels if config else ())
    else:
        imported = _with_suppression(file.suppression, request, config, overrides, path)
    return imported if config is None else _as_configured(imported, config, overrides)


def _size(file: PaddleFile, config: PaddleConfig | None, overrides: Overrides, path: Path) -> tuple[int, int]:
    """(height, width): the program's, else the user's, else that of the settings beside it."""
    if file.sides is not None:
        if overrides.size is not None and overrides.size[::-1] != file.sides:
            raise DetectorError(
                f"{path.name} takes images of {file.sides[1]} x {file.sides[0]} pixels; no other size can be chosen.",
                "Leave the size to it.",
                Remedy("size", omit=True),
            )
        return file.sides
    told = config.size if config is not None else None
    size = (overrides.size[1], overrides.size[0]) if overrides.size is not None else told
    if size is None:
        raise DetectorError(
            f"{path.name} takes images of any size, and does not say which it was trained with.",
            f"Say the size, or put its {NAME} beside it.",
            Remedy("size", "WIDTHxHEIGHT"),
        )
    return size


def build_paddle(program: Path, file: PaddleFile, size: tuple[int, int]) -> Any:
    """Returns the network as an ``openvino.Model``: one image to boxes in pixels of the input, and scores [1, N, C].

    Without a suppression its outputs stay as they are.

    Args:
        program: Checked; its weights lie beside it.
        file: What it says about itself.
        size: (height, width) of its input, pixels.

    Raises:
        DetectorError: Its end is not as ``file`` says.
        RuntimeError: OpenVINO cannot read it.
    """
    openvino, ops = load_openvino(), operations()
    model = openvino.Core().read_model(str(program))
    ports = {name: model.input(name) for name in (file.image, *file.others)}
    shapes = {port: openvino.PartialShape([1, 2]) for name, port in ports.items() if name != file.image}
    model.reshape({ports[file.image]: openvino.PartialShape([1, 3, *size]), **shapes})
    for name, values in ((_FACTORS, (1, 1)), (_SIZES, size)):
        if name in ports:
            ports[name].replace(ops.constant(np.array([values], np.float32)).output(0))
            model.remove_parameter(ports[name].get_node())
    if file.suppression is None:
        return model
    ends = [each for each in model.get_ordered_ops() if each.get_type_name() in _ENDS]
    if len(ends) != 1 or ends[0].get_input_size() != 2:
        raise DetectorError("The network's suppression is of a kind that is not known here.")
    boxes, scores = ends[0].input_value(0), ends[0].input_value(1)
    results = (("boxes", boxes), ("scores", ops.transpose(scores, np.array([0, 2, 1])).output(0)))
    for name, port in results:
        port.set_names({name})
    return openvino.Model([ops.result(port) for _, port in results], model.get_parameters())


def _with_suppression(
    end: Suppression, request: ConversionRequest, config: PaddleConfig | None, overrides: Overrides, path: Path
) -> ImportedGraph:
    """A network whose suppression was cut off, and is done by ours with its limit."""
    refuse_options(overrides, ("rule", "scores", "first"), f"{path.name} says how its outputs are read")
    outputs = [Output(each.name, each.values) for each in convert_graph(request)]
    check_numbers(outputs)
    height, width, layout, element = image_of(request.target)
    classes = outputs[1].values.shape[-1]
    background = end.background if end.background < classes else NONE
    graph = GraphSpec(
        "ssd-decoded", layout=layout, element=element, scores=1, unit=box_unit(outputs[0].values), background=background
    )
    habit = _HABIT if end.limit is None else replace(_HABIT, iou_threshold=round(end.limit, 6))
    (given, graph), notes = described_input(habit, (height, width), graph, overrides)
    told = config.labels if config is not None else ()
    labels, label_notes = described_labels(path, classes - (background != NONE), told, overrides)
    if told and labels == told:
        label_notes = (Note(f"Class names: from {NAME} beside the file.", (Remedy("labels", "FILE"),)),)
    text = f"Recognised as a Paddle detector of {outputs[0].values.shape[1]} boxes; this program suppresses overlaps"
    text += "." if end.limit is not None else ", where the file lowers their scores instead."
    spec = ModelSpec(
        name=path.stem[:60] or "model", architecture="graph", labels=labels, input=given,
        postprocess=PostprocessSpec(score_floor=0.01, iou_threshold=habit.iou_threshold),
        title=title_of(path, "paddle"), provenance=f"Paddle {path.name[:200]}", graph=graph,
    )  # fmt: skip
    return ImportedGraph(spec, request.target, (Note(text), *notes, *label_notes))


def _as_configured(imported: ImportedGraph, config: PaddleConfig, overrides: Overrides) -> ImportedGraph:
    """With images prepared as the settings beside the program say, unless the user says otherwise."""
    spec, notes, graph = imported.spec, imported.notes, imported.spec.graph
    assert graph is not None  # described just so
    if config.scale is not None and overrides.scale is None:
        mean, std = config.scale
        if spec.input.channels == "bgr":
            mean, std = mean[::-1], std[::-1]
        spec = replace(spec, input=replace(spec.input, mean=mean, std=std))
        notes = _without(notes, "scale")
    if config.fit is not None and overrides.fit is None:
        spec = replace(spec, graph=replace(graph, fit=config.fit, pad=0))
        notes = _without(notes, "fit")
    return replace(imported, spec=spec, notes=(*notes, Note(f"Images: prepared as {NAME} beside the file says.")))


def _without(notes: tuple[Note, ...], option: str) -> tuple[Note, ...]:
    return tuple(note for note in notes if all(remedy.option != option for remedy in note.remedies))
