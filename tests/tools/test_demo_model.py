"""The demo that ships: its description, its accuracy on scenes it never saw, and the sample clip and image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from detector.boxes import iou
from detector.config import SSD300_VOC
from detector.detections import DetectionFilter, Detections
from detector.model_file import open_file
from detector.runtime.base import Detector
from detector.runtime.open import open_detector
from detector.weights import load_spec, load_state
from tools.demo.clip import DURATION_S, FPS, SIZE, sample_clip, selftest_scene
from tools.demo.evaluate import measure
from tools.demo.samples import FRESH, scenes
from tools.demo.scenes import Scene, SceneOptions
from tools.demo.shapes import CLASSES

_ROOT = Path(__file__).resolve().parents[2]
MODEL = _ROOT / "weights" / "demo.safetensors"
ASSETS = _ROOT / "assets"
UNSEEN = FRESH + 500_000  # neither trained on nor measured on when it was made


@pytest.fixture(scope="module")
def demo() -> Iterator[Detector]:
    with open_detector(open_file(MODEL), device="cpu", precision="fp32") as detector:
        yield detector


def found_share(truth: Scene, found: Detections) -> tuple[int, int]:
    """How many of the true shapes were found (label right, IoU > 0.5), and how many detections are none of them."""
    overlaps = iou(truth.boxes_xyxy, found.boxes_xyxy) * (truth.class_ids[:, None] == found.class_ids[None])
    matches = overlaps > 0.5
    return int(matches.any(axis=1).sum()), int((~matches.any(axis=0)).sum())


def test_it_says_what_it_is() -> None:
    spec = load_spec(MODEL)
    assert spec.name == "demo"
    assert spec.demo
    assert spec.labels == CLASSES
    assert spec.config == SSD300_VOC
    assert "drawn shapes only" in spec.title
    assert "random weights" in spec.provenance
    assert spec.licence
    (score,) = spec.accuracy.values()
    assert 0.90 <= score <= 1.0
    assert MODEL.stat().st_size < 4e6


def test_the_stored_network_is_folded_and_sound() -> None:
    state = load_state(MODEL, load_spec(MODEL))
    assert not any(".bn." in name for name in state)
    assert max(float(tensor.abs().max()) for tensor in state.values()) < 1000  # far from float16's limit, 65504


def test_it_finds_shapes_in_scenes_it_never_saw(demo: Detector) -> None:
    accuracy = measure(demo, scenes(UNSEEN, 60))
    assert accuracy.objects > 200
    assert accuracy.ap50 >= 0.90, accuracy


@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
def test_it_finds_shapes_in_camera_frames(demo: Detector, size: tuple[int, int]) -> None:
    accuracy = measure(demo, scenes(UNSEEN, 30, SceneOptions.for_frame(size)))
    assert accuracy.ap50 >= 0.90, accuracy


def test_measuring_another_model_is_refused(demo: Detector) -> None:
    class Other:
        spec = type("Spec", (), {"labels": ("face",), "name": "other"})

    with pytest.raises(ValueError, match="other does not know"):
        measure(Other(), [])  # type: ignore[arg-type] # refused before it is used


def test_sample_clip_is_whole_and_has_sound() -> None:
    path = ASSETS / "demo.mp4"
    assert path.stat().st_size < 1_500_000
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (video.width, video.height) == SIZE
        assert video.average_rate == FPS
        times = [frame.time for frame in container.decode(video)]
        container.seek(0)
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio)])
    assert times == pytest.approx([float(Fraction(n, FPS)) for n in range(FPS * DURATION_S)], abs=1e-4)
    assert abs(len(samples) / audio.rate - DURATION_S) < 0.1
    assert 0.005 < float(np.abs(samples).mean()) < 0.2


def test_it_finds_the_shapes_of_the_sample_clip(demo: Detector) -> None:
    content, wanted = sample_clip(), DetectionFilter(score_threshold=0.5)
    there = seen = wrong = 0
    with av.open(str(ASSETS / "demo.mp4")) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 20:
                continue
            truth = content.frame(number / FPS)
            image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
            hits, extra = found_share(truth, demo.detect(image, wanted))
            there, seen, wrong = there + len(truth.class_ids), seen + hits, wrong + extra
    assert there > 100
    assert seen >= 0.9 * there
    assert wrong <= 0.1 * there  # where shapes pile up


def test_self_test_image_is_drawn_by_this_code_and_fully_understood(demo: Detector) -> None:
    image = cv2.imread(str(ASSETS / "selftest.png"))
    assert image is not None
    truth = selftest_scene()
    difference = np.abs(image.astype(np.int16) - truth.image_bgr)
    assert float(difference.mean()) < 0.5  # another OpenCV may round an edge differently
    described = json.loads((ASSETS / "selftest.json").read_text(encoding="utf-8"))
    assert described["model"] == "demo"
    assert [entry["label"] for entry in described["expected"]] == [CLASSES[k] for k in truth.class_ids]
    boxes = np.asarray([entry["box"] for entry in described["expected"]], np.float32)
    np.testing.assert_allclose(boxes, truth.boxes_xyxy, atol=1.0)
    found = demo.detect(np.asarray(image, dtype=np.uint8), DetectionFilter(score_threshold=0.5))
    assert found_share(truth, found) == (len(truth.class_ids), 0)
