"""What is exported for other programs finds there, and imported again here, what the model itself finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.bundled_files import bundled_dir
from detector.errors import DetectorError
from detector.graph_spec import GraphSpec
from detector.importers.base import Overrides
from detector.library import ModelLibrary
from detector.model_file import open_file
from detector.runtime.onnx_export import export_onnx
from detector.runtime.open import open_detector
from detector.runtime.openvino_export import export_openvino
from detector.runtime.openvino_runtime import load_openvino
from tests.support.detection_parity import Parity, of_candidates, photographs


@pytest.mark.parametrize("name", ["demo", "everyday"])
def test_an_exported_network_finds_the_same(name: str, tmp_path: Path, repository: Path) -> None:
    entry = open_file(bundled_dir() / f"{name}.safetensors")
    export_openvino(entry, tmp_path / "out.xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.bin", "out.xml"]
    again = ModelLibrary(tmp_path / "user", tmp_path / "none").import_file(tmp_path / "out.xml", "again").entry
    assert len(again.spec.labels) == len(entry.spec.labels)
    frames = _frames(repository) if name == "demo" else [image for _, image in photographs()][:8]
    parity = Parity()
    with open_detector(entry, "cpu", "fp32") as ours, open_detector(again, "cpu", "fp32") as theirs:
        limit = entry.spec.postprocess.iou_threshold
        for number, frame in enumerate(frames):
            first, second = (each.candidates_batch([frame], limit)[0] for each in (ours, theirs))
            parity.add(str(number), of_candidates(first), of_candidates(second))
    assert parity.compared > 0
    assert parity.missing == []


def _frames(repository: Path) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Frames of the sample clip."""
    clip = next((repository / "assets").glob("*.mp4"))
    capture, frames = cv2.VideoCapture(str(clip)), []
    for _ in range(3):
        for _ in range(8):
            ok, frame = capture.read()
        assert ok
        frames.append(frame.astype(np.uint8))
    capture.release()
    return frames


def test_raw_outputs_are_encoded_boxes_and_logits(tmp_path: Path) -> None:
    entry = open_file(bundled_dir() / "demo.safetensors")
    export_openvino(entry, tmp_path / "raw.xml", raw=True)
    shapes = [list(port.shape) for port in load_openvino().Core().read_model(str(tmp_path / "raw.xml")).outputs]
    assert entry.spec.config is not None
    count = entry.spec.config.num_boxes
    assert shapes == [[1, count, 4], [1, count, len(entry.spec.labels) + 1]]


def test_what_cannot_be_exported_is_one_line(tmp_path: Path) -> None:
    entry = open_file(bundled_dir() / "demo.safetensors")
    with pytest.raises(DetectorError, match=r"must end in \.xml"):
        export_openvino(entry, tmp_path / "a.onnx")
    with pytest.raises(DetectorError, match="Cannot write"):
        export_openvino(entry, tmp_path / "absent" / "a.xml")
    two_stage = replace(entry.spec, architecture="fasterrcnn-resnet50-fpn", config=None)
    with pytest.raises(DetectorError, match="cannot be exported"):
        export_openvino(replace(entry, spec=two_stage), tmp_path / "a.xml")
    assert list(tmp_path.iterdir()) == []


def test_onnx_runtime_finds_the_same_and_so_does_the_import(tmp_path: Path, repository: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    entry = open_file(bundled_dir() / "demo.safetensors")
    export_onnx(entry, tmp_path / "out.onnx")
    again = ModelLibrary(tmp_path / "user", tmp_path / "none").import_file(
        tmp_path / "out.onnx", "again", Overrides(scale="0-255", channels="rgb")
    )
    session = ort.InferenceSession(str(tmp_path / "out.onnx"), providers=["CPUExecutionProvider"])
    size, limit, parity = entry.spec.input, entry.spec.postprocess.iou_threshold, Parity()
    with open_detector(entry, "cpu", "fp32") as ours, open_detector(again.entry, "cpu", "fp32") as theirs:
        for number, frame in enumerate(_frames(repository)):
            first, second = (each.candidates_batch([frame], limit)[0] for each in (ours, theirs))
            parity.add(str(number), of_candidates(first), of_candidates(second))
            small = cv2.resize(frame, (size.width, size.height))[:, :, ::-1]
            blob = small.transpose(2, 0, 1)[None].astype(np.float32)
            scores, boxes = session.run(["scores", "boxes"], {"images": blob})
            best = np.unravel_index(scores[0, :, 1:].argmax(), scores[0, :, 1:].shape)
            extent = np.array([frame.shape[1], frame.shape[0]] * 2)
            assert best[1] == first.class_ids[0]
            assert scores[0, best[0], best[1] + 1] == pytest.approx(first.scores[0], abs=1e-3)
            np.testing.assert_allclose(boxes[0, best[0]] * extent, first.boxes_xyxy[0], atol=0.5)
    assert parity.compared > 0
    assert parity.missing == []


def test_graphs_are_not_written_as_onnx(tmp_path: Path) -> None:
    entry = open_file(bundled_dir() / "demo.safetensors")
    graph = replace(entry.spec, architecture="graph", config=None, graph=GraphSpec("grid"))
    with pytest.raises(DetectorError, match="brings its own network"):
        export_onnx(replace(entry, spec=graph), tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []
