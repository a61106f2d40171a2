"""One detector for several users: opened once, asked in turn, closed after the last."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.detections import Candidates
from detector.errors import DetectorError, DeviceFailedError
from detector.model_file import ModelEntry, open_file
from detector.runtime.open import open_detector
from detector.runtime.shared import THREAD, SharedDetectors
from tests.support.steady_detector import FakeDetector
from tests.support.tiny_models import picture, random_spec, save_random


@pytest.fixture
def entry(tmp_path: Path) -> ModelEntry:
    save_random(tmp_path / "random.safetensors", random_spec("ultraface-rfb"))
    return open_file(tmp_path / "random.safetensors")


@pytest.fixture(autouse=True)
def _threads_end() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if thread.name.startswith(THREAD):
            thread.join(60)
            assert not thread.is_alive()


class Noted(FakeDetector):
    """Remembers who used it."""

    def __init__(self) -> None:
        super().__init__()
        self.threads = {threading.current_thread()}
        self.frames: list[int] = []
        self.closed = 0

    def candidates_batch(self, frames: Sequence[Any], *rest: Any, **named: Any) -> list[Candidates]:
        self.threads.add(threading.current_thread())
        self.frames += [int(frame[0, 0, 0]) for frame in frames]
        return super().candidates_batch(frames, *rest, **named)

    def close(self) -> None:
        self.threads.add(threading.current_thread())
        self.closed += 1
        super().close()


def frame(value: int) -> Any:
    return np.full((32, 32, 3), value, np.uint8)


def test_it_answers_as_one_of_its_own(entry: ModelEntry) -> None:
    shared = SharedDetectors(lambda _key: open_detector(entry, "cpu", "fp32"))
    with open_detector(entry, "cpu", "fp32") as alone, shared.open("a") as first, shared.open("a") as second:
        assert (first.engine, first.device, first.precision) == (alone.engine, alone.device, alone.precision)
        for seed, share in enumerate((first, second)):
            found, wanted = (
                share.candidates_batch([picture(seed=seed)])[0],
                alone.candidates_batch([picture(seed=seed)])[0],
            )
            np.testing.assert_array_equal(found.boxes_xyxy, wanted.boxes_xyxy)
            np.testing.assert_array_equal(found.scores, wanted.scores)


def test_it_is_opened_once_on_one_thread_and_closed_after_the_last() -> None:
    made: list[Noted] = []

    def factory(_key: str) -> Noted:
        made.append(Noted())
        return made[-1]

    shared = SharedDetectors(factory)
    users = [shared.open("a") for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda user: user.detect(frame(1)), users))
    for user in users[:2]:
        user.close()
    users[2].detect(frame(2))
    assert made[0].closed == 0
    users[2].close()
    users[2].close()
    another = shared.open("a")
    assert len(made) == 2, "the first one is closed"
    another.close()
    for thread in threading.enumerate():
        if thread.name.startswith(THREAD):
            thread.join(60)
    assert [detector.closed for detector in made] == [1, 1]
    assert all(len(detector.threads) == 1 for detector in made)
    assert threading.current_thread() not in made[0].threads


def test_users_wait_for_one_another_and_each_gets_its_own_answers() -> None:
    under_way, most = 0, 0
    lock = threading.Lock()

    class Careful(Noted):
        def candidates_batch(self, frames: Sequence[Any], *rest: Any, **named: Any) -> list[Candidates]:
            nonlocal under_way, most
            with lock:
                under_way += 1
                most = max(most, under_way)
            found = super().candidates_batch(frames, *rest, **named)
            with lock:
                under_way -= 1
            return found

    detector = Careful()
    shared = SharedDetectors(lambda _key: detector)
    users = [shared.open("a") for _ in range(3)]

    def work(number: int) -> None:
        for _ in range(4):
            assert len(users[number].candidates_batch([frame(number)])) == 1

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    for user in users:
        user.close()
    assert sorted(detector.frames) == sorted([0, 1, 2] * 4)
    assert most == 1


def test_another_key_is_another_detector() -> None:
    shared = SharedDetectors(lambda _key: Noted())
    a, b = shared.open("a"), shared.open("b")
    a.close()
    assert len(b.detect_batch([frame(1)])) == 1
    b.close()


def test_what_cannot_be_opened_is_told_to_all_and_tried_again() -> None:
    tries: list[str] = []

    def fails(key: str) -> Noted:
        tries.append(key)
        if len(tries) < 2:
            raise DetectorError("No such model.")
        return Noted()

    shared = SharedDetectors(fails)
    with pytest.raises(DetectorError, match="No such model"):
        shared.open("a")
    shared.open("a").close()
    assert tries == ["a", "a"]


def test_a_failure_reaches_the_user_and_the_next_frame_is_another_try() -> None:
    detector = Noted()
    works = detector.candidates_batch
    shared = SharedDetectors(lambda _key: detector)
    user = shared.open("a")

    def fails(*_arguments: Any) -> Any:
        raise DeviceFailedError("The device failed.")

    detector.candidates_batch = fails  # type: ignore[method-assign]
    with pytest.raises(DeviceFailedError):
        user.detect(frame(1))
    detector.candidates_batch = works  # type: ignore[method-assign]
    user.detect(frame(2))
    user.close()
