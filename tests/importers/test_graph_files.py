"""Graphs as files: small generated ones are imported and answer; hostile ones are one line, and nothing is left."""

from __future__ import annotations

import contextlib
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.model_check import check_model
from detector.detections import DetectionFilter
from detector.errors import DetectorError
from detector.golden import prove
from detector.importers.alternatives import compare_alternatives
from detector.importers.base import Overrides
from detector.importers.flatbuffer import Buffer, FlatError, flex_numbers
from detector.importers.graph_labels import names_in
from detector.importers.onnx_file import check_onnx
from detector.importers.tflite_file import read_tflite
from detector.library import ImportResult, ModelLibrary
from detector.runtime.open import open_detector
from tests.support.shared_data import shared
from tools.fixtures.tflite_writer import tiny_tflite_ssd

onnx = pytest.importorskip("onnx")

from tests.support.tiny_graphs import BOXES, node, onnx_model, save_detr, save_ssd_decoded, scores_of  # noqa: E402

RED = np.zeros((50, 100, 3), np.uint8)
RED[:] = (0, 0, 255)


def _import(path: Path, folder: Path, **said: Any) -> ImportResult:
    return ModelLibrary(folder / "user", folder / "none").import_file(path, "tiny", Overrides(**said))


def test_an_onnx_file_is_imported_with_its_rule_and_answers(tmp_path: Path) -> None:
    result = _import(save_ssd_decoded(tmp_path / "a.onnx"), tmp_path, scale="0-255")
    spec = result.entry.spec
    assert spec.graph is not None
    assert (spec.architecture, spec.graph.rule, spec.labels) == ("graph", "ssd-decoded", ("class 1", "class 2"))
    assert {remedy.option for note in result.notes for remedy in note.remedies} == {"rule", "channels", "labels"}
    assert spec.golden is not None
    with open_detector(result.entry) as detector:
        found = detector.detect(RED, DetectionFilter(0.5))
    assert found.class_ids.tolist() == [0]
    np.testing.assert_allclose(found.boxes_xyxy, BOXES[:1] * [100, 50, 100, 50], rtol=1e-5)


def test_the_users_channel_order_counts(tmp_path: Path) -> None:
    result = _import(save_ssd_decoded(tmp_path / "a.onnx"), tmp_path, scale="0-255", channels="bgr")
    with open_detector(result.entry) as detector:
        assert detector.detect(RED, DetectionFilter(0.5)).class_ids.tolist() == [1]


def test_a_file_is_known_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    path = save_ssd_decoded(tmp_path / "a.onnx").rename(tmp_path / "model.pth")
    assert _import(path, tmp_path).entry.spec.architecture == "graph"


def test_an_open_size_is_asked_for(tmp_path: Path) -> None:
    path = save_ssd_decoded(tmp_path / "a.onnx", size=("h", "w"))
    with pytest.raises(DetectorError, match="images of any size") as caught:
        _import(path, tmp_path)
    assert [remedy.option for remedy in caught.value.remedies] == ["size"]
    assert not (tmp_path / "user").exists()
    given = _import(path, tmp_path, size=(64, 40)).entry.spec.input
    assert (given.width, given.height) == (64, 40)
    (xml,) = (tmp_path / "user").rglob("*.xml")
    with pytest.raises(DetectorError, match="no other size") as fixed:
        _import(xml, tmp_path / "again", size=(40, 64))
    assert [(remedy.option, remedy.omit) for remedy in fixed.value.remedies] == [("size", True)]


def test_an_open_size_is_the_one_that_the_file_notes(tmp_path: Path) -> None:
    path = save_ssd_decoded(tmp_path / "a.onnx", size=("h", "w"), names={"imgsz": "[40, 64]"})
    result = _import(path, tmp_path / "1")
    given = result.entry.spec.input
    assert (given.width, given.height) == (64, 40)
    assert "size" in {remedy.option for note in result.notes for remedy in note.remedies}
    given = _import(path, tmp_path / "2", size=(96, 80)).entry.spec.input
    assert (given.width, given.height) == (96, 80)
    odd = save_ssd_decoded(tmp_path / "b.onnx", size=("h", "w"), names={"imgsz": "[0, 9**9]"})
    with pytest.raises(DetectorError, match="images of any size"):
        _import(odd, tmp_path / "3")


def test_names_come_from_the_file_or_from_one_beside_it(tmp_path: Path) -> None:
    path = save_ssd_decoded(tmp_path / "a.onnx", names={"names": "{0: 'cat', 1: 'dog'}"})
    assert _import(path, tmp_path / "1").entry.spec.labels == ("cat", "dog")
    path = save_ssd_decoded(tmp_path / "b.onnx")
    (tmp_path / "labels.txt").write_text("background\nowl\nfox\n")
    assert _import(path, tmp_path / "2").entry.spec.labels == ("owl", "fox")
    (tmp_path / "labels.txt").unlink()
    (tmp_path / "labelmap.pbtxt").write_text('item { id: 2 name: "b" }\nitem { id: 1 name: "/m/1" display_name: "a" }')
    assert _import(path, tmp_path / "3").entry.spec.labels == ("a", "b")


def test_an_input_for_the_size_is_given_the_networks_own(tmp_path: Path) -> None:
    path = save_detr(tmp_path / "rtdetr.onnx")
    with pytest.raises(DetectorError, match="does not say which classes") as caught:
        _import(path, tmp_path)
    assert [remedy.option for remedy in caught.value.remedies] == ["labels"]
    (tmp_path / "labels.txt").write_text("owl\nfox\n")
    result = _import(path, tmp_path)
    spec = result.entry.spec
    assert spec.graph is not None
    assert (spec.graph.rule, spec.graph.unit, spec.labels) == ("nms-inside", "pixels", ("owl", "fox"))
    with open_detector(result.entry, "cpu", "fp32") as detector:
        proof = prove(spec, detector.raw, "fp32")
    assert proof is not None
    assert proof.ok
    checks = {check.engine: check.ok for check in check_model(result.entry)}
    assert checks.pop("weights", True)
    assert checks["openvino, fp32"]
    assert {ok for name, ok in checks.items() if "bf16" in name} <= {None}
    with open_detector(result.entry) as detector:
        found = detector.detect(RED, DetectionFilter(0.5))
    assert found.class_ids.tolist() == [0]
    np.testing.assert_allclose(found.boxes_xyxy, BOXES[:1] * [100, 50, 100, 50], rtol=1e-5)


def _save_table(path: Path, first: int) -> Path:
    """Two rows of image, class, score, x1, y1, x2, y2; the scores follow red and blue."""
    rows = np.zeros((1, 1, 2, 7), np.float32)
    rows[0, 0, :, 1] = (first, first + 1)
    rows[0, 0, :, 3:] = BOXES
    mixing = np.zeros((3, 14), np.float32)
    mixing[0, 2] = mixing[2, 9] = 1
    nodes = [
        node("GlobalAveragePool", "images", "pooled"),
        node("Flatten", "pooled", "means", axis=1),
        node("MatMul", "means mixing", "flat"),
        node("Reshape", "flat shape", "scored"),
        node("Add", "scored rows", "table"),
    ]
    constants = {"mixing": mixing, "rows": rows, "shape": np.array([1, 1, 2, 7], np.int64)}
    return onnx_model(path, nodes, constants, {"table": [1, 1, 2, 7]})


@pytest.mark.parametrize(("first", "said"), [(0, None), (1, None), (1, "0"), (0, "1")])
def test_the_numbers_of_a_tables_classes_are_told_by_it_or_by_the_user(
    first: int, said: str | None, tmp_path: Path
) -> None:
    """Class 0 is only found where it is no background; the user's word comes first."""
    (tmp_path / "labels.txt").write_text("owl\nfox\n")
    given = {} if said is None else {"first": said}
    result = _import(_save_table(tmp_path / "a.onnx", first), tmp_path, scale="0-1", **given)
    spec = result.entry.spec
    assert spec.graph is not None
    assert spec.graph.rule == "detection-output"
    assert spec.golden is not None
    asked = [remedy.option for note in result.notes for remedy in note.remedies]
    assert ("first" in asked) == (said is None)
    with open_detector(result.entry) as detector:
        found = detector.detect(RED, DetectionFilter(0.5)).class_ids.tolist()
    counted_from = first if said is None else int(said)
    assert found == ([first - counted_from] if first >= counted_from else [])


def test_choices_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="mean nothing") as caught:
        _import(save_ssd_decoded(tmp_path / "a.onnx"), tmp_path, priors="voc")
    assert [(remedy.option, remedy.omit) for remedy in caught.value.remedies] == [("priors", True)]


def test_each_assumption_is_tried_otherwise_on_an_image(tmp_path: Path) -> None:
    path = save_ssd_decoded(tmp_path / "a.onnx")
    ways = compare_alternatives(path, Overrides(channels="rgb"), RED)
    assert {way.option for way in ways} == {"", "scale", "fit", "scores"}
    found = {(way.option, way.value): way for way in ways}
    # Pixels from -1 to 1 are less than one: only the raw scale makes the class certain.
    assert found["scale", "0-255"].best > 0.99
    assert found["", ""].best < 0.8
    assert ways[0] == max(ways, key=lambda way: way.sharpness)
    assert (ways[0].option, ways[0].objects) == ("scale", 1)


def test_an_open_size_is_tried_in_the_usual_ones(tmp_path: Path) -> None:
    said = Overrides(channels="rgb", scale="0-255", fit="warp", scores="none", rule="ssd-decoded")
    ways = compare_alternatives(save_ssd_decoded(tmp_path / "a.onnx", size=("h", 320)), said, RED)
    heights = (300, 320, 416, 512, 640, 240, 480)
    assert {(way.option, way.value) for way in ways} == {("size", f"320x{height}") for height in heights}
    assert all(way.objects == 1 for way in ways)


def test_a_size_that_layers_do_not_fit_together_at_is_left_out(tmp_path: Path) -> None:
    said = Overrides(channels="rgb", scale="0-255", fit="warp", scores="none")
    some = compare_alternatives(_save_for_area(tmp_path / "some.onnx", 320 * 240), said, RED)
    assert [(way.option, way.value) for way in some] == [("size", "320x240")]
    with pytest.raises(DetectorError, match="images of any size"):
        compare_alternatives(_save_for_area(tmp_path / "none.onnx", 999), said, RED)


def _save_for_area(path: Path, pixels: int) -> Path:
    """A network of an open size that has to have so many pixels."""
    nodes, constants = scores_of(1200, 3, first=1)
    boxes = np.tile(np.array([0.0, 0.0, 0.5, 0.5], np.float32), (1, 1200, 1))
    constants |= {"given": boxes, "zero": np.zeros((1, 3, pixels), np.float32), "line": np.array([1, 3, -1], np.int64)}
    nodes += [
        node("Reshape", "images line", "flattened"),
        node("Mul", "flattened zero", "nothing"),
        node("ReduceSum", "nothing", "nought", keepdims=0),
        node("Add", "given nought", "boxes"),
        node("Softmax", "table", "scores", axis=2),
    ]
    return onnx_model(path, nodes, constants, {"scores": [1, 1200, 3], "boxes": [1, 1200, 4]}, size=("h", "w"))


# -- hostile ONNX ------------------------------------------------------------------------------------------------------


def _plain(path: Path, *more: Any, **constants: Any) -> Path:
    nodes, given = scores_of(4, 7)
    return onnx_model(path, [*nodes, *more], {**given, **constants}, {"table": [1, 4, 7]})


def _with_tensor(path: Path, change: Callable[[Any], None]) -> Path:
    model = onnx.load(str(_plain(path)))
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


def _external(location: str, **entries: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = 1
        for key, value in {"location": location, **entries}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value

    return change


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/etc/passwd", "outside its folder"),
        ("../secret.bin", "outside its folder"),
        ("a/../../secret.bin", "outside its folder"),
        ("C:\\secret.bin", "outside its folder"),
        ("link.bin", "outside its folder"),
        ("", "outside its folder"),
        ("absent.bin", "is missing beside"),
        ("short.bin", "is cut off or too large"),
    ],
)
def test_weights_outside_the_folder_are_refused(tmp_path: Path, location: str, words: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(b"x" * 1000)
    (folder / "short.bin").write_bytes(b"x")
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(DetectorError, match=words):
        check_onnx(_with_tensor(folder / "a.onnx", _external(location)))


def test_weights_beside_the_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    model = onnx.load(str(save_ssd_decoded(path)))
    onnx.save(model, str(path), save_as_external_data=True, location="a.data", size_threshold=0)
    assert [place.name for place in check_onnx(path).beside] == ["a.data"]
    assert _import(path, tmp_path).entry.spec.graph is not None


def _huge(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [2**20, 2**20]


def _negative(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [-1]


def _circle(model: Any) -> None:
    model.graph.node[0].input[0] = "table"


def _twice(model: Any) -> None:
    model.graph.node[1].output[0] = model.graph.node[0].output[0]


def _foreign(model: Any) -> None:
    model.graph.node[0].domain = "com.example"


def _inner(model: Any) -> None:
    attribute = model.graph.node[0].attribute.add()
    attribute.name, attribute.type = "body", onnx.AttributeProto.GRAPH
    attribute.g.name = "x"


def _empty(model: Any) -> None:
    model.ClearField("graph")


def _function(model: Any) -> None:
    model.functions.add().name = "f"


def _two_images(model: Any) -> None:
    model.graph.input.add().CopyFrom(model.graph.input[0])
    model.graph.input[1].name = "other"


@pytest.mark.parametrize(
    "change", [_huge, _negative, _circle, _twice, _foreign, _inner, _empty, _function, _two_images]
)
def test_a_hostile_onnx_file_is_one_line(tmp_path: Path, change: Callable[[Any], None]) -> None:
    path = _with_tensor(tmp_path / "a.onnx", change)
    with pytest.raises(DetectorError) as caught:
        _import(path, tmp_path)
    assert str(caught.value).isprintable()
    assert not (tmp_path / "user").exists()


@pytest.mark.parametrize("kind", ["If", "Loop", "Scan", "RandomNormal", "StringNormalizer", "ImageDecoder", "Nonsense"])
def test_an_operator_of_no_detector_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DetectorError, match=f"an operator {kind}"):
        check_onnx(_plain(tmp_path / "a.onnx", node(kind, "images", "more")))


def test_nan_weights_are_one_line(tmp_path: Path) -> None:
    path = save_ssd_decoded(tmp_path / "a.onnx")
    content = path.read_bytes()
    one = struct.pack("<f", 20.0)
    assert one in content
    path.write_bytes(content.replace(one, struct.pack("<f", float("nan"))))
    with pytest.raises(DetectorError, match="answers NaN or infinity"):
        _import(path, tmp_path)


def test_a_cut_onnx_file_is_one_line(tmp_path: Path) -> None:
    content = save_ssd_decoded(tmp_path / "a.onnx", 40).read_bytes()
    for size in range(0, len(content) - 1, 37):
        (tmp_path / "b.onnx").write_bytes(content[:size])
        with pytest.raises(DetectorError):
            check_onnx(tmp_path / "b.onnx")


# -- TensorFlow Lite ---------------------------------------------------------------------------------------------------


def test_the_settings_of_a_tflite_operator_are_read() -> None:
    read = read_tflite(shared("weights/tflite/coco_ssd_mobilenet_v1_uint8.tflite"))
    end = read.postprocess
    assert end is not None
    assert (end.anchors.shape, end.scales, end.classes, end.most) == ((1917, 4), (10, 10, 5, 5), 90, 10)
    assert end.iou_threshold == pytest.approx(0.6)
    assert len(read.outputs) == 2


def test_a_cut_or_altered_tflite_file_is_one_line(tmp_path: Path) -> None:
    content = shared("weights/tflite/face_detection_short_range.tflite").read_bytes()
    path = tmp_path / "a.tflite"
    for size in (0, 3, 8, 100, 5000, len(content) // 2):
        path.write_bytes(content[:size])
        with pytest.raises(DetectorError):
            read_tflite(path)


@pytest.mark.parametrize("data", [b"", b"\0" * 3, bytes(40), b"\xff" * 40, b"\x01\x24\x01"])
def test_damaged_settings_are_told(data: bytes) -> None:
    with pytest.raises(FlatError):
        flex_numbers(data)


def test_offsets_stay_inside() -> None:
    for data in (b"\xff\xff\xff\x7fTFL3", b"\0\0\0\0TFL3", struct.pack("<I4si", 8, b"TFL3", -100) + bytes(8)):
        with pytest.raises(FlatError):
            Buffer(data).root()


def _tiny_tflite() -> bytes:
    anchors = np.array([[0.4, 0.3, 0.4, 0.4], [0.75, 0.7, 0.5, 0.4]], np.float32)  # y, x, h, w
    mixing = np.tile(np.array([0, 20, 0], np.float32), (6, 1))  # colours are -1 to 1: no green is no object
    mixing[1] = (8, 0, -8)  # box 0: class 1 where it is red
    mixing[5] = (-8, 0, 8)  # box 1: class 2 where it is blue
    return tiny_tflite_ssd(anchors, np.array([[0, 0, 0, 0], [1, 0, 0, np.log(0.5) * 5]], np.float32), mixing)


def test_a_generated_tflite_ssd_is_cut_before_its_operator_and_answers(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(_tiny_tflite())
    spec = (result := _import(path, tmp_path)).entry.spec
    assert spec.graph is not None
    assert (spec.graph.rule, spec.graph.layout, spec.graph.background) == ("tflite-ssd", "nhwc", 0)
    assert spec.labels == ("class 1", "class 2")
    assert spec.postprocess.iou_threshold == 0.5
    with open_detector(result.entry) as detector:
        found = detector.detect(RED, DetectionFilter(0.5))
        assert found.class_ids.tolist() == [0]
        np.testing.assert_allclose(found.boxes_xyxy, [[10, 10, 50, 30]], rtol=1e-4)
        found = detector.detect(RED[:, :, ::-1].copy(), DetectionFilter(0.5))
        assert found.class_ids.tolist() == [1]
        # centre y .75 + 1 / 10 * .5, width .4 * .5
        np.testing.assert_allclose(found.boxes_xyxy, [[60, 27.5, 80, 52.5]], rtol=1e-4)


def test_names_packed_into_a_tflite_file_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(_tiny_tflite())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labelmap.txt", "owl\n???\n")
    assert _import(path, tmp_path).entry.spec.labels == ("owl", "unused 2")


def test_custom_operators_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(_tiny_tflite().replace(b"TFLite_Detection_PostProcess", b"Flex_Something_From_Elsewher"))
    with pytest.raises(DetectorError, match="an operator Flex_Something_From_Elsewher"):
        read_tflite(path)


@pytest.mark.parametrize("text", ["{[]: 1}", "{0: 'a', 'b': 'c'}", "['a', 3]", "(" * 3000, "__import__('os')", "1", ""])
def test_metadata_that_is_no_names_is_passed_over(text: str) -> None:
    assert names_in({"names": text}) == ()


# -- opened where they lie ---------------------------------------------------------------------------------------------


def test_a_file_from_elsewhere_is_opened_without_importing_it(tmp_path: Path) -> None:
    path = save_ssd_decoded(tmp_path / "net.onnx")
    library = ModelLibrary(tmp_path / "user", tmp_path / "none", tmp_path / "cache")
    entry = library.find(path)
    assert entry.name == "net"
    assert any("Channel order" in note for note in entry.notes)
    with open_detector(entry) as detector:
        assert set(entry.notes) <= set(detector.notes)
    assert library.find(path) == entry
    assert len(list((tmp_path / "cache" / "opened").iterdir())) == 1
    (tmp_path / "labels.txt").write_text("owl\nfox\n")  # what lies beside it counts
    assert library.find(path).spec.labels == ("owl", "fox")
    assert not (tmp_path / "user").exists()
    with pytest.raises(DetectorError, match="not a model file that can be opened"):
        ModelLibrary(tmp_path / "user", tmp_path / "none").find(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xml", b'<?xml version="1.0"?><net name="x" version="7"><layers/></net>', "is OpenVINO IR version 7"),
        ("a.bin", b"\0" * 64, r"a\.xml is missing beside it"),
        ("a.pth", b"\x89HDF\r\n\x1a\n" + bytes(40), "is an HDF5 file"),
        ("a.pth", bytes(4) + b"TFL3" + bytes(40), "is cut off or damaged"),
        ("a.onnx", b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        ("a.onnx", b"x" * 40, "no ONNX file"),
        ("a", b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    ],
)
def test_what_a_file_is_instead_is_said(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    if path.suffix == ".xml":
        path.with_suffix(".bin").write_bytes(b"")
    with pytest.raises(DetectorError, match=words):
        _import(path, tmp_path)


def test_a_pointer_in_the_place_of_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<?xml version="1.0"?><net name="x" version="11"><layers/></net>')
    (tmp_path / "a.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DetectorError, match=r"a\.bin is a Git LFS pointer"):
        _import(tmp_path / "a.xml", tmp_path)


def test_an_option_outside_the_file_is_told(tmp_path: Path) -> None:
    """A RESHAPE whose options are said to lie behind the end; found by the fuzzer."""
    content = bytearray(_tiny_tflite())
    path = tmp_path / "a.tflite"
    for place in range(0, len(content) - 2, 2):  # wherever its vtable has it
        if content[place : place + 2] == struct.pack("<H", 32):
            changed = bytearray(content)
            changed[place : place + 2] = b"\xff\xff"
            path.write_bytes(changed)
            with contextlib.suppress(DetectorError):
                read_tflite(path)
