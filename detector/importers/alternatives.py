"""What a file would find in an image of the user's, as it was understood and with each assumption made otherwise.

A network that is fed or read wrongly still answers, but without conviction: few objects, or very many weak ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from detector.detections import DetectionFilter, Detections
from detector.errors import DetectorError, ExplainedError
from detector.graph_spec import Activation, Fit, Rule
from detector.importers.base import Imported, Overrides
from detector.importers.graph_description import SCALES, ImportedGraph
from detector.importers.graph_import import import_graph
from detector.importers.notes import Note
from detector.importers.source_file import GraphKind, graph_file, main_file
from detector.model_file import ModelEntry
from detector.preprocess import ImageBGR
from detector.runtime.ir import IrDetector
from detector.runtime.open import open_detector
from detector.spec import InputSpec, ModelSpec

SHOWN = 0.5
"""Answers with at least this score are objects."""
_WEAK, _BEST = 0.05, 20
_CERTAIN = 1.001  # what is more is no probability
_OTHER_RULES: dict[Rule, tuple[Rule, ...]] = {
    "detection-output": ("nms-inside",),
    "nms-inside": ("detection-output",),
    "ssd-decoded": ("queries",),
    "queries": ("ssd-decoded",),
}
"""Rules for outputs of the same shapes; others do not fit, and need not be tried."""
_OF_WEIGHTS = ("channels", "priors", "size")
_SIZES = ("320x240", "640x480")
"""Of networks whose weights fit any: the published ones."""
_GRAPH_SIZES = ("300x300", "320x320", "416x416", "512x512", "640x640", *_SIZES)
"""Of graphs that leave theirs open: those that SSD, SSDLite, YOLO, DETR and UltraFace are published in."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to understand a file.

    Attributes:
        option: The import's option that says so; "" for the file as it was understood.
        value: Of that option.
        objects: How many it finds with a score of ``SHOWN`` or more.
        best: The highest score; 0 where it finds nothing.
        sharpness: How decided its twenty best answers are; compares the ways for one image.
    """

    option: str
    value: str
    objects: int
    best: float
    sharpness: float


@dataclass(frozen=True, slots=True, eq=False)
class ImportLook:
    """What a file finds in an image in one way.

    Attributes:
        way: The way, in figures.
        spec: The model as it would be imported.
        found: Weak answers, too.
    """

    way: Alternative
    spec: ModelSpec
    found: Detections


def compare_alternatives(path: Path, overrides: Overrides, image: ImageBGR) -> list[Alternative]:
    """Runs the model in ``path`` on ``image`` in every way; the sharpest answers come first.

    Args:
        path: As for ``import_model``.
        overrides: What the user says, and is not put in question.
        image: UInt8[H, W, 3] BGR.

    Raises:
        DetectorError: It cannot be used.
    """
    return sorted((look.way for look in looks(path, overrides, image)), key=lambda way: -way.sharpness)


def looks(path: Path, overrides: Overrides, image: ImageBGR) -> Iterator[ImportLook]:
    """Runs the model in ``path`` on ``image`` as it is understood, then in every other way, one after the other.

    Of files that do not tell the size of their images there are only the ways to say it.

    Args:
        path: As for ``import_model``.
        overrides: What the user says, and is not put in question.
        image: UInt8[H, W, 3] BGR.

    Raises:
        DetectorError: It cannot be used.
    """
    graph = graph_file(main_file(path))
    with TemporaryDirectory(prefix="ssdv-import-") as work:
        if graph is not None:
            yield from _graph_looks(*graph, overrides, image, Path(work))
        else:
            yield from _weights_looks(path, overrides, image, Path(work))


def said(overrides: Overrides, option: str, value: str) -> Overrides:
    """``overrides`` where the user also says ``value`` for ``option``, as it stands in ``Alternative``."""
    given: Any = value
    if option == "size":
        width, _, height = value.partition("x")
        given = int(width), int(height)
    return replace(overrides, **{option: given})


# -- networks with their own graph -------------------------------------------------------------------------------------


def _graph_looks(
    path: Path, kind: GraphKind, overrides: Overrides, image: ImageBGR, work: Path
) -> Iterator[ImportLook]:
    try:
        imported = _import(path, kind, overrides, work / "as-assumed")
    except DetectorError as error:
        if not asks_for_size(error):
            raise
        yield from _sizes(path, kind, overrides, image, work, error)
        return
    left_open = {remedy.option for note in imported.notes for remedy in note.remedies}
    for option, value, spec in (("", "", imported.spec), *_ways(imported.spec, overrides)):
        if option != "scores" or "rule" in left_open:  # else the whole network is known
            look = _look_by_graph(option, value, spec, imported.xml, image)
            if option != "scores" or look.way.best <= _CERTAIN:
                yield look
    if "size" in left_open:
        given = imported.spec.input
        yield from _sizes(path, kind, overrides, image, work, without=(given.width, given.height))
    assert imported.spec.graph is not None
    if overrides.rule is None:
        for rule in _OTHER_RULES.get(imported.spec.graph.rule, ()):
            with suppress(DetectorError):  # it does not fit, or the file says its rule itself
                other = _import(path, kind, replace(overrides, rule=rule), work / rule)
                yield _look_by_graph("rule", rule, other.spec, other.xml, image)


def _sizes(
    path: Path,
    kind: GraphKind,
    overrides: Overrides,
    image: ImageBGR,
    work: Path,
    question: DetectorError | None = None,
    without: tuple[int, int] = (0, 0),
) -> Iterator[ImportLook]:
    """A graph that works at many sizes, at each of the usual ones that it works at.

    Args:
        path: The graph.
        kind: Its format.
        overrides: What the user says.
        image: UInt8[H, W, 3] BGR.
        work: Folder for what it becomes.
        question: By which the file asks for its size, raised if it works at none.
        without: (width, height) that was seen already.
    """
    seen, others = {without}, []
    for size in _GRAPH_SIZES:
        try:
            imported = _import(path, kind, said(overrides, "size", size), work / size)
        except DetectorError as error:  # its layers do not fit together at that size, or the file lacks more
            others.append(error)
            continue
        given = imported.spec.input
        if (given.width, given.height) not in seen:  # a side that is not open stays as it is
            seen.add((given.width, given.height))
            yield _look_by_graph("size", f"{given.width}x{given.height}", imported.spec, imported.xml, image)
    if question is not None and len(others) == len(_GRAPH_SIZES):
        raise next((error for error in others if error.remedies), question)


def _import(path: Path, kind: GraphKind, overrides: Overrides, work: Path) -> ImportedGraph:
    work.mkdir()
    return import_graph(path, kind, overrides, work)


def _ways(spec: ModelSpec, overrides: Overrides) -> Iterator[tuple[str, str, ModelSpec]]:
    """The option, its value, and the description for each single assumption made otherwise."""
    rule, graph = spec.input, spec.graph
    assert graph is not None  # ``import_graph`` describes nothing else
    if overrides.channels is None:
        yield "channels", "bgr" if rule.channels == "rgb" else "rgb", replace(spec, input=_swapped(rule))
    if overrides.scale is None and graph.element in ("f32", "f16"):
        for name, (mean, std) in SCALES.items():
            if rule.channels == "bgr":
                mean, std = mean[::-1], std[::-1]
            if (mean, std) != (rule.mean, rule.std):
                yield "scale", name, replace(spec, input=replace(rule, mean=mean, std=std))
    if overrides.fit is None:
        for fit in get_args(Fit):
            if fit != graph.fit:
                yield "fit", fit, replace(spec, graph=replace(graph, fit=fit))
    if overrides.scores is None and has_scores_to_read(spec):
        for activation in get_args(Activation):
            if activation != graph.activation:
                yield "scores", activation, replace(spec, graph=replace(graph, activation=activation))


def has_scores_to_read(spec: ModelSpec) -> bool:
    """Returns whether the model's file leaves open what makes probabilities of its scores."""
    return spec.graph is not None and spec.graph.rule in ("ssd-decoded", "ssd-raw", "grid", "queries")


def _swapped(rule: InputSpec) -> InputSpec:
    other = "bgr" if rule.channels == "rgb" else "rgb"
    return replace(rule, channels=other, mean=rule.mean[::-1], std=rule.std[::-1])  # type: ignore[arg-type]  # as above


def _look_by_graph(option: str, value: str, spec: ModelSpec, xml: Path, image: ImageBGR) -> ImportLook:
    with IrDetector(ModelEntry(spec.name, spec, xml, False), "fp32") as detector:
        found = detector.detect(image, DetectionFilter(_WEAK, spec.postprocess.iou_threshold))
    return _in_figures(option, value, spec, found)


# -- weights -----------------------------------------------------------------------------------------------------------


def _weights_looks(path: Path, overrides: Overrides, image: ImageBGR, work: Path) -> Iterator[ImportLook]:
    from detector.importers.conversion import convert_weights

    ways: Iterable[tuple[str, str]]
    try:
        imported = convert_weights(path, overrides)
    except DetectorError as error:
        if not asks_for_size(error):
            raise
        ways = (("size", size) for size in _SIZES)
    else:
        yield _look_by_weights("", "", imported, work, image)
        ways = _otherwise(imported.notes)
    for option, value in ways:
        with suppress(DetectorError):  # with that, it is not understood
            other = convert_weights(path, said(overrides, option, value))
            yield _look_by_weights(option, value, other, work, image)


def asks_for_size(error: ExplainedError) -> bool:
    """Returns whether a file is refused only because it does not tell the size of its images."""
    return any(remedy.option == "size" and not remedy.omit for remedy in error.remedies)


def _otherwise(notes: tuple[Note, ...]) -> Iterator[tuple[str, str]]:
    """Yields option and value of everything that the notes on assumptions offer instead."""
    for note in notes:
        for remedy in note.remedies:
            if remedy.option in _OF_WEIGHTS and remedy.value and not remedy.omit:
                yield remedy.option, remedy.value


def _look_by_weights(option: str, value: str, imported: Imported, work: Path, image: ImageBGR) -> ImportLook:
    from detector.weights import save_model

    file = work / "model.safetensors"
    save_model(file, imported.spec, imported.tensors)
    entry = ModelEntry(imported.spec.name, imported.spec, file, False)
    with open_detector(entry, "cpu", "fp32") as detector:
        found = detector.detect(image, DetectionFilter(_WEAK, imported.spec.postprocess.iou_threshold))
    file.unlink()
    return _in_figures(option, value, imported.spec, found)


# -- in figures --------------------------------------------------------------------------------------------------------


def _in_figures(option: str, value: str, spec: ModelSpec, found: Detections) -> ImportLook:
    scores = found.scores
    best = float(scores[0]) if len(scores) else 0.0
    return ImportLook(Alternative(option, value, int((scores >= SHOWN).sum()), best, _sharpness(found)), spec, found)


def _sharpness(found: Detections) -> float:
    """The best scores, each weighted by how far it is above one half."""
    return sum(score * max(0.0, 2 * score - 1) for score in map(float, found.scores[:_BEST]))
