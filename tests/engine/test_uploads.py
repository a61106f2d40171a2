"""Frames on their way to a device: what is copied, in which pieces, and what waits for what."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from detector.preprocess_torch import DeviceInput, ResizePlan
from detector.runtime import uploads
from detector.runtime.host_copies import HostCopies, pieces
from detector.runtime.uploads import PinnedUploads, PlainUploads
from detector.spec import InputSpec
from tests.support.tiny_models import picture

CPU = torch.device("cpu")


def plan_of(height: int, width: int) -> ResizePlan:
    return DeviceInput(InputSpec(240, 320), CPU, torch.float32).plan(height, width)


def wanted(frame: np.ndarray[Any, Any], plan: ResizePlan) -> np.ndarray[Any, Any]:
    return frame if plan.upload is None else frame[plan.upload.numpy()]


@pytest.mark.parametrize(("height", "width"), [(50, 40), (2000, 700)])
def test_frames_are_copied_piece_by_piece(height: int, width: int) -> None:
    frame = picture(height, width)[:, ::-1]  # strided
    frame.flags.writeable = False
    plan = plan_of(height, width)
    target = np.zeros((plan.uploaded_rows, width, 3), np.uint8)
    steps = pieces(frame, plan, target, 10 * width * 3 + 5)
    assert [step() for step in steps] == [10 * width * 3] * (plan.uploaded_rows // 10)
    np.testing.assert_array_equal(target, wanted(frame, plan))
    with pytest.raises(ValueError, match="in a plan for"):
        pieces(picture(9, 9), plan, target, 1)
    assert len(pieces(frame, plan, target, 1)) == plan.uploaded_rows  # at least a row


@pytest.mark.parametrize("threads", [1, 3])
def test_steps_are_told_in_order_by_however_many_threads(threads: int) -> None:
    copies = HostCopies(threads)
    seen: set[str] = set()
    both = threading.Barrier(min(threads, 2), timeout=60)

    def step(number: int) -> int:
        if number in (4, 5):  # the later one may be done before the earlier
            both.wait()
        seen.add(threading.current_thread().name)
        return number

    try:
        assert list(copies.done([lambda number=number: step(number) for number in range(9)])) == list(range(9))
        assert all(name.startswith("ssdv-upload") for name in seen) == (threads > 1)
    finally:
        copies.close()


def test_a_step_that_fails_is_told_and_the_threads_end() -> None:
    copies = HostCopies(2)
    with pytest.raises(ZeroDivisionError):
        list(copies.done([lambda: 1, lambda: 1 // 0, lambda: 3]))
    copies.close()


def test_an_upload_without_a_gpu_is_the_frames() -> None:
    frames = [picture(60, 50, seed) for seed in range(2)]
    there = PlainUploads(CPU).use(frames, plan_of(60, 50), lambda images: images)
    np.testing.assert_array_equal(there.numpy(), np.stack(frames))


LOG: list[str] = []


class NotedStream:
    """In the place of ``torch.cuda.Stream``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def wait_event(self, event: NotedEvent) -> None:
        LOG.append(f"{self.name} waits for {event.recorded}")

    def wait_stream(self, other: NotedStream) -> None:
        LOG.append(f"{self.name} waits for {other.name}")


class NotedEvent:
    """In the place of ``torch.cuda.Event``."""

    recorded = "nothing"

    def record(self, stream: NotedStream) -> None:
        self.recorded = f"what was on {stream.name}"
        LOG.append(f"noted on {stream.name}")

    def query(self) -> bool:
        return True

    def synchronize(self) -> None:
        """Nothing is ever queued."""


@pytest.fixture
def _noted(monkeypatch: pytest.MonkeyPatch) -> None:
    LOG.clear()
    empty: Any = torch.empty

    @contextlib.contextmanager
    def on(stream: NotedStream) -> Iterator[None]:
        LOG.append(f"sent on {stream.name}")
        yield

    monkeypatch.setattr(torch, "empty", lambda *size, pin_memory=False, **named: empty(*size, **named))
    monkeypatch.setattr(torch.cuda, "Event", NotedEvent)
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(uploads, "new_stream", lambda _device: NotedStream("copies"))


@pytest.mark.usefixtures("_noted")
def test_the_device_reads_what_was_sent_and_a_buffer_is_filled_once_it_was_read() -> None:
    stream: Any = NotedStream("work")
    pinned = PinnedUploads(CPU, stream)
    try:
        for size in ((60, 50), (60, 50), (700, 500), (700, 500), (60, 50)):
            frames, plan = [picture(*size, seed) for seed in range(3)], plan_of(*size)

            def work(images: torch.Tensor) -> torch.Tensor:
                LOG.append("work")
                return images.clone()

            LOG.clear()
            found = pinned.use(frames, plan, work)
            np.testing.assert_array_equal(found.numpy(), np.stack([wanted(frame, plan) for frame in frames]))
            order = ["sent on copies", "noted on copies", "work waits for what was on copies", "work", "noted on work"]
            assert LOG[-5:] == order
        # The fifth goes where the third was, and waits until that was read.
        assert LOG[0] == "copies waits for what was on work"
    finally:
        pinned.close()


@pytest.mark.usefixtures("_noted")
def test_a_frame_goes_in_pieces_and_many_frames_in_few(monkeypatch: pytest.MonkeyPatch) -> None:
    stream: Any = NotedStream("work")
    pinned = PinnedUploads(CPU, stream)
    counts: list[int] = []
    done = HostCopies.done

    def counted(copies: HostCopies, steps: Any) -> Iterator[int]:
        counts.append(len(steps))
        return done(copies, steps)

    monkeypatch.setattr(HostCopies, "done", counted)
    try:
        for count in (1, 8):
            pinned.use([picture(720, 1280)] * count, plan_of(720, 1280), lambda images: images)
        pinned.most_pieces = 2
        pinned.use([picture(720, 1280)], plan_of(720, 1280), lambda images: images)
    finally:
        pinned.close()
    assert 4 <= counts[0] <= 9
    assert counts[1:] == [8, 2]  # a frame each; halves
