"""``ModelSpec`` to JSON and back. No torch.

A spec is read from files people hand around, so nothing in it is trusted: every field is checked for kind and range
before anything is built or allocated from it, and the first fault becomes one ``DetectorError`` line.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, NoReturn, cast, get_args

from detector.config import Clamp, SSDConfig
from detector.errors import DetectorError
from detector.graph_json import graph_from_fields
from detector.graph_spec import GraphSpec
from detector.plans.architectures import ARCHITECTURES, OwnGraph, SingleStage, TwoStage
from detector.spec import (
    Architecture,
    Golden,
    InputSpec,
    Int8,
    ModelSpec,
    PostprocessSpec,
    WeightsFile,
)
from detector.spec_fields import MAX_LABELS, Fields, fault, integer, number

FORMAT = 5
"""Raised when a field is added or changes its meaning; a file of a higher format is refused, not guessed at. Format 1
had neither ``golden`` nor ``input.smooth``, format 2 no ``golden.weights``, format 3 none of ``config.shapes``,
``threshold`` and ``int8``, format 4 no ``graph``: until then networks of a file's own were "openvino-ir"."""

_FORMER_GRAPH = "openvino-ir"
MAX_JSON_CHARS = 1_000_000
MAX_DEFAULT_BOXES = 200_000  # eight times SSD512's
MAX_INPUT_SIDE = 4096


def spec_to_json(spec: ModelSpec) -> str:
    """``spec`` as one JSON object, stable under reading and writing again."""
    return json.dumps({"format": FORMAT, **dataclasses.asdict(spec)}, ensure_ascii=False, sort_keys=True)


def spec_from_json(text: str) -> ModelSpec:
    """Read a spec.

    Raises:
        DetectorError: It is not a spec, or a field is missing, unknown, of the wrong kind or out of range.
    """
    fields = Fields(_parse(text), "")
    version = fields.integer("format", 1, 1_000_000)
    if version > FORMAT:
        raise DetectorError(f"The model's description has format {version}.", "A newer ssd-viewer made it: update.")
    name = fields.text("name", 100, empty=False)
    architecture = fields.choice("architecture", (*ARCHITECTURES, _FORMER_GRAPH) if version < 5 else (*ARCHITECTURES,))
    spec = ModelSpec(
        name=name,
        architecture=cast(Architecture, "graph" if architecture == _FORMER_GRAPH else architecture),
        labels=fields.labels("labels"),
        input=_input(fields.object("input"), version),
        config=fields.optional("config", lambda config: _config(config, version)),
        postprocess=_postprocess(fields.object("postprocess")),
        width=fields.number("width", 0.01, 4.0),
        title=fields.text("title", 300),
        demo=fields.flag("demo"),
        licence=fields.text("licence", 2000),
        provenance=fields.text("provenance", 100_000),
        accuracy=fields.numbers_by_name("accuracy"),
        weights=fields.optional("weights", _weights),
        golden=fields.optional("golden", lambda golden: _golden(golden, version)) if version > 1 else None,
        threshold=fields.number_or_none("threshold", 0.0, 1.0) if version > 3 else None,
        int8=fields.optional("int8", lambda int8: _int8(int8, version)) if version > 3 else None,
        graph=fields.optional("graph", graph_from_fields) if version > 4 else _former_graph(architecture),
    )
    fields.done()
    _check_whole(spec)
    return spec


def _check_whole(spec: ModelSpec) -> None:
    """Faults that only show between fields."""
    row = ARCHITECTURES[spec.architecture]
    if isinstance(row, OwnGraph) != (spec.graph is not None):
        fault("graph", "must be there for a network that its file brings along, and for no other")
    if not isinstance(row, SingleStage):
        if spec.int8 is not None:
            fault("int8", "must be empty: this architecture brings its own network")
        if isinstance(row, TwoStage) and spec.config is not None:
            fault("config", "must be empty: this architecture has no default boxes")
        return
    if spec.config is None:
        fault("config", "is missing: this architecture needs its default boxes")
    if spec.config.image_size != (spec.input.height, spec.input.width):
        fault("config.image_size", "differs from the input's size")
    if row.grids(spec.config.image_size) is None:
        height, width = spec.config.image_size
        fault("config.image_size", f"is {width} x {height}, which {spec.architecture} cannot be built for")


def _former_graph(architecture: str) -> GraphSpec | None:
    """Returns how every network in OpenVINO's format was read before specs said so."""
    return GraphSpec("detection-output", background=0) if architecture == _FORMER_GRAPH else None


def _parse(text: str) -> Any:
    if len(text) > MAX_JSON_CHARS:
        raise DetectorError(f"The model's description is longer than {MAX_JSON_CHARS} characters.")
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DetectorError("The model's description is not valid JSON.") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key appears twice")
    return result


def _input(fields: Fields, version: int) -> InputSpec:
    result = InputSpec(
        height=fields.integer("height", 8, MAX_INPUT_SIDE),
        width=fields.integer("width", 8, MAX_INPUT_SIDE),
        channels=cast(Any, fields.choice("channels", ("rgb", "bgr"))),
        mean=cast(Any, fields.numbers("mean", -1e4, 1e4, exactly=3)),
        std=cast(Any, fields.numbers("std", 1e-6, 1e6, exactly=3)),
        smooth=version > 1 and fields.flag("smooth"),
    )
    fields.done()
    return result


def _postprocess(fields: Fields) -> PostprocessSpec:
    result = PostprocessSpec(
        score_floor=fields.number("score_floor", 0.0, 1.0),
        iou_threshold=fields.number("iou_threshold", 0.0, 1.0),
        top_k=fields.integer("top_k", 1, 10_000),
        max_detections=fields.integer("max_detections", 1, 10_000),
        clip=fields.flag("clip"),
        max_log_size=fields.number_or_none("max_log_size", 0.0, 80.0),
    )
    fields.done()
    return result


def _weights(fields: Fields) -> WeightsFile:
    result = WeightsFile(
        url=fields.text("url", 2000),
        sha256=fields.text("sha256", 64),
        size_bytes=fields.integer("size_bytes", 0, 2**40),
    )
    fields.done()
    return result


def _golden(fields: Fields, version: int) -> Golden:
    golden = Golden(
        boxes=fields.sequence("boxes", 1000, lambda value, where: integer(value, where, 0, 10**9)),
        classes=fields.sequence("classes", 10_000, lambda value, where: integer(value, where, 0, MAX_LABELS)),
        locs=fields.sequence("locs", 4000, lambda value, where: number(value, where, -1e9, 1e9)),
        log_scores=fields.sequence("log_scores", 10_000, lambda value, where: number(value, where, -1e3, 1e-3)),
        weights=fields.text("weights", 64) if version > 2 else "",
    )
    fields.done()
    count = len(golden.boxes)
    whole = len(golden.locs) == 4 * count and len(golden.classes) == len(golden.log_scores) > 0
    if not count or not whole or len(golden.classes) % count:
        fault("golden", "has lists that do not belong together")
    return golden


def _int8(fields: Fields, version: int) -> Int8:
    result = Int8(
        ranges=fields.ranges_by_name("ranges"),
        method=fields.text("method", 200),
        pictures=fields.text("pictures", 300),
        measured=fields.integer("measured", 0, 10**9),
        compared=fields.integer("compared", 0, 10**9),
        objects=fields.integer("objects", 0, 10**9),
        least_score=fields.number("least_score", 0.0, 1.0),
        agreement=fields.number_or_none("agreement", 0.0, 1.0),
        score_difference=fields.number_or_none("score_difference", 0.0, 1.0),
        golden=fields.optional("golden", lambda golden: _golden(golden, version)),
    )
    fields.done()
    return result


def _config(fields: Fields, version: int) -> SSDConfig:
    size = fields.pairs("image_size", lambda value, where: integer(value, where, 8, MAX_INPUT_SIDE), single=True)
    grids = fields.pairs("grids", lambda value, where: integer(value, where, 1, 1024))
    levels = len(grids)
    shapes = fields.shapes("shapes", levels) if version > 3 else ()
    sizes = 0 if shapes else levels
    config = SSDConfig(
        image_size=size[0],
        grids=grids,
        steps=fields.pairs("steps", lambda value, where: number(value, where, 0.1, MAX_INPUT_SIDE), count=levels),
        min_sizes=fields.levels("min_sizes", sizes),
        max_sizes=fields.levels("max_sizes", sizes),
        aspect_ratios=fields.levels("aspect_ratios", sizes),
        clamp=cast(Clamp, fields.choice("clamp", get_args(Clamp))),
        variances=cast(Any, fields.numbers("variances", 1e-6, 100.0, exactly=4)),
        shapes=shapes,
    )
    fields.done()
    for mins, maxs in zip(config.min_sizes, config.max_sizes, strict=True):
        if not mins or len(maxs) not in (0, len(mins)):
            fault("config.max_sizes", "must have, per level, none or one for every min size")
    if config.num_boxes > MAX_DEFAULT_BOXES:
        fault("config", f"asks for {config.num_boxes} default boxes, more than {MAX_DEFAULT_BOXES}")
    return config
