"""SSDs in OpenVINO IR: read safely, refused clearly, run correctly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.detections import DetectionFilter
from detector.errors import DetectorError
from detector.graph_output import read_candidates
from detector.graph_spec import GraphSpec
from detector.ir_description import describe_ir
from detector.library import ModelLibrary
from detector.model_file import open_file
from detector.runtime.ir import IrDetector
from detector.runtime.open import open_detector
from detector.spec import InputSpec, ModelSpec, PostprocessSpec
from tests.support.shared_data import shared
from tools.fixtures.tiny_ir import TINY_IR_BOXES, save_tiny_ir


@pytest.fixture(scope="module")
def tiny_ir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_ir(tmp_path_factory.mktemp("ir"))


def test_the_tiny_model_is_described(tiny_ir: Path) -> None:
    spec = describe_ir(tiny_ir)
    assert spec.labels == ("class 1", "class 2")
    assert spec.input == InputSpec(32, 48, "bgr", (0.0, 0.0, 0.0))
    assert spec.postprocess == PostprocessSpec(0.05, 0.45, 400, 200)
    assert spec.architecture == "graph"


def test_its_boxes_and_scores_are_right(tiny_ir: Path) -> None:
    frame = np.empty((100, 200, 3), np.uint8)
    frame[:] = (100, 7, 50)  # blue drives class 1, red class 2
    scores = {  # softmax over (0, logit, 0) of each box
        0: np.exp(100 / 25) / (np.exp(100 / 25) + 2),
        1: np.exp(50 / 25) / (np.exp(50 / 25) + 2),
    }
    with IrDetector(open_file(tiny_ir), "fp32") as detector:
        found = detector.detect(frame, DetectionFilter(0.5))
        np.testing.assert_allclose(found.scores, [scores[0], scores[1]], atol=1e-5)
        assert found.class_ids.tolist() == [0, 1]
        np.testing.assert_allclose(found.boxes_xyxy, TINY_IR_BOXES[:2] * [200, 100, 200, 100], atol=1e-3)
        (first, second) = detector.detect_batch([frame, frame[:50, :40]], DetectionFilter(0.5))
        np.testing.assert_array_equal(first.boxes_xyxy, found.boxes_xyxy)
        np.testing.assert_allclose(second.boxes_xyxy, TINY_IR_BOXES[:2] * [40, 50, 40, 50], atol=1e-3)


def test_the_table_is_read_up_to_its_end_and_strange_rows_are_left_out() -> None:
    spec = ModelSpec(
        "x",
        "graph",
        ("a", "b"),
        InputSpec(8, 8),
        postprocess=PostprocessSpec(0.05, 0.45),
        graph=GraphSpec("detection-output", background=0),
    )
    rows = np.array(
        [
            [0, 1, 0.6, 0, 0, 1, 1],
            [0, 2, 0.9, 0.5, 0.5, 1, 1],
            [0, 1, 0.5, 0, 0, 0.9, 1],  # hidden by the first at 0.45, not at 0.95
            [0, 3, 0.8, 0, 0, 1, 1],  # no such class
            [0, 0, 0.8, 0, 0, 1, 1],  # background
            [0, 1, 0.05, 0, 0, 1, 1],  # at the floor
            [0, 1, 0.7, np.nan, 0, 1, 1],
            [-1, 0, 0, 0, 0, 0, 0],
            [0, 1, 0.99, 0, 0, 1, 1],  # behind the end
        ],
        np.float32,
    )
    rule = replace(spec.postprocess, iou_threshold=0.45)
    found = read_candidates(spec, [rows[None, None]], rule, (10, 20))
    assert found.scores.tolist() == pytest.approx([0.9, 0.6, 0.5])
    assert found.class_ids.tolist() == [1, 0, 0]
    assert found.boxes_xyxy[0].tolist() == [10, 5, 20, 10]
    assert found.kept is not None
    assert found.kept.tolist() == [True, True, False]
    rule = replace(rule, iou_threshold=0.95, score_floor=0.55)
    found = read_candidates(spec, [rows[None, None]], rule, (10, 20))
    assert found.detections(DetectionFilter(0.5, 0.95)).scores.tolist() == pytest.approx([0.9, 0.6])


def test_labels_may_be_given(tiny_ir: Path) -> None:
    assert describe_ir(tiny_ir, ["cat", "dog"]).labels == ("cat", "dog")
    for labels in (["cat"], ["cat", "cat"], []):
        with pytest.raises(DetectorError, match="has 2 classes"):
            describe_ir(tiny_ir, labels)


def _variant(tiny_ir: Path, folder: Path, old: str, new: str) -> Path:
    text = tiny_ir.read_text(encoding="utf-8")
    assert old in text
    path = folder / "v.xml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    path.with_suffix(".bin").write_bytes(tiny_ir.with_suffix(".bin").read_bytes())
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('<?xml version="1.0"?>', '<?xml version="1.0"?><!DOCTYPE net>', "declares a document type"),
        (
            '<?xml version="1.0"?>',
            '<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "b"><!ENTITY c SYSTEM "file:///etc/passwd">]>',
            "declares a document type",
        ),
        ("<net ", "<network><net ", "not a whole XML file"),
        ('<?xml version="1.0"?>', "<a>", "not a whole XML file"),
        ('type="DetectionOutput"', 'type="Other"', "a layer of type Other"),
        ('type="DetectionOutput" version="opset8"', 'type="Selu" version="opset1"', "is not an SSD"),
        ('type="Parameter"', 'type="Const"', "is damaged"),
        ("<dim>48</dim>", "<dim>-1</dim>", "its input is not one image"),
        ("<dim>48</dim>", "<dim>99999999999999999999</dim>", "its input is not one image"),
        ("<dim>7</dim>", "<dim>8</dim>", "its output is not"),
        ("<dim>12</dim>", "<dim>13</dim>", "box and class outputs do not match"),
        ('share_location="true"', 'share_location="false"', "box and class outputs do not match"),
        ('background_label_id="0"', 'background_label_id="3"', "none of them is the background"),
        ('nms_threshold="', 'other="', "DetectionOutput needs nms_threshold"),
        ('nms_threshold="', 'nms_threshold="x', "damaged attributes"),
        ('keep_top_k="200"', 'keep_top_k="many"', "damaged attributes"),
        ('confidence_threshold="', 'confidence_threshold="7', "damaged attributes"),
        ('offset="0"', 'offset="-1"', "is damaged"),
        ('offset="0"', 'offset="123456"', "is cut off"),
    ],
)
def test_each_fault_gets_its_own_line(tiny_ir: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        describe_ir(_variant(tiny_ir, tmp_path, old, new))


def test_missing_cut_and_foreign_files_are_told(tiny_ir: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.xml"
    path.write_bytes(tiny_ir.read_bytes())
    with pytest.raises(DetectorError, match=r"m\.bin is missing beside m\.xml"):
        describe_ir(path)
    path.with_suffix(".bin").write_bytes(tiny_ir.with_suffix(".bin").read_bytes()[:-8])
    with pytest.raises(DetectorError, match="is cut off"):
        describe_ir(path)
    path.write_bytes(tiny_ir.read_bytes()[:-100])
    with pytest.raises(DetectorError, match="not a whole XML file"):
        describe_ir(path)
    path.write_text("<html><body/></html>")
    with pytest.raises(DetectorError, match="not an OpenVINO model"):
        describe_ir(path)
    with pytest.raises(DetectorError, match="is missing beside"):
        describe_ir(tmp_path / "absent.xml")


def test_a_graph_openvino_refuses_is_not_imported(tiny_ir: Path, tmp_path: Path) -> None:
    library = ModelLibrary(tmp_path / "user", tmp_path / "none")
    with pytest.raises(DetectorError, match="OpenVINO cannot read"):
        library.import_file(_variant(tiny_ir, tmp_path, 'shape="3, 9"', 'shape="3, 8"'), "x")
    assert not library.user_dir.exists()


def test_the_devices_and_formats_it_does_not_have_are_noted(tiny_ir: Path) -> None:
    with open_detector(open_file(tiny_ir), "cuda", "fp16") as detector:
        assert detector.device == "cpu"
        assert detector.precision == "fp32"
        assert detector.notes == (
            "This model runs by OpenVINO, on the CPU; cuda is not used.",
            "fp16 is for GPUs; fp32 is used on the CPU.",
        )
    with open_detector(open_file(tiny_ir)) as detector:
        assert detector.notes == ()


def _middle_frame(name: str, index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    capture = cv2.VideoCapture(str(shared(f"videos/{name}")))
    capture.set(cv2.CAP_PROP_POS_FRAMES, index)
    ok, frame = capture.read()
    capture.release()
    assert ok
    return frame.astype(np.uint8)


def test_a_real_model_sees_cars_and_people(tmp_path: Path) -> None:
    library = ModelLibrary(tmp_path / "user", tmp_path / "none")
    xml = shared("weights/openvino-ssd/person-vehicle-bike-detection-crossroad-0078.xml")
    entry = library.import_file(xml, "crossroad").entry
    assert entry.spec.labels == ("person", "vehicle", "bike")
    with open_detector(entry) as detector:
        cars = detector.detect(_middle_frame("car-detection.mp4", 100), DetectionFilter(0.5))
        people = detector.detect(_middle_frame("one-by-one-person-detection.mp4", 250), DetectionFilter(0.5))
    assert "vehicle" in {entry.spec.labels[i] for i in cars.class_ids}
    assert {entry.spec.labels[i] for i in people.class_ids} == {"person"}
