"""A model's description: written and read back unchanged, and nothing wrong gets past the reader."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.config import tensorflow_config
from detector.errors import DetectorError
from detector.graph_spec import GraphSpec
from detector.registry import MODELS
from detector.spec import Golden, InputSpec, Int8, ModelSpec
from detector.spec_json import MAX_JSON_CHARS, spec_from_json, spec_to_json

SPEC = MODELS["ssd300-vgg16-coco"]
SHAPED = ModelSpec("x", "ssdlite-mobilenetv2-tf", ("a",), InputSpec(300, 300), tensorflow_config())
"""Its default boxes are listed shape by shape."""


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_known_model_survives_the_round_trip(name: str) -> None:
    assert spec_from_json(spec_to_json(MODELS[name])) == MODELS[name]


def test_a_spec_without_options_survives() -> None:
    spec = ModelSpec(
        "x", "graph", ("a b", "ü"), InputSpec(32, 48, "bgr"), accuracy={"AP": 0.5}, graph=GraphSpec("detection-output")
    )
    assert spec_from_json(spec_to_json(spec)) == spec


def test_the_known_models_are_those_of_the_command_line() -> None:
    assert set(MODELS) == {
        "ssd300-vgg16-coco",
        "ssd512-vgg16-coco",
        "ssd300-vgg16-voc",
        "ssd512-vgg16-voc",
        "ssdlite320-mobilenetv3-coco",
        "ultraface-rfb-320",
        "ultraface-slim-320",
        "ssd300-vgg16-coco-lufficc",
        "ssd300-vgg16-voc-amdegroot",
        "ssdlite320-mobilenetv2-voc",
        "ultraface-rfb-640",
        "ultraface-slim-640",
        "fasterrcnn-resnet50-fpn-coco",
        "fasterrcnn-mobilenetv3-320-fpn-coco",
    }
    boxes = {name: spec.config.num_boxes for name, spec in MODELS.items() if spec.config}
    assert boxes == {
        "ssd300-vgg16-coco": 8732,
        "ssd512-vgg16-coco": 24564,
        "ssd300-vgg16-voc": 8732,
        "ssd512-vgg16-voc": 24564,
        "ssdlite320-mobilenetv3-coco": 3234,
        "ultraface-rfb-320": 4420,
        "ultraface-slim-320": 4420,
        "ssd300-vgg16-coco-lufficc": 8732,
        "ssd300-vgg16-voc-amdegroot": 8732,
        "ssdlite320-mobilenetv2-voc": 3234,
        "ultraface-rfb-640": 17640,
        "ultraface-slim-640": 17640,
    }
    labels = {name: len(spec.labels) for name, spec in MODELS.items()}
    assert labels["ssd512-vgg16-coco"] == labels["ssdlite320-mobilenetv3-coco"] == 80
    assert labels["ssd300-vgg16-voc"] == 20


def _set(*path: str | int, value: Any) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        for step in path[:-1]:
            content = content[step]
        content[path[-1]] = value

    return change


def _golden(**lists: Any) -> Callable[[Any], None]:
    """The right lists but for those given."""
    right = {"boxes": [3, 5], "classes": [0, 1, 0, 1], "locs": [0.5] * 8, "log_scores": [-1.5] * 4, "weights": "ab"}
    return _set("golden", value={**right, **lists})


def _int8(**fields: Any) -> Callable[[Any], None]:
    """The right fields but for those given."""
    right = {
        "ranges": {"images": [-2.0, 2.5], "stem": [0, 6]},
        "method": "trying",
        "pictures": "photographs",
        "measured": 20,
        "compared": 10,
        "objects": 33,
        "least_score": 0.5,
        "agreement": 0.99,
        "score_difference": None,
        "golden": None,
    }
    return _set("int8", value={**right, **fields})


FAULTS: list[tuple[Callable[[Any], None], str]] = [
    (lambda c: c.pop("labels"), "labels is missing"),
    (_set("surprise", value=1), "surprise is unknown"),
    (_set("input", "surprise", value=1), "input.surprise is unknown"),
    (_set("input", "height", value=0), "input.height must be a whole number from 8"),
    (_set("input", "height", value=300.0), "input.height must be a whole number"),
    (_set("input", "height", value=True), "input.height must be a whole number"),
    (_set("input", "height", value=299), "config.image_size differs"),
    (_set("input", "std", value=[1, 0, 1]), "input.std must be a number"),
    (_set("input", "mean", value=[1, 2]), "input.mean must be a list of 3"),
    (_set("input", "smooth", value=1), "input.smooth must be true or false"),
    (_set("input", "channels", value="gray"), "input.channels must be one of rgb, bgr"),
    (_set("input", value=[]), "input must be an object"),
    (_set("architecture", value="yolo"), "architecture must be one of"),
    (_set("labels", value=[]), "labels must be at least one"),
    (_set("labels", value=["a", "a"]), "each used once"),
    (_set("labels", value=["a", " "]), "labels[1] must be 1 to 200"),
    (_set("labels", value=["a\x1b[31m"]), "control characters"),
    (_set("labels", value=[f"c{i}" for i in range(2001)]), "labels must be a list of at most 2000"),
    (_set("config", value=None), "config is missing"),
    (_set("config", "grids", value=[[1024, 1024]] * 6), "default boxes"),
    (_set("config", "grids", value=[[38, 38]]), "one entry for every level"),
    (_set("config", "grids", value=[[38]] * 6), "pairs of numbers"),
    (_set("config", "steps", 0, value=[0, 8]), "config.steps must be a number"),
    (_set("config", "max_sizes", 0, value=[60, 70]), "config.max_sizes must have"),
    (_set("config", "min_sizes", 0, value=[]), "config.max_sizes must have"),
    (_set("config", "image_size", value=[8, 8]), "config.image_size differs"),
    (_set("config", "clamp", value="some"), "config.clamp must be one of"),
    (_set("postprocess", "score_floor", value=1.5), "postprocess.score_floor"),
    (_set("postprocess", "top_k", value=0), "postprocess.top_k"),
    (_set("postprocess", "max_detections", value=10**9), "postprocess.max_detections"),
    (_set("postprocess", "clip", value=1), "postprocess.clip must be true or false"),
    (_set("width", value="wide"), "width must be a number"),
    (_set("name", value=7), "name must be text"),
    (_set("name", value=""), "name must be 1 to 100"),
    (_set("accuracy", value={"AP": "good"}), "accuracy must be a number"),
    (_set("weights", "size_bytes", value=-1), "weights.size_bytes"),
    (_set("format", value=6), "has format 6"),
    (_set("threshold", value=1.5), "threshold must be a number from 0 to 1"),
    (_set("threshold", value="low"), "threshold must be a number"),
    (_set("format", value=3), "is unknown"),
    (lambda c: c["config"].pop("shapes"), "config.shapes is missing"),
    (_set("config", "shapes", value=[[[30, 30]]] * 6), "config.min_sizes must have"),
    (_set("golden", value=[]), "golden must be an object"),
    (_golden(boxes=[], classes=[], locs=[], log_scores=[]), "do not belong together"),
    (_golden(locs=[0.0] * 7), "do not belong together"),
    (_golden(classes=[0, 1, 2]), "do not belong together"),
    (_golden(boxes=[0, -1]), "golden.boxes must be a whole number"),
    (_golden(classes=[0, 0.5, 0, 1]), "golden.classes must be a whole number"),
    (_golden(log_scores=[-1e9, 0.0, 0.0, 0.0]), "golden.log_scores must be a number"),
    (_golden(weights="a" * 65), "golden.weights must be 0 to 64"),
    (_golden(log_scores="-1"), "golden.log_scores must be a list"),
    (_int8(ranges={}), "int8.ranges must be an object of 1 to 2000"),
    (_int8(ranges={f"m{i}": [0, 1] for i in range(2001)}), "int8.ranges must be an object of 1 to 2000"),
    (_int8(ranges=[["images", 0, 1]]), "int8.ranges must be an object"),
    (_int8(ranges={"images": [0]}), "int8.ranges.images must be two numbers"),
    (_int8(ranges={"images": [0, "1"]}), "int8.ranges.images must be a number"),
    (_int8(ranges={"images": [0.5, 1]}), "int8.ranges.images must be a number"),
    (_int8(ranges={"images": [-1, -0.5]}), "int8.ranges.images must be a number"),
    (_int8(ranges={"images": [0, 0]}), "int8.ranges.images must reach"),
    (_int8(ranges={"images": [0, 1e9]}), "int8.ranges.images must be a number"),
    (_int8(ranges={" ": [0, 1]}), "int8.ranges must be 1 to 200"),
    (_int8(measured=-1), "int8.measured must be a whole number"),
    (_int8(agreement=1.5), "int8.agreement must be a number"),
    (_int8(golden={}), "golden.boxes is missing"),
    (_int8(surprise=1), "int8.surprise is unknown"),
]


SHAPE_FAULTS: list[tuple[Any, str]] = [
    (None, "must be a list"),
    ({}, "must be a list"),
    ([[[30, 30]]] * 5, "must have one entry for every level, or none"),
    ([[[30, 30]]] * 5 + [[]], "must have at least one box on every level"),
    ([[[30, 30]]] * 5 + [[[30]]], "must hold pairs of numbers"),
    ([[[30, 30]]] * 5 + [[[30, 30, 30]]], "must hold pairs of numbers"),
    ([[[30, 30]]] * 5 + [[30, 30]], "must hold pairs of numbers"),
    ([[[30, 30]]] * 5 + [[["30", 30]]], "must be a number"),
    ([[[30, 30]]] * 5 + [[[0, 30]]], "must be a number"),
    ([[[30, 30]]] * 5 + [[[-3, 30]]], "must be a number"),
    ([[[30, 30]]] * 5 + [[[30, 1e6]]], "must be a number"),
    ([[[30, 30]]] * 5 + [[[30, 30]] * 65], "must be a list of at most 64"),
]


@pytest.mark.parametrize(("shapes", "message"), SHAPE_FAULTS)
def test_shapes_of_boxes_are_checked(shapes: Any, message: str) -> None:
    content = json.loads(spec_to_json(SHAPED))
    content["config"]["shapes"] = shapes
    with pytest.raises(DetectorError) as caught:
        spec_from_json(json.dumps(content))
    assert "config.shapes" in caught.value.message
    assert message in caught.value.message


def test_shapes_survive_and_files_from_before_there_were_any_still_open() -> None:
    assert spec_from_json(spec_to_json(SHAPED)) == SHAPED
    content = json.loads(spec_to_json(SPEC))
    assert content["config"].pop("shapes") == []
    assert content.pop("threshold") is content.pop("int8") is None
    content["format"] = 3
    del content["graph"]
    assert spec_from_json(json.dumps(content)) == SPEC


def test_shapes_come_without_sizes() -> None:
    content = json.loads(spec_to_json(SHAPED))
    content["config"]["shapes"] = []
    with pytest.raises(DetectorError, match=r"config\.min_sizes"):
        spec_from_json(json.dumps(content))


def test_what_int8_needs_survives() -> None:
    content = json.loads(spec_to_json(SPEC))
    _int8()(content)
    spec = spec_from_json(json.dumps(content))
    assert spec.int8 == Int8(
        {"images": (-2.0, 2.5), "stem": (0.0, 6.0)}, "trying", "photographs", 20, 10, 33, 0.5, 0.99
    )
    assert spec_from_json(spec_to_json(spec)) == spec


def test_a_network_that_brings_its_own_has_no_ranges() -> None:
    content = json.loads(spec_to_json(ModelSpec("x", "graph", ("a",), InputSpec(32, 48), graph=GraphSpec("grid"))))
    _int8()(content)
    with pytest.raises(DetectorError, match="int8 must be empty"):
        spec_from_json(json.dumps(content))


def test_kept_answers_survive_and_files_from_before_there_were_any_still_open() -> None:
    content = json.loads(spec_to_json(SPEC))
    _golden()(content)
    spec = spec_from_json(json.dumps(content))
    assert spec.golden == Golden((3, 5), (0, 1, 0, 1), (0.5,) * 8, (-1.5,) * 4, "ab")
    assert spec_from_json(spec_to_json(spec)) == spec
    content["format"] = 2
    del content["graph"]
    del content["golden"]["weights"], content["threshold"], content["int8"], content["config"]["shapes"]
    older = spec_from_json(json.dumps(content)).golden
    assert older is not None
    assert older.weights == ""
    del content["golden"], content["input"]["smooth"]
    content["format"] = 1
    assert spec_from_json(json.dumps(content)) == SPEC


def test_a_threshold_survives_and_files_from_before_there_was_one_still_open() -> None:
    spec = replace(SPEC, threshold=0.38)
    assert spec_from_json(spec_to_json(spec)) == spec
    content = json.loads(spec_to_json(spec))
    del content["config"]["shapes"], content["int8"]
    content["format"] = 3
    del content["graph"]
    with pytest.raises(DetectorError, match="threshold is unknown"):
        spec_from_json(json.dumps(content))
    del content["threshold"]
    assert spec_from_json(json.dumps(content)) == SPEC


@pytest.mark.parametrize(("change", "message"), FAULTS)
def test_each_fault_gets_its_own_line(change: Callable[[Any], None], message: str) -> None:
    content = json.loads(spec_to_json(SPEC))
    change(content)
    with pytest.raises(DetectorError) as caught:
        spec_from_json(json.dumps(content))
    assert message in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[" * 100_000,
        '{"format": NaN}',
        '{"format": 1, "format": 1}',
        '{"format": ' + "9" * 5000 + "}",
        " " * (MAX_JSON_CHARS + 1),
    ],
)
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(DetectorError):
        spec_from_json(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=6,
)


@given(JSON, st.data())
def test_any_value_anywhere_is_read_or_refused(value: Any, data: st.DataObject) -> None:
    content = copy.deepcopy(json.loads(spec_to_json(SPEC)))
    place = content
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = value
    try:
        spec = spec_from_json(json.dumps(content))
    except DetectorError:
        return
    assert spec_from_json(spec_to_json(spec)) == spec
