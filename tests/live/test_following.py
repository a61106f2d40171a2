"""Every frame at once, with the boxes where the motion took them, while the detector lags behind."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.core.frames import Frame, FrameResult, ObjectFacts
from app.core.live.follow import FollowStage
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
            seen = {id(result.seen): result.seen for result in results}.values()
            (answer,) = seen
            assert answer is not None
            assert (answer.followed, answer.numbers, on_object(answer) > 0.85) == (False, (1,), True)
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
                lambda result, wanted=index: (  # type: ignore[misc] # bound now
                    result.frame.index == wanted and result.candidates is not None and not result.followed
                )
            )
            assert on_object(exact) > 0.85
            assert exact.numbers[0] is not None


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


GREY = np.full((90, 160, 3), 90, np.uint8)


class _Shown:
    """Collects what a follow stage shows, and waits for it."""

    def __init__(self) -> None:
        self.results: list[FrameResult] = []
        self.gone = threading.Event()
        self._changed = threading.Condition()
        self.stage = FollowStage(self._take, 0.5, self.gone.set)
        self._clock = itertools.count(1)

    def _take(self, _epoch: int, result: FrameResult) -> None:
        with self._changed:
            self.results.append(result)
            self._changed.notify_all()

    def wait(self, wanted: Callable[[FrameResult], bool]) -> FrameResult:
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(wanted, self.results)), PATIENCE)
            return next(result for result in reversed(self.results) if wanted(result))

    def frame(self, index: int, epoch: int = 1, jumps: int = 0, image: ImageBGR = GREY) -> Frame:
        frame = Frame(image, image, index, Fraction(index, 30), next(self._clock), jumps=jumps)
        self.stage.frame(epoch, frame)
        self.wait(lambda result: result.frame is frame)
        return frame

    def answer(self, frame: Frame, *classes: int, epoch: int = 1) -> FrameResult:
        """The detector found one object of each of these classes, side by side."""
        count = len(classes)
        boxes = np.array([[10 + 40 * n, 10, 40 + 40 * n, 60] for n in range(count)], np.float32).reshape(-1, 4)
        found = Candidates(boxes, np.full(count, 0.9, np.float32), np.array(classes, np.int32))
        return self.give(FrameResult(frame, found, ("car", "person"), "net", 1.0, 1), epoch)

    def give(self, answer: FrameResult, epoch: int = 1) -> FrameResult:
        self.stage.answer(epoch, answer)
        return self.wait(lambda result: result.frame is answer.frame and not result.followed and result.so_far != ())


@pytest.fixture
def shown() -> Iterator[_Shown]:
    made = _Shown()
    made.stage.worker.start()
    yield made
    made.stage.stop()
    made.stage.worker.join(PATIENCE)


def test_objects_have_numbers_and_the_number_stays(video: Path, shown: _Shown) -> None:
    detector = RedDetector()
    with av.open(str(video)) as container:
        for index, decoded in enumerate(container.decode(video=0)):
            frame = shown.frame(index, image=decoded.to_ndarray(format="bgr24"))
            if index % 5 == 0:
                found = detector.candidates_batch([frame.image_bgr])[0]
                shown.give(FrameResult(frame, found, ("square",), "net", 1.0, 1))
    assert {number for result in shown.results for number in result.numbers} == {1}
    assert min(on_object(result) for result in shown.results if result.candidates is not None) > 0.7
    assert shown.results[-1].so_far == (1,)


def test_the_detectors_own_answer_has_numbers_ages_and_counts(shown: _Shown) -> None:
    exact = shown.answer(shown.frame(0), 0, 1, 1)
    assert not exact.followed
    assert exact.numbers == (1, 2, 3)
    assert exact.so_far == (1, 2)
    assert exact.objects == (ObjectFacts(0.0, 0.0),) * 3


def test_what_the_network_missed_says_since_when(shown: _Shown) -> None:
    shown.answer(shown.frame(0), 0, 1)
    second = shown.frame(3)
    shown.answer(second, 0)
    third = shown.frame(6)
    result = shown.wait(lambda result: result.frame is third)
    assert result.followed
    facts = dict(zip(result.numbers, result.objects, strict=True))
    assert facts == {1: ObjectFacts(0.0, 0.1), 2: ObjectFacts(0.0, 0.0, missed=True)}
    assert result.so_far == (1, 1), "what is missed is not another"


@pytest.mark.parametrize("to", [20, 110])
def test_a_seek_ends_all_and_its_objects_have_numbers_of_their_own(shown: _Shown, to: int) -> None:
    late = shown.frame(100)
    assert shown.answer(late, 0, 1).numbers == (1, 2)
    early = shown.frame(to, jumps=1)
    shown.stage.answer(1, FrameResult(late, Candidates.empty(), ("car", "person"), "net", 1.0, 1))  # too late
    again = shown.answer(early, 0)
    assert again.numbers == (3,)
    assert again.objects == (ObjectFacts(to / 30, to / 30),)
    assert again.so_far == (1, 0), "counted from the jump on"


def test_after_a_pause_objects_are_others_and_are_counted_on(shown: _Shown) -> None:
    shown.answer(shown.frame(0), 0, 1)
    after = shown.answer(shown.frame(90), 1)
    assert (after.numbers, after.so_far) == ((3,), (1, 2))


def test_another_model_counts_anew(shown: _Shown) -> None:
    shown.answer(shown.frame(0), 0, 1)
    found = Candidates(np.array([[10, 10, 40, 60]], np.float32), np.array([0.9], np.float32), np.array([0], np.int32))
    other = shown.give(FrameResult(shown.frame(3), found, ("shape",), "other", 1.0, 1))
    assert (other.numbers, other.so_far) == ((None,), (0,)), "it may be a flicker"
    third = shown.give(FrameResult(shown.frame(9), found, ("shape",), "other", 1.0, 1))
    assert (third.numbers, third.so_far) == ((3,), (1,))


def test_a_run_of_the_detector_that_failed_ends_nothing(shown: _Shown) -> None:
    shown.answer(shown.frame(0), 0)
    shown.stage.answer(1, FrameResult(shown.frame(1), None))
    again = shown.answer(shown.frame(2), 0)
    assert (again.numbers, again.so_far) == ((1,), (1, 0))


def test_another_source_counts_from_one(shown: _Shown) -> None:
    shown.answer(shown.frame(0), 0)
    assert shown.answer(shown.frame(0, epoch=2), 1, epoch=2).numbers == (1,)


def test_nothing_is_followed_in_a_mask(shown: _Shown) -> None:
    right = ((0.3, 0.0), (1.0, 0.0), (1.0, 1.0), (0.3, 1.0))  # the second object's middle lies at 65 of 160 pixels
    shown.stage.set_masks((right,))
    exact = shown.answer(shown.frame(0), 0, 1)
    assert exact.numbers == (1, None)
    assert exact.so_far == (1, 0)
    shown.stage.set_masks(())
    later = [shown.answer(shown.frame(index), 0, 1).numbers for index in range(1, 8)]
    assert later[-1] == (1, 2)


@pytest.mark.expects_log
def test_the_view_goes_on_if_following_fails(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise cv2.error("of a driver, say")

    monkeypatch.setattr("app.core.following.follower.Follower.advance", fail)
    with LiveProbe(factory=lambda _: RedDetector(), smoothing="on") as probe:
        probe.start(str(video), SourceOptions(loop=True))
        for _ in range(10):
            assert not probe.detected().followed


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
        detected = probe.detected()
        assert not detected.followed
        assert detected.numbers == (), "nothing moves in an image"
