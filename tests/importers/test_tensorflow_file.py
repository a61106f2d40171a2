"""TensorFlow's frozen graphs and SavedModels, written byte by byte: weights of known SSDs, graphs run as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from detector.detections import DetectionFilter
from detector.errors import DetectorError
from detector.importers.base import Overrides
from detector.importers.conversion import convert_weights
from detector.importers.tensorflow_file import check_tensorflow, read_constants
from detector.importers.tfjs_file import read_tfjs
from detector.library import ImportResult, ModelLibrary
from detector.runtime.open import open_detector
from tests.support.shared_data import shared
from tests.support.tiny_graphs import BOXES
from tools.fixtures.tensorflow_networks import PIPELINES, random_variables
from tools.fixtures.tensorflow_writer import FLOAT, INT32, constant, graph_def, node, saved_model

SIZE = 32, 48
ROWS = 1200
RED = np.zeros((50, 100, 3), np.uint8)
RED[:] = (0, 0, 255)


def _import(path: Path, folder: Path, **said: Any) -> ImportResult:
    return ModelLibrary(folder / "user", folder / "none").import_file(path, "tiny", Overrides(**said))


def _ssd(size: tuple[int, int] = SIZE) -> list[bytes]:
    """Boxes and scores after softmax, of which two follow the means of red and blue; an image [1, H, W, 3]."""
    mixing = np.zeros((3, ROWS * 3), np.float32)
    mixing[0, 1] = mixing[2, 3 + 2] = 1
    bias = np.zeros((1, ROWS, 3), np.float32)
    bias[0, 2:, 0] = 20
    boxes = np.tile(np.array([0, 0, 0.01, 0.01], np.float32), (1, ROWS, 1))
    boxes[0, :2] = BOXES
    return [
        node("image", "Placeholder", type_dtype=FLOAT, shape=(1, *size, 3)),
        constant("axes", np.array([1, 2], np.int32)),
        constant("mixing", mixing),
        constant("shape", np.array([1, ROWS, 3], np.int32)),
        constant("bias", bias),
        constant("given", boxes),
        constant("zero", np.zeros((1, ROWS, 4), np.float32), apart=True),
        node("means", "Mean", "image", "axes", type_T=FLOAT, type_Tidx=INT32, keep_dims=False),
        node("flat", "MatMul", "means", "mixing", type_T=FLOAT, transpose_a=False, transpose_b=False),
        node("table", "Reshape", "flat", "shape", type_T=FLOAT, type_Tshape=INT32),
        node("logits", "AddV2", "table", "bias", type_T=FLOAT),
        node("scores", "Softmax", "logits", type_T=FLOAT),
        node("boxes", "AddV2", "given", "zero", type_T=FLOAT),
    ]


def _detects(result: ImportResult) -> None:
    spec = result.entry.spec
    assert spec.graph is not None
    assert (spec.graph.rule, spec.graph.layout, len(spec.labels)) == ("ssd-decoded", "nhwc", 2)
    with open_detector(result.entry) as detector:
        found = detector.detect(RED, DetectionFilter(0.5))
    assert found.class_ids.tolist() == [0]
    np.testing.assert_allclose(found.boxes_xyxy, BOXES[:1] * [100, 50, 100, 50], rtol=1e-5)


def test_a_frozen_graph_is_run_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "frozen.pb"
    path.write_bytes(graph_def(_ssd()))
    _detects(_import(path, tmp_path, scale="0-255"))


def test_so_is_a_saved_model_by_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    outputs = {"scores": (FLOAT, (1, ROWS, 3)), "boxes": (FLOAT, (1, ROWS, 4))}
    (folder / "saved_model.pb").write_bytes(saved_model(graph_def(_ssd()), outputs, (1, *SIZE, 3)))
    _detects(_import(folder, tmp_path, scale="0-255"))


def test_an_open_size_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "frozen.pb"
    path.write_bytes(graph_def(_ssd((-1, -1))))
    with pytest.raises(DetectorError) as caught:
        _import(path, tmp_path)
    assert [remedy.option for remedy in caught.value.remedies] == ["size"]
    given = _import(path, tmp_path, size=(64, 40)).entry.spec.input
    assert (given.width, given.height) == (64, 40)


def test_weights_of_a_known_ssd_become_our_network(tmp_path: Path) -> None:
    """From a graph with loops and suppression that nothing here could run; its size is read from it as well."""
    architecture = "ssd-mobilenetv1-tf"
    variables = random_variables(PIPELINES[architecture], 4)
    side = np.array([300, 300], np.int32)
    nodes = [constant(name, values) for name, values in variables.items()]
    nodes += [
        constant("Preprocessor/map/while/ResizeImage/stack", side),
        node("image_tensor", "Placeholder", type_dtype=4, shape=(-1, -1, -1, 3)),
        node("Preprocessor/map/while/Enter", "Enter", "image_tensor"),
    ]
    path = tmp_path / "frozen_inference_graph.pb"
    path.write_bytes(graph_def(nodes))
    imported = convert_weights(path)
    assert imported.spec.architecture == architecture
    assert len(imported.spec.labels) == 3
    assert not any("300 x 300" in note.text for note in imported.notes)
    assert _import(path, tmp_path).entry.spec.golden is not None


def test_a_published_detector_comes_out_as_from_tensorflow_js(tmp_path: Path) -> None:
    """Real weights: coco-ssd's, put into a frozen graph under the names they have."""
    file = shared("weights/ssdlite-mobilenetv2-coco-tfjs/model.json")
    path = tmp_path / "frozen_inference_graph.pb"
    path.write_bytes(graph_def([constant(name, values) for name, values in read_tfjs(file).tensors.items()]))
    ours, theirs = convert_weights(path), convert_weights(file)
    assert ours.spec.architecture == theirs.spec.architecture == "ssdlite-mobilenetv2-tf"
    assert ours.tensors.keys() == theirs.tensors.keys()
    assert all(np.array_equal(ours.tensors[name], theirs.tensors[name]) for name in ours.tensors)


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "int32", "int64", "bool"])
def test_constants_of_every_kind_are_read(kind: str, tmp_path: Path) -> None:
    values = np.arange(6).reshape(2, 3).astype(kind)
    path = tmp_path / "a.pb"
    path.write_bytes(graph_def([constant("a", values)]))
    np.testing.assert_array_equal(read_constants(path)["a"], values.astype(np.float32 if "float" in kind else kind))


def test_a_number_written_once_fills_its_shape(tmp_path: Path) -> None:
    path = tmp_path / "a.pb"
    path.write_bytes(graph_def([constant("a", np.full((4, 5), 0.5, np.float32), apart=True)]))
    assert read_constants(path)["a"].tolist() == [[0.5] * 5] * 4


_HOSTILE: list[tuple[list[bytes], str]] = [
    ([node("a", "ReadFile")], "ReadFile"),
    ([node("a", "PyFunc")], "PyFunc"),
    ([node("a", "Relu", "b"), node("b", "Relu", "a")], "circle"),
    ([node("a", "Relu", "nowhere")], "none gives"),
    ([node("a", "Relu"), node("a", "Relu")], "same name"),
]


@pytest.mark.parametrize(("nodes", "words"), _HOSTILE)
def test_a_hostile_graph_is_refused_in_one_line(nodes: list[bytes], words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pb"
    path.write_bytes(graph_def(nodes))
    with pytest.raises(DetectorError, match=words):
        check_tensorflow(path)
    with pytest.raises(DetectorError):
        _import(path, tmp_path)


def test_a_huge_constant_takes_no_memory(tmp_path: Path) -> None:
    huge: npt.NDArray[np.float32] = np.broadcast_to(np.float32(1), (1 << 14, 1 << 14))
    path = tmp_path / "a.pb"
    path.write_bytes(graph_def([constant("a", huge, apart=True)]))
    with pytest.raises(DetectorError, match="larger than a detector needs"):
        read_constants(path)


def test_variables_outside_the_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"x")
    (folder / "variables" / "variables.index").symlink_to(tmp_path / "secret")
    (folder / "saved_model.pb").write_bytes(saved_model(graph_def(_ssd()), {}, (1, *SIZE, 3)))
    with pytest.raises(DetectorError, match="outside its folder"):
        _import(folder, tmp_path)
