"""Every rule by which a network's outputs are read: found by what they look like, and decoded as it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from detector.detections import Candidates
from detector.errors import DetectorError
from detector.graph_input import GraphInput, Placement
from detector.graph_output import read_candidates
from detector.graph_spec import GraphSpec
from detector.importers.graph_reading import Output, Reading, read_outputs
from detector.spec import InputSpec, ModelSpec, PostprocessSpec

SIZE = 64, 96  # height, width of the input
FRAME = 128, 192  # twice as large, of the same shape
CELLS = 8 * 12 + 4 * 6 + 2 * 3
RANDOM = np.random.default_rng(7)
Floats = npt.NDArray[np.float32]


def _reading(*outputs: tuple[str, Any], **said: Any) -> Reading:
    return read_outputs([Output(name, np.asarray(values, np.float32)) for name, values in outputs], SIZE, **said)


def _read(graph: GraphSpec, classes: int, *outputs: Any, frame: tuple[int, int] = FRAME) -> Candidates:
    spec = ModelSpec("x", "graph", tuple(f"c{i}" for i in range(classes)), InputSpec(*SIZE), graph=graph)
    rule = PostprocessSpec(score_floor=0.05, iou_threshold=0.5)
    return read_candidates(spec, [np.asarray(each, np.float32) for each in outputs], rule, frame)


def _one(found: Candidates) -> tuple[int, float, list[float]]:
    assert len(found) == 1
    return int(found.class_ids[0]), round(float(found.scores[0]), 3), [round(float(v), 2) for v in found.boxes_xyxy[0]]


@pytest.mark.parametrize(("background", "label"), [(0, 1), (1, 1), (2, None), (3, 2), (-1, 2)])
def test_any_class_of_a_table_may_be_the_background(background: int, label: int | None) -> None:
    rows = [[0, 2, 0.9, 0.25, 0.5, 0.5, 1.0], [-1, 0, 0.9, 0, 0, 1, 1]]
    found = _read(GraphSpec("detection-output", background=background), 3, [[rows]])
    if label is None:
        assert len(found) == 0
    else:
        assert _one(found) == (label, 0.9, [48, 64, 96, 128])


def test_a_table_of_seven_columns_needs_its_classes_named() -> None:
    found = _reading(("", np.zeros((1, 1, 5, 7))))
    assert (found.graph.rule, found.classes) == ("detection-output", None)


def _cells_decoded() -> Floats:
    """Float32[CELLS, 4], cxcywh in pixels, each box in the middle of its cell."""
    boxes = [
        ((x + 0.5) * stride, (y + 0.5) * stride, stride, stride)
        for stride in (8, 16, 32)
        for y in range(SIZE[0] // stride)
        for x in range(SIZE[1] // stride)
    ]
    return np.array(boxes, np.float32)


def test_yolox_is_decoded_on_its_grids() -> None:
    table = np.zeros((1, CELLS, 7), np.float32)
    table[0, :, :2] = RANDOM.uniform(-0.5, 0.5, (CELLS, 2))
    at = 8 * 12 + 6 + 2  # second grid, row 1, column 2
    table[0, at] = (0.5, 0.25, np.log(2), np.log(1), 0.8, 0.02, 0.5)
    found = _reading(("output", table))
    assert (found.graph.rule, found.classes, found.family) == ("grid", 2, "yolox")
    assert found.graph.strides == (8, 16, 32)
    # centre (2.5, 1.25) * 16 = (40, 20), 32 x 16 pixels of the input; the frame is twice as large
    assert _one(_read(found.graph, 2, table)) == (1, 0.4, [48, 24, 112, 56])


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("fractions", [False, True])
def test_yolo_exports_are_decoded_already(transposed: bool, fractions: bool) -> None:
    boxes, extra = _cells_decoded(), 0 if transposed else 1
    if fractions:
        boxes = boxes / np.array([SIZE[1], SIZE[0]] * 2, np.float32)
    table = np.concatenate([boxes, np.zeros((CELLS, extra + 3), np.float32)], axis=1)
    table[5, 4:] = (0.1, 0.2, 0.7) if transposed else (0.5, 0.02, 0.04, 0.9)
    values = table.T[None] if transposed else table[None]
    found = _reading(("output0", values))
    assert (found.graph.rule, found.classes, found.family) == ("grid", 3, "yolo")
    assert found.graph.strides == ()
    assert found.graph.unit == ("fraction" if fractions else "pixels")
    result = _read(found.graph, 3, values)
    best = (int(result.class_ids[0]), round(float(result.scores[0]), 2), result.boxes_xyxy[0].tolist())
    assert best == (2, 0.7 if transposed else 0.45, [80, 0, 96, 16])


def _pair(count: int) -> tuple[Floats, Floats]:
    """Corners in fractions, all of a hundredth, and probabilities of background and two classes."""
    boxes = np.tile(np.array([0, 0, 0.01, 0.01], np.float32), (count, 1))
    boxes[1] = (0.25, 0.5, 0.5, 1.0)
    scores = np.tile(np.array([1, 0, 0], np.float32), (count, 1))
    scores[1] = (0.2, 0.1, 0.7)
    return boxes[None], scores[None]


def test_decoded_boxes_and_probabilities() -> None:
    boxes, scores = _pair(3000)
    for order in (1, -1):
        found = _reading(*(("scores", scores), ("boxes", boxes))[::order])
        assert (found.graph.rule, found.classes, found.graph.background) == ("ssd-decoded", 2, 0)
        assert _read(found.graph, 2, *(scores, boxes)[::order]).class_ids.tolist() == [1, 0]
    pixels = boxes * np.array([SIZE[1], SIZE[0]] * 2, np.float32)
    found = _reading(("scores", scores), ("boxes", pixels))
    assert found.graph.unit == "pixels"
    assert _read(found.graph, 2, scores, pixels).boxes_xyxy[0].tolist() == [48, 64, 96, 128]


def test_logits_are_softmaxed_and_the_users_word_counts() -> None:
    boxes, scores = _pair(3000)
    logits = np.log(scores + 1e-6)
    found = _reading(("scores", logits), ("boxes", boxes))
    assert found.graph.activation == "softmax"
    assert float(_read(found.graph, 2, logits, boxes).scores[0]) == pytest.approx(0.7, abs=1e-3)
    said = _reading(("scores", logits), ("boxes", boxes), activation="sigmoid")
    assert said.graph.activation == "sigmoid"


def test_queries_are_not_suppressed() -> None:
    boxes = np.tile(np.array([0.5, 0.5, 0.2, 0.4], np.float32), (1, 100, 1))
    logits = np.full((1, 100, 3), -6, np.float32)
    logits[0, :2, 1] = 2.0
    found = _reading(("pred_logits", logits), ("pred_boxes", boxes))
    assert (found.graph.rule, found.classes) == ("queries", 3)
    result = _read(found.graph, 3, logits, boxes)
    assert result.kept is not None
    assert result.kept.tolist() == [True, True]
    assert [round(v, 2) for v in result.boxes_xyxy[0].tolist()] == [76.8, 38.4, 115.2, 89.6]


def test_what_the_network_suppressed_itself_is_taken_as_it_is() -> None:
    rows = np.zeros((1, 300, 6), np.float32)
    rows[0, 0] = (24, 32, 48, 64, 0.8, 1)
    found = _reading(("output0", rows))
    assert (found.graph.rule, found.classes) == ("nms-inside", None)
    assert _one(_read(found.graph, 2, rows)) == (1, 0.8, [48, 64, 96, 128])
    seven = [[0, 24, 32, 48, 64, 1, 0.8]]
    said = _reading(("output", seven), rule="nms-inside")
    assert _one(_read(said.graph, 2, seven)) == (1, 0.8, [48, 64, 96, 128])
    boxes, scores, labels = rows[:, :, :4] / np.float32(100), rows[:, :, 4], np.full((1, 300), 2, np.float32)
    found = _reading(
        ("detection_boxes", boxes), ("detection_classes", labels), ("detection_scores", scores), ("num", [300])
    )
    assert (found.graph.form, found.graph.scores, found.graph.third, found.graph.first_label) == ("yxyx", 2, 1, 1)
    result = _read(found.graph, 2, boxes, labels, scores, [300])
    assert _one(result)[:2] == (1, 0.8)
    assert result.boxes_xyxy[0].tolist() == pytest.approx([0.32 * 192, 0.24 * 128, 0.64 * 192, 0.48 * 128])


def test_encoded_boxes_are_solved_for_their_default_boxes() -> None:
    defaults = np.array([[0.5, 0.25, 0.5, 0.5]], np.float32)
    encoded = {"cxcywh": [1.0, -2.0, np.log(2) * 5, 0.0], "cycxhw": [-2.0, 1.0, 0.0, np.log(2) * 5]}
    for form, values in encoded.items():
        graph = GraphSpec("ssd-raw", scores=1, third=2, form=form, scales=(10, 10, 5, 5))  # type: ignore[arg-type]
        found = _one(_read(graph, 1, [[values]], [[[0.6]]], defaults))
        # centre (.55, .15), size (1, .5) as fractions
        assert found == (0, 0.6, [9.6, -12.8, 201.6, 51.2])


def test_the_published_default_boxes_of_ultraface_and_blazeface_are_known() -> None:
    from detector.config import ultraface_config

    count = ultraface_config(240, 320).num_boxes
    scores = np.tile(np.array([0.9, 0.1], np.float32), (1, count, 1))
    boxes = RANDOM.normal(0, 1, (1, count, 4)).astype(np.float32)
    found = read_outputs([Output("a", boxes), Output("b", scores)], (240, 320))
    assert (found.graph.rule, found.family, found.constants[0].shape) == ("ssd-raw", "ultraface", (count, 4))
    landmarks, logits = np.zeros((1, 896, 16), np.float32), np.zeros((1, 896, 1), np.float32)
    found = read_outputs([Output("regressors", landmarks), Output("classificators", logits)], (128, 128))
    assert found.family == "blazeface"
    assert found.constants[0][:3].tolist() == [[0.03125, 0.03125, 1, 1]] * 2 + [[0.09375, 0.03125, 1, 1]]


@pytest.mark.parametrize("shapes", [[(1, 5, 4)], [(1, 10, 4), (1, 9, 3)], [(1, 5000, 4), (1, 5000, 7)], [(3,)], [()]])
def test_what_no_rule_fits_is_named_with_its_shapes(shapes: list[tuple[int, ...]]) -> None:
    outputs = [(f"o{i}", RANDOM.normal(0, 3, shape)) for i, shape in enumerate(shapes)]
    with pytest.raises(DetectorError, match="not of a detector known here") as caught:
        _reading(*outputs)
    assert str(list(shapes[0])) in caught.value.message


def test_outputs_of_other_shapes_than_described_are_one_line() -> None:
    for graph in (GraphSpec("grid"), GraphSpec("ssd-decoded", scores=1), GraphSpec("detection-output", boxes=3)):
        with pytest.raises(DetectorError, match="not what its description says"):
            _read(graph, 2, np.zeros((2, 3)), np.zeros((2, 5)))


def test_numbers_that_are_none_find_nothing() -> None:
    boxes, scores = _pair(3000)
    broken = np.full_like(scores, np.nan)
    graph = GraphSpec("ssd-decoded", boxes=0, scores=1, background=0)
    assert len(_read(graph, 2, boxes, broken)) == 0
    assert len(_read(graph, 2, np.full_like(boxes, np.inf), scores)) == 0


@pytest.mark.parametrize(
    ("fit", "place"), [("warp", (0, 0, 96, 64)), ("corner", (0, 0, 64, 64)), ("letterbox", (16, 0, 64, 64))]
)
def test_a_frame_is_fitted_and_its_boxes_go_back(fit: Any, place: tuple[int, int, int, int]) -> None:
    graph = GraphSpec("grid", fit=fit, layout="nhwc", element="u8", pad=7)
    frame = np.full((100, 100, 3), (10, 20, 30), np.uint8)
    image = GraphInput(InputSpec(*SIZE, "rgb", (0.0,) * 3), graph)([frame])[0]
    left, top, width, height = place
    expected = np.full((*SIZE, 3), 7, np.uint8)
    expected[top : top + height, left : left + width] = (30, 20, 10)
    np.testing.assert_array_equal(image, expected)
    corners = np.array([[left, top, left + width, top + height]], np.float32)
    np.testing.assert_allclose(Placement(graph, SIZE, (100, 100)).to_frame(corners), [[0, 0, 100, 100]])


def test_whole_numbers_are_rounded_to_their_range() -> None:
    frame = np.full((64, 96, 3), (0, 127, 255), np.uint8)
    graph = GraphSpec("grid", layout="nchw", element="i8")
    image = GraphInput(InputSpec(*SIZE, "bgr", (128.0,) * 3), graph)([frame])
    assert image.dtype == np.int8
    assert image[0, :, 0, 0].tolist() == [-128, -1, 127]
