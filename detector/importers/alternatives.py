"""What a graph would find in an image of the user's, as it was understood and with each assumption made otherwise.

A network that is fed or read wrongly still answers, but without conviction: few objects, or very many weak ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from detector.detections import DetectionFilter, Detections
from detector.errors import DetectorError
from detector.graph_spec import Activation, Fit
from detector.importers.base import Overrides
from detector.importers.graph_description import SCALES
from detector.importers.graph_import import import_graph
from detector.importers.source_file import graph_file, main_file
from detector.model_file import ModelEntry
from detector.preprocess import ImageBGR
from detector.runtime.ir import IrDetector
from detector.spec import InputSpec, ModelSpec

_WEAK, _SHOWN, _BEST = 0.05, 0.5, 20


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to understand a graph.

    Attributes:
        option: The import's option that says so; "" for the graph as it was understood.
        value: Of that option.
        objects: How many it finds with a score of 0.5 or more.
        best: The highest score; 0 where it finds nothing.
        sharpness: How decided its twenty best answers are; compares the ways for one image.
    """

    option: str
    value: str
    objects: int
    best: float
    sharpness: float


def compare_alternatives(path: Path, overrides: Overrides, image: ImageBGR) -> list[Alternative]:
    """Runs the graph in ``path`` on ``image`` in every way; the sharpest answers come first.

    Args:
        path: As for ``import_model``.
        overrides: What the user says, and is not put in question.
        image: UInt8[H, W, 3] BGR.

    Raises:
        DetectorError: It cannot be used, or is no graph.
    """
    graph = graph_file(main_file(path))
    if graph is None:
        raise DetectorError(f"{path.name} holds weights, not a graph: there is nothing to compare.")
    with TemporaryDirectory(prefix="ssdv-import-") as work:
        imported = import_graph(*graph, overrides, Path(work))
        ways = [("", "", imported.spec), *_ways(imported.spec, overrides)]
        found = [_looked(option, value, spec, imported.xml, image) for option, value, spec in ways]
    return sorted(found, key=lambda each: -each.sharpness)


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
    if overrides.scores is None and graph.rule in ("ssd-decoded", "ssd-raw", "grid", "queries"):
        for activation in get_args(Activation):
            if activation != graph.activation:
                yield "scores", activation, replace(spec, graph=replace(graph, activation=activation))


def _swapped(rule: InputSpec) -> InputSpec:
    other = "bgr" if rule.channels == "rgb" else "rgb"
    return replace(rule, channels=other, mean=rule.mean[::-1], std=rule.std[::-1])  # type: ignore[arg-type]  # as above


def _looked(option: str, value: str, spec: ModelSpec, xml: Path, image: ImageBGR) -> Alternative:
    with IrDetector(ModelEntry(spec.name, spec, xml, False), "fp32") as detector:
        found = detector.detect(image, DetectionFilter(_WEAK, spec.postprocess.iou_threshold))
    scores = found.scores
    return Alternative(
        option, value, int((scores >= _SHOWN).sum()), float(scores[0]) if len(scores) else 0.0, _sharpness(found)
    )


def _sharpness(found: Detections) -> float:
    """The best scores, each weighted by how far it is above one half."""
    return sum(score * max(0.0, 2 * score - 1) for score in map(float, found.scores[:_BEST]))
