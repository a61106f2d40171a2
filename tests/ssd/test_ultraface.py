"""UltraFace as published: our network, decoding and suppression against the authors' own ONNX, on real photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from detector.detections import DetectionFilter
from detector.library import ModelLibrary
from detector.model_file import ModelEntry
from detector.preprocess import InputBuilder
from detector.runtime.base import ImageBGR
from detector.runtime.openvino import OpenVinoDetector
from detector.runtime.torch_cpu import TorchCpuDetector
from detector.runtime.torch_cuda import TorchDeviceDetector
from tests.support.shared_data import shared

Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ModelLibrary:
    library = ModelLibrary(tmp_path_factory.mktemp("library"), Path("none"))
    for variant in ("RFB", "slim"):
        library.import_file(shared(f"weights/ultraface/version-{variant}-320.pth"), f"ultraface-{variant.lower()}-320")
    return library


@pytest.fixture(scope="module")
def photos() -> list[ImageBGR]:
    """The COCO photos and frames of two videos."""
    files = sorted(shared("coco-val2017-32/val2017").glob("*.jpg"))
    images = [cv2.imread(str(path)) for path in files]
    for name, frames in (("one-by-one-person-detection.mp4", (40, 250)), ("nasa_13013.mp4", (30, 200))):
        capture = cv2.VideoCapture(str(shared(f"videos/{name}")))
        for index in frames:
            capture.set(cv2.CAP_PROP_POS_FRAMES, index)
            images.append(capture.read()[1])
        capture.release()
    assert len(images) == 36
    return [image.astype(np.uint8) for image in images if image is not None]


def plain_nms(boxes: Floats, limit: float) -> list[int]:
    """Greedy suppression as in a textbook, best first: each box against those kept so far."""
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept: list[int] = []
    for i, box in enumerate(boxes):
        low, high = np.maximum(box[:2], boxes[kept, :2]), np.minimum(box[2:], boxes[kept, 2:])
        common = np.prod(np.maximum(high - low, 0), axis=1)
        if not np.any(common / (area[i] + area[kept] - common) > limit):
            kept.append(i)
    return kept


def published(session: Any, image: ImageBGR, entry: ModelEntry) -> tuple[Floats, Floats]:
    """Boxes in pixels and scores of the authors' network, by the same rule."""
    scores, boxes = session.run(["scores", "boxes"], {"input": InputBuilder(entry.spec.input)([image])})
    face = scores[0, :, 1]
    order = np.argsort(-face, kind="stable")
    order = order[face[order] > entry.spec.postprocess.score_floor][: entry.spec.postprocess.top_k]
    height, width = image.shape[:2]
    pixels = boxes[0][order] * np.array([width, height, width, height], np.float32)
    kept = plain_nms(pixels, entry.spec.postprocess.iou_threshold)[: entry.spec.postprocess.max_detections]
    return pixels[kept], face[order][kept]


def test_it_equals_its_published_onnx(library: ModelLibrary, photos: list[ImageBGR]) -> None:
    import onnxruntime

    entry = library.find("ultraface-rfb-320")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(shared("weights/ultraface/version-RFB-320.onnx")), options)
    faces = 0
    with TorchCpuDetector(entry, "fp32") as detector:
        for photo in photos:
            boxes, scores = published(session, photo, entry)
            found = detector.detect(photo)
            assert len(found) == len(scores)
            np.testing.assert_allclose(found.scores, scores, atol=1e-3)
            # Two faces of one score may come in either order.
            for box, score in zip(boxes, scores, strict=True):
                same = np.abs(found.scores - score) < 1e-3
                assert np.abs(found.boxes_xyxy[same] - box).max(axis=1).min() < 0.5
            faces += int(np.count_nonzero(scores > 0.9))
    assert faces > 15  # people are really in these photos


def test_it_is_the_published_file_and_says_so(library: ModelLibrary) -> None:
    for name, easy in (("ultraface-rfb-320", 0.787), ("ultraface-slim-320", 0.77)):
        spec = library.find(name).spec
        assert spec.accuracy["WIDER FACE val easy"] == easy
        assert spec.weights is not None
        assert spec.weights.sha256 in spec.provenance
        assert spec.licence.startswith("MIT ")


@pytest.mark.parametrize("name", ["ultraface-rfb-320", "ultraface-slim-320"])
def test_every_engine_sees_the_same_faces(library: ModelLibrary, photos: list[ImageBGR], name: str) -> None:
    entry, wanted = library.find(name), DetectionFilter(0.5, 0.3)
    crowd = photos[:12]
    with TorchCpuDetector(entry, "fp32") as reference:
        expected = reference.detect_batch(crowd, wanted)
    with OpenVinoDetector(entry, "fp32") as detector:
        for found, right in zip(detector.detect_batch(crowd, wanted), expected, strict=True):
            np.testing.assert_allclose(found.scores, right.scores, atol=1e-4)
            np.testing.assert_allclose(found.boxes_xyxy, right.boxes_xyxy, atol=0.01)
    with TorchDeviceDetector(entry, torch.device("cpu"), "fp32") as detector:
        # Its resize rounds differently, by up to a grey level: sure faces stay, doubtful ones may come or go.
        for found, right in zip(detector.detect_batch(crowd, wanted), expected, strict=True):
            for box, score in zip(right.boxes_xyxy, right.scores, strict=True):
                if score > 0.6:
                    assert np.abs(found.boxes_xyxy - box).max(axis=1).min() < 2.0
            assert abs(len(found.above(0.6)) - len(right.above(0.6))) <= 1


def test_where_the_faces_are(library: ModelLibrary, photos: list[ImageBGR]) -> None:
    """A crowd, looked at: fourteen or more faces in the upper part of the first photo, none on the road."""
    with TorchCpuDetector(library.find("ultraface-rfb-320"), "fp32") as detector:
        crowd = detector.detect(photos[0], DetectionFilter(0.6, 0.3))
    assert len(crowd) >= 14
    assert (crowd.boxes_xyxy[:, 1] < photos[0].shape[0] * 0.6).all()
    sizes = crowd.boxes_xyxy[:, 2:] - crowd.boxes_xyxy[:, :2]
    assert (sizes > 10).all()
