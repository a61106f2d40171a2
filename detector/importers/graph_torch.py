"""PyTorch weights of networks that none of ours is like, as graphs: narrow MobileNet-SSDs, face detectors."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from detector.config import MOBILENET300
from detector.default_boxes import default_boxes
from detector.errors import DetectorError, Remedy
from detector.graph_spec import GraphSpec
from detector.importers.base import Overrides
from detector.importers.checks import refuse_options
from detector.importers.graph_description import XML, Habit, ImportedGraph, described_input, described_labels
from detector.importers.notes import Note
from detector.importers.read import read_checkpoint
from detector.importers.torch_graph import Kind, build_torch, class_count, default_boxes_of, kind_of
from detector.plans.tables import V1_STEM
from detector.runtime.graph_conversion import ConversionRequest, convert_graph
from detector.safetensors_file import Arrays
from detector.spec import ModelSpec, PostprocessSpec

_HABITS: dict[Kind, Habit] = {
    "mb1": Habit("rgb", "127-128"),
    "faceboxes": Habit("bgr", "caffe", iou_threshold=0.3),
    "face1mb": Habit("bgr", "caffe", iou_threshold=0.4),
}
_FROM: dict[Kind, str] = {
    "mb1": "qfgaohao/pytorch-ssd or jetson-inference",
    "faceboxes": "zisianw/FaceBoxes.PyTorch",
    "face1mb": "biubug6/Face-Detector-1MB-with-landmark, slim; its landmarks are left out",
}
_FACES_SIZE = 480, 640


def import_torch(path: Path, overrides: Overrides, work: Path) -> ImportedGraph:
    """Reads a checkpoint.

    Args:
        path: The file as it was downloaded; ``is_torch_graph`` of ``torch_graph``.
        overrides: What the user says about it.
        work: An empty folder; what is returned lies in it.

    Raises:
        DetectorError: It cannot be used, or does not fit what the user says.
    """
    refuse_options(overrides, ("rule", "scores", "first"), f"{path.name} holds weights of a known network")
    state = read_checkpoint(path)
    kind = kind_of(state)
    assert kind is not None  # the caller asked
    size, size_notes = _size(kind, overrides)
    boxes = _boxes(kind, size)
    request = ConversionRequest(path, work / XML, constants=(boxes,), build=partial(build_torch, path, kind, size))
    outputs = convert_graph(request)
    if outputs[0].values.shape[1:] != boxes.shape:
        raise DetectorError(
            f"{path.name} gives {outputs[0].values.shape[1]} boxes, not the {len(boxes)} of its network."
        )
    habit = _HABITS[kind]
    graph = GraphSpec(
        "ssd-raw", form="cxcywh", boxes=0, scores=1, third=2, scales=(10.0, 10.0, 5.0, 5.0), activation="softmax",
        background=0,
    )  # fmt: skip
    (given, graph), notes = described_input(habit, size, graph, overrides)
    classes = class_count(state, kind, path.name) - 1
    labels, label_notes = described_labels(path, classes, (), overrides)
    if kind != "mb1" and classes == 1 and overrides.labels is None:
        labels = ("face",)
        label_notes = (Note("One class, assumed to be faces, as the published one.", (Remedy("labels", "FILE"),)),)
    title = _title(kind, state)
    spec = ModelSpec(
        name=path.stem[:60] or "model", architecture="graph", labels=labels, input=given,
        postprocess=PostprocessSpec(score_floor=0.01, iou_threshold=habit.iou_threshold), title=title,
        provenance=f"{_FROM[kind]}; {path.name[:200]}", graph=graph,
    )  # fmt: skip
    about = Note(f"Recognised as {title}, by the names and shapes of its tensors.")
    return ImportedGraph(spec, request.target, (about, *size_notes, *notes, *label_notes))


def _size(kind: Kind, overrides: Overrides) -> tuple[tuple[int, int], tuple[Note, ...]]:
    """(height, width) of the input, pixels, and what was assumed of it."""
    if kind == "mb1":
        refuse_options(overrides, ("size",), "Its default boxes are those of 300 x 300 pixels")
        note = Note("Input: 300 x 300 pixels, unless the trainer was told otherwise; the file does not tell.")
        return MOBILENET300.image_size, (note,)
    if overrides.size is not None:
        return (overrides.size[1], overrides.size[0]), ()
    height, width = _FACES_SIZE
    text = f"Input: {width} x {height} pixels, assumed; it works at any size, and finds smaller faces at a larger one."
    return _FACES_SIZE, (Note(text, (Remedy("size", "WIDTHxHEIGHT"),)),)


def _boxes(kind: Kind, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    return default_boxes(MOBILENET300) if kind == "mb1" else default_boxes_of(kind, size)


def _title(kind: Kind, state: Arrays) -> str:
    if kind != "mb1":
        return {"faceboxes": "FaceBoxes", "face1mb": "face1mb, slim"}[kind]
    name = "mb1-ssd-lite" if "classification_headers.0.2.weight" in state else "mb1-ssd"
    share = state["base_net.0.0.weight"].shape[0] / V1_STEM
    last = state["base_net.13.3.weight"].shape[0]
    even = last == share * 1024
    known = {0.25: "a quarter of", 0.5: "half", 0.75: "three quarters of"}.get(share)
    return f"{name} of {known} the usual width" if even and known else f"{name} of unusual widths"
