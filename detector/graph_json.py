"""``GraphSpec`` from the JSON of a model's spec; every field is checked, as in ``spec_json``."""

from __future__ import annotations

from typing import Any, cast, get_args

from detector.graph_spec import NONE, Activation, BoxForm, BoxUnit, Element, Fit, GraphSpec, Layout, Rule
from detector.spec_fields import MAX_LABELS, Fields, fault, integer

MAX_OUTPUTS = 16
_MAX_STRIDE = 1024


def graph_from_fields(fields: Fields) -> GraphSpec:
    """Reads how a network is fed and read.

    Raises:
        DetectorError: A field is missing, unknown, of the wrong kind or out of range, or two do not fit.
    """
    graph = GraphSpec(
        rule=cast(Rule, fields.choice("rule", get_args(Rule))),
        layout=cast(Layout, fields.choice("layout", get_args(Layout))),
        element=cast(Element, fields.choice("element", get_args(Element))),
        fit=cast(Fit, fields.choice("fit", get_args(Fit))),
        pad=fields.integer("pad", 0, 255),
        boxes=fields.integer("boxes", 0, MAX_OUTPUTS - 1),
        scores=fields.integer("scores", NONE, MAX_OUTPUTS - 1),
        third=fields.integer("third", NONE, MAX_OUTPUTS - 1),
        form=cast(BoxForm, fields.choice("form", get_args(BoxForm))),
        unit=cast(BoxUnit, fields.choice("unit", get_args(BoxUnit))),
        activation=cast(Activation, fields.choice("activation", get_args(Activation))),
        background=fields.integer("background", NONE, MAX_LABELS),
        first_label=fields.integer("first_label", 0, MAX_LABELS),
        objectness=fields.flag("objectness"),
        transposed=fields.flag("transposed"),
        scales=cast(Any, fields.numbers("scales", 1e-3, 1e6, exactly=4)),
        linear=fields.flag("linear"),
        strides=fields.sequence("strides", 8, lambda value, where: integer(value, where, 1, _MAX_STRIDE)),
    )
    fields.done()
    if graph.rule in ("ssd-raw", "tflite-ssd") and graph.third == NONE:
        fault("graph.third", "is missing: encoded boxes need their default boxes")
    if graph.rule not in ("detection-output", "nms-inside", "grid") and graph.scores == NONE:
        fault("graph.scores", f"is missing: {graph.rule} needs it")
    if graph.rule == "nms-inside" and (graph.scores == NONE) != (graph.third == NONE):
        fault("graph.third", "must be there with scores, and not without")
    return graph
