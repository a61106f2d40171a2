"""Every frame at once, with the boxes where the motion took them, while the detector lags behind."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.frames import FrameResult
from app.core.live import LiveState
from app.core.live.smoothing import SmoothingSwitch
from app.core.settings import ModelSettings
from app.core.sources.base import SourceOptions
from detector.boxes import iou
from detector.detections import Candidates
from tests.support.live_probe import PATIENCE, LiveProbe
from tests.support.red_square import FRAMES, RedDetector, make_red_square, truth
from tools.fixtures.coded_images import ImageBGR


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_red_square(tmp_path_factory.mktemp("film") / "in.mp4")


class HeldDetector(RedDetector):
    """Answers as often as it is let go."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.go = threading.Semaphore(times)

    def candidates_batch(
        self, frames: Sequence[ImageBGR], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        assert self.go.acquire(timeout=PATIENCE)
        return super().candidates_batch(frames, iou_threshold, min_score)


def on_object(result: FrameResult) -> float:
    """IoU of the one box with the square, of which there must be one."""
    assert result.candidates is not None
    assert len(result.candidates) == 1
    return float(iou(result.candidates.boxes_xyxy, np.array([truth(result.frame.index)], np.float32))[0, 0])


def test_boxes_go_with_the_square_while_the_detector_is_busy_for_good(video: Path) -> None:
    detector = HeldDetector(2)  # to try the model, and one frame
    with LiveProbe(factory=lambda _: detector, smoothing="on") as probe:
        try:
            probe.start(str(video))
            probe.session.pause()
            probe.detected()
            probe.session.resume()
            results = [probe.result_where(lambda result: result.followed)]
            while results[-1].frame.index < FRAMES - 1:
                results.append(probe.next_result())
            assert all(result.followed for result in results)
            assert min(on_object(result) for result in results) > 0.7
            assert [result.frame.index for result in results] == sorted({r.frame.index for r in results})
            assert len({result.detected_ns for result in results}) == 1, "all from one run of the network"
            assert results[-1].numbers == (1,)
        finally:
            detector.go.release(1000)


def test_a_paused_frame_has_the_detectors_own_answer(video: Path) -> None:
    with LiveProbe(factory=lambda _: RedDetector(), smoothing="on") as probe:
        probe.start(str(video))
        probe.result_where(lambda result: result.candidates is not None)
        probe.session.pause()
        for index in (20, 3, 31, 8):
            probe.session.seek(Fraction(index, 30))
            exact = probe.result_where(
                lambda result, wanted=index: result.frame.index == wanted and result.candidates is not None  # type: ignore[misc] # bound now
            )
            assert not exact.followed
            assert on_object(exact) > 0.85


def test_nothing_is_followed_across_a_seek(video: Path) -> None:
    detector = HeldDetector(2)
    with LiveProbe(factory=lambda _: detector, smoothing="on") as probe:
        try:
            probe.start(str(video), SourceOptions(loop=True))
            probe.session.pause()
            probe.detected()
            probe.session.resume()
            probe.result_where(lambda result: result.followed)
            probe.result_where(lambda result: result.frame.index < 5 and result.candidates is None)
        finally:
            detector.go.release(1000)


def test_objects_have_numbers_and_the_number_stays(video: Path) -> None:
    with LiveProbe(factory=lambda _: RedDetector(), smoothing="on") as probe:
        probe.start(str(video), SourceOptions(loop=False))
        seen: set[int | None] = set()
        while probe.session.state is not LiveState.PAUSED:
            result = probe.session.results.take(0.5)
            if result is not None and result.followed:
                seen |= set(result.numbers)
        assert seen - {None} <= {1}


def test_off_keeps_boxes_and_frames_together(video: Path) -> None:
    with LiveProbe(factory=lambda _: RedDetector(), smoothing="off") as probe:
        probe.start(str(video))
        for _ in range(10):
            result = probe.detected()
            assert not result.followed
            assert on_object(result) > 0.85


def test_auto_is_on_while_the_detector_is_slower() -> None:
    switch = SmoothingSwitch()
    for number in range(40):
        switch.frame(number * 33_000_000)
        switch.detected(20.0)
    assert not switch.on
    for number in range(40, 80):
        switch.frame(number * 33_000_000)
        switch.detected(150.0)
    assert switch.on
    for number in range(80, 120):
        switch.frame(number * 33_000_000)
        switch.detected(32.0)  # neither clearly slower nor clearly faster: as it was
    assert switch.on
    for number in range(120, 160):
        switch.frame(number * 33_000_000)
        switch.detected(10.0)
    assert not switch.on
    switch.set_mode("on")
    assert switch.on
    switch.set_mode("nonsense")
    assert not switch.on


def test_an_image_that_was_there_before_the_model_is_shown_with_its_answer(tmp_path: Path) -> None:
    image = np.full((120, 160, 3), 90, np.uint8)
    image[40:80, 50:100] = (40, 0, 200)
    assert cv2.imwrite(str(tmp_path / "still.png"), image)
    go = threading.Event()

    def late(_: ModelSettings) -> RedDetector:
        assert go.wait(PATIENCE)
        return RedDetector()

    with LiveProbe(factory=late, smoothing="on") as probe:
        probe.start(str(tmp_path / "still.png"))
        assert probe.next_result().candidates is None
        go.set()
        assert not probe.detected().followed
