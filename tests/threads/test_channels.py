"""LatestSlot never goes backwards and counts every value; Channel loses nothing and keeps the order."""

from __future__ import annotations

import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.channels import Channel, Closed, LatestSlot
from app.core.workers import Worker

PATIENCE = 60.0


def fail_on_error(error: BaseException) -> None:
    raise AssertionError("worker failed") from error


@given(st.lists(st.sampled_from(["put", "take", "wake"])))
def test_slot_against_a_model(actions: list[str]) -> None:
    slot: LatestSlot[int] = LatestSlot()
    waiting: int | None = None
    puts = takes = drops = 0
    for action in actions:
        if action == "put":
            puts += 1
            drops += waiting is not None
            assert slot.put(puts) == (waiting is None)
            waiting = puts
        elif action == "take":
            takes += waiting is not None
            assert slot.take(0) == waiting
            waiting = None
        else:
            slot.wake()
        assert (slot.put_count, slot.take_count, slot.dropped) == (puts, takes, drops)
        assert puts == takes + drops + (waiting is not None)


def test_only_the_reader_uses_up_a_wake_up() -> None:
    slot: LatestSlot[int] = LatestSlot()
    slot.wake()
    assert slot.take_nowait() is None
    slot.put(1)
    assert slot.take_nowait() == 1
    assert (slot.put_count, slot.take_count, slot.dropped) == (1, 1, 0)
    reader = Worker("test-read", lambda stop: assert_none(slot.take()), fail_on_error)
    reader.start()
    ended = reader.join(PATIENCE)
    slot.close()  # lets a reader go that was not woken
    assert ended


def assert_none(value: object) -> None:
    assert value is None


def test_slot_between_threads_goes_forward_and_counts_everything() -> None:
    slot: LatestSlot[int] = LatestSlot()
    last, seen = 20_000, []

    def write(stop: threading.Event) -> None:
        for number in range(last + 1):
            slot.put(number)

    writer = Worker("test-write", write, fail_on_error)
    writer.start()
    while not seen or seen[-1] != last:
        number = slot.take(PATIENCE)
        assert number is not None
        seen.append(number)
    assert writer.join(PATIENCE)
    assert seen == sorted(set(seen))
    assert slot.put_count == last + 1 == slot.take_count + slot.dropped
    assert slot.take_count == len(seen)


def test_slot_close_wakes_the_reader_and_refuses_values() -> None:
    slot: LatestSlot[int] = LatestSlot()
    taken: list[int | None] = []
    reader = Worker("test-read", lambda stop: taken.append(slot.take()), fail_on_error)
    reader.start()
    slot.close()
    assert reader.join(PATIENCE)
    assert taken == [None]
    assert slot.closed
    assert not slot.put(1)
    assert slot.take() is None
    assert slot.put_count == 0


def test_slot_close_counts_the_unread_value_as_dropped() -> None:
    slot: LatestSlot[str] = LatestSlot()
    slot.put("unread")
    slot.close()
    assert (slot.put_count, slot.take_count, slot.dropped) == (1, 0, 1)


def test_slot_wake_up_is_kept_for_the_next_take_only() -> None:
    slot: LatestSlot[int] = LatestSlot()
    slot.wake()
    assert slot.take() is None
    slot.wake()
    slot.put(5)
    assert slot.take() == 5
    assert slot.take(0) is None


@given(st.integers(1, 4), st.lists(st.sampled_from(["put", "get"])))
def test_channel_against_a_model(capacity: int, actions: list[str]) -> None:
    channel: Channel[int] = Channel(capacity)
    model: deque[int] = deque()
    for number, action in enumerate(actions):
        if action == "put":
            fits = len(model) < capacity
            assert channel.put(number, timeout=0) == fits
            if fits:
                model.append(number)
        elif model:
            assert channel.get(timeout=0) == model.popleft()
        else:
            with pytest.raises(TimeoutError):
                channel.get(timeout=0)
        assert len(channel) == len(model)
    channel.close()
    assert list(channel) == list(model)


@pytest.mark.parametrize("capacity", [1, 3])
def test_channel_between_threads_loses_nothing(capacity: int) -> None:
    channel: Channel[int] = Channel(capacity)

    def write(stop: threading.Event) -> None:
        for number in range(5_000):
            channel.put(number)
        channel.close()

    writer = Worker("test-write", write, fail_on_error)
    writer.start()
    assert list(channel) == list(range(5_000))
    assert writer.join(PATIENCE)


def test_channel_closing() -> None:
    channel: Channel[int] = Channel(2)
    channel.put(1)
    channel.close()
    with pytest.raises(Closed):
        channel.put(2)
    assert channel.get() == 1
    with pytest.raises(Closed):
        channel.get()


def test_channel_close_releases_a_waiting_writer() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(1)
    errors: list[BaseException] = []
    writer = Worker("test-write", lambda stop: channel.put(2) and None, errors.append)
    writer.start()
    channel.close()
    assert writer.join(PATIENCE)
    assert [type(error) for error in errors] == [Closed]
    assert list(channel) == [1]


def test_channel_failure_reaches_both_sides_and_the_first_reason_stays() -> None:
    channel: Channel[int] = Channel(2)
    channel.put(1)
    channel.fail(OSError("disk full"))
    channel.fail(ValueError("later"))
    with pytest.raises(OSError, match="disk full"):
        channel.put(2)
    assert channel.get() == 1
    with pytest.raises(OSError, match="disk full"):
        channel.get()


def test_channel_needs_room() -> None:
    with pytest.raises(ValueError, match="room"):
        Channel(0)


def test_a_slot_with_more_room_keeps_the_newest_few_in_order() -> None:
    slot: LatestSlot[int] = LatestSlot(3)
    assert [slot.put(value) for value in range(5)] == [True, False, False, False, False]
    assert (slot.put_count, slot.dropped) == (5, 2)
    assert [slot.take() for _ in range(3)] == [2, 3, 4]
    assert slot.take(0) is None
    slot.put(5)
    slot.put(6)
    slot.close()
    assert (slot.take_count, slot.dropped) == (3, 4)
