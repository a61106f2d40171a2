"""Running a model over a data set: images missing, damaged or turned; cancelling; and a real model on drawn scenes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.errors import AppError
from app.lab.evaluation.model_run import EvaluationCancelledError, read_as_annotated, run_model
from detector.detections import DetectionFilter
from detector.errors import DetectorError
from detector.evaluation.data_sets import read_data, score
from detector.evaluation.results import CocoResult
from detector.model_file import open_file
from detector.runtime.base import ImageBGR
from detector.runtime.open import open_detector
from tests.support.steady_detector import FakeDetector
from tools.demo.evaluate import average_precision
from tools.demo.samples import FRESH, scenes
from tools.fixtures.data_sets import write_scenes_coco, write_scenes_voc, write_year


@pytest.fixture
def year(tmp_path: Path) -> Path:
    """Five images of 200 x 100 pixels with the car that the steady detector finds; 3 is damaged, 4 missing."""
    car = ("car", (41.0, 21.0, 161.0, 81.0), False)
    root = write_year(
        tmp_path / "VOC2007", {f"00000{n}": [car, ("dog", (1, 1, 9, 9), True)] for n in range(1, 6)}, size=(200, 100)
    )
    for number in (1, 2, 5):
        cv2.imwrite(str(root / "JPEGImages" / f"00000{number}.jpg"), np.zeros((100, 200, 3), np.uint8))
    (root / "JPEGImages" / "000003.jpg").write_bytes(b"not an image")
    return root


def test_a_model_is_measured_on_what_can_be_read(year: Path) -> None:
    steps: list[tuple[int, int]] = []
    detector = FakeDetector()
    run = run_model(detector, read_data(year), on_progress=lambda done, total: steps.append((done, total)))
    assert [image.image_id for image in run.data.images] == ["000001", "000002", "000005"]
    assert run.found.images.tolist() == [0, 1, 2]  # the person is no class of the data, the second car is suppressed
    assert run.found.boxes_xyxy[0].tolist() == [40, 20, 160, 80]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert score(run.data, run.found, "voc07").mean_ap == 1.0
    assert [note for note in run.notes if "000003.jpg is not a readable image" in note]
    assert run.notes[-1] == "Measured on 3 of 5 images, those that are here and can be read."


def test_classes_are_joined_by_hand(year: Path) -> None:
    run = run_model(FakeDetector(), read_data(year), renames={"person": "dog"})
    assert np.unique(run.found.class_ids).tolist() == [0, 1]
    with pytest.raises(DetectorError, match="knows no class"):
        run_model(FakeDetector(), read_data(year), renames={"cat": "dog"})


def test_a_detector_gets_as_many_as_it_likes_and_a_filter_is_obeyed(year: Path) -> None:
    detector = FakeDetector(batch=8)
    run = run_model(detector, read_data(year), DetectionFilter(0.5, 0.99))
    assert detector.batches == [3]
    assert len(run.found) == 6


def test_stopping_leaves_no_thread(year: Path) -> None:
    stop = threading.Event()

    def pressed(_frames: Sequence[ImageBGR]) -> None:
        stop.set()

    with pytest.raises(EvaluationCancelledError):
        run_model(FakeDetector(pressed), read_data(year), stop=stop)
    assert not [thread for thread in threading.enumerate() if thread.name == "ssdv-evaluate-read"]


def test_a_detector_that_fails_ends_the_reader(year: Path) -> None:
    def fail(_frames: Sequence[ImageBGR]) -> None:
        raise DetectorError("out of memory")

    with pytest.raises(DetectorError, match="out of memory"):
        run_model(FakeDetector(fail), read_data(year))


def test_no_image_at_all_is_one_line(year: Path) -> None:
    for file in (year / "JPEGImages").iterdir():
        file.write_bytes(b"")
    with pytest.raises(AppError, match="None of the 4 images can be read"):
        run_model(FakeDetector(), read_data(year))
    for file in (year / "JPEGImages").iterdir():
        file.unlink()
    with pytest.raises(AppError, match=r"None of the 5 images is on this computer\. .*JPEGImages"):
        run_model(FakeDetector(), read_data(year))


def test_a_turned_image_is_read_the_way_it_was_annotated(tmp_path: Path) -> None:
    stored = np.zeros((60, 90, 3), np.uint8)
    stored[:, :30] = (0, 0, 255)
    data = cv2.imencode(".jpg", stored)[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # orientation 6: turn right
    path = tmp_path / "turned.jpg"
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    assert read_as_annotated(path, 0, 0).shape == (90, 60, 3)
    assert read_as_annotated(path, 60, 90).shape == (90, 60, 3)
    as_stored = read_as_annotated(path, 90, 60)
    assert as_stored.shape == (60, 90, 3)
    assert as_stored[30, 10, 2] > 200
    assert read_as_annotated(path, 45, 30).shape == (90, 60, 3)


def test_images_of_another_size_are_named(year: Path) -> None:
    cv2.imwrite(str(year / "JPEGImages" / "000002.jpg"), np.zeros((50, 100, 3), np.uint8))
    run = run_model(FakeDetector(), read_data(year))
    assert any(
        note.startswith("1 image has another size than annotated") and "000002.jpg" in note for note in run.notes
    )


def test_the_demo_model_scores_on_files_what_it_scores_in_memory(tmp_path: Path, repository: Path) -> None:
    """The same scenes by this way and by pycocotools; VOC's boxes and COCO's mean the same."""
    drawn = list(scenes(FRESH, 16))
    demo = open_file(repository / "weights" / "demo.safetensors")
    with open_detector(demo, device="cpu", precision="fp32") as detector:
        run = run_model(detector, read_data(write_scenes_coco(tmp_path / "coco", drawn)))
        result = score(run.data, run.found, "coco")
        expected = average_precision(drawn, detector.detect_batch([scene.image_bgr for scene in drawn]))
        as_voc = run_model(detector, read_data(write_scenes_voc(tmp_path / "voc", drawn)))
    assert isinstance(result, CocoResult)
    assert result.mean_ap == pytest.approx(expected.ap, abs=1e-9)
    assert result.numbers["AP50"] == pytest.approx(expected.ap50, abs=1e-9)
    assert expected.ap50 > 0.8
    assert score(as_voc.data, as_voc.found, "coco").mean_ap == pytest.approx(expected.ap, abs=1e-9)
    assert score(as_voc.data, as_voc.found, "voc").mean_ap > 0.8
    assert (run.notes, as_voc.notes) == ((), ())
