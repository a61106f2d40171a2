"""What is exported for other programs, imported again, finds what the model itself finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.bundled_files import bundled_dir
from detector.errors import DetectorError
from detector.library import ModelLibrary
from detector.model_file import open_file
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
