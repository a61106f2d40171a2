"""Playback by the clock, with made-up clocks and sources: order, pause, seek, step, loop; no racing to catch up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.frames import Frame, SourceInfo
from app.core.live.events import ALLOWED, LiveState
from app.core.live.player import Player
from app.core.live.transport import PlaybackClock, PlaybackCommand, Transport
from app.core.sources.base import frame_from_bgr, never
from app.core.workers import Worker

MS = 1_000_000
PATIENCE = 60.0


class FakeFile:
    """A file of ``count`` frames, 1/``fps`` apart; remembers how often each was read."""

    def __init__(self, count: int, fps: int = 1000) -> None:
        self.reopen_uri = "fake"
        self.fps = fps
        self.count = count
        self.next = 0
        self.slow = False
        self.info = SourceInfo("video", "fake", 4, 4, Fraction(fps), Fraction(count, fps), count, seekable=True)

    def read(self) -> Frame | None:
        if self.next >= self.count:
            return None
        index, self.next = self.next, self.next + 1
        return frame_from_bgr(np.zeros((4, 4, 3), np.uint8), index, Fraction(index, self.fps), 0)

    def seek(self, pts_s: Fraction, enough: Callable[[], bool] = never) -> bool:
        target = max(0, min(self.count - 1, int(pts_s * self.fps)))
        on_the_way = self.slow and self.next < target - 1
        self.next = (self.next + target) // 2 if on_the_way else target
        return not on_the_way

    def seek_before(self, pts_s: Fraction) -> None:
        self.next = max(0, -int(-pts_s * self.fps // 1) - 1)

    def take_notes(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        """Nothing open."""


class Screen:
    """Collects what a player on its own thread shows."""

    def __init__(self, source: FakeFile, transport: Transport) -> None:
        self.transport = transport
        self.shown: list[int] = []
        self.ended = 0
        self._changed = threading.Condition()
        player = Player(source, transport, self._frame, self._end)
        self.worker = Worker("test-play", player.play, lambda error: pytest.fail(str(error)))

    def __enter__(self) -> Screen:
        self.worker.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.worker.stop()
        self.transport.close()
        assert self.worker.join(PATIENCE)

    def _frame(self, frame: Frame) -> None:
        with self._changed:
            self.shown.append(frame.index)
            self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            self.ended += 1
            self._changed.notify_all()

    def wait_shown(self, count: int) -> list[int]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.shown) >= count, PATIENCE), self.shown
            return list(self.shown)

    def wait_for(self, index: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.shown[-1:] == [index], PATIENCE), self.shown

    def wait_ended(self, times: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.ended >= times, PATIENCE)


def test_plays_every_frame_once_then_pauses_at_the_end() -> None:
    with Screen(FakeFile(30), Transport()) as screen:
        screen.wait_ended()
        assert screen.shown == list(range(30))
        assert screen.transport.paused
        screen.transport.set_paused(False)
        screen.wait_ended(2)
        assert screen.shown == list(range(30)) * 2


def test_paused_from_the_start_shows_the_first_frame_only() -> None:
    with Screen(FakeFile(30), Transport(paused=True)) as screen:
        assert screen.wait_shown(1) == [0]
        screen.transport.step(1)
        assert screen.wait_shown(2) == [0, 1]


def test_a_long_way_shows_how_far_it_is_and_arrives() -> None:
    file = FakeFile(1000)
    file.slow = True
    transport = Transport(paused=True)
    with Screen(file, transport) as screen:
        screen.wait_shown(1)
        transport.seek(Fraction(1, 2))
        screen.wait_for(500)
        assert screen.shown == sorted(screen.shown)


def test_another_place_ends_the_way_to_the_one_before() -> None:
    file, transport = FakeFile(1000), Transport(paused=True)
    asked: list[Fraction] = []
    seek = file.seek

    def meanwhile(pts_s: Fraction, enough: Callable[[], bool] = never) -> bool:
        if not asked:
            transport.seek(Fraction(3, 1000))
            assert enough()
        asked.append(pts_s)
        return seek(pts_s) and len(asked) > 1

    file.seek = meanwhile  # type: ignore[method-assign] # a user who is faster than the file
    with Screen(file, transport) as screen:
        screen.wait_shown(1)
        transport.seek(Fraction(700, 1000))
        screen.wait_for(3)
    assert asked == [Fraction(700, 1000), Fraction(3, 1000)]


def test_stepping_and_seeking_while_paused_show_exactly_what_was_asked() -> None:
    with Screen(FakeFile(100), Transport(paused=True)) as screen:
        expected = [0]
        screen.wait_shown(1)
        for frames, index in ((1, 1), (2, 3), (-1, 2), (-5, 0), (1, 1)):
            screen.transport.step(frames)
            expected.append(index)
            assert screen.wait_shown(len(expected)) == expected
        for index in (77, 3, 99, 0):
            screen.transport.seek(Fraction(index, 1000))
            expected.append(index)
            assert screen.wait_shown(len(expected)) == expected
        screen.transport.seek(Fraction(98, 1000))
        screen.wait_shown(len(expected) + 1)
        screen.transport.step(10)
        assert screen.wait_shown(len(expected) + 2)[-2:] == [98, 99]


def test_looping_begins_again_and_a_single_frame_does_not_spin() -> None:
    with Screen(FakeFile(3), Transport(loop=True)) as screen:
        assert screen.wait_shown(9)[:9] == [0, 1, 2] * 3
    begun = time.monotonic_ns()
    with Screen(FakeFile(1, fps=50), Transport(loop=True)) as screen:
        screen.wait_shown(4)
        assert time.monotonic_ns() - begun >= 3 * 20 * MS


def test_looping_over_a_file_that_gives_nothing_any_more_ends() -> None:
    source = FakeFile(3)
    with Screen(source, Transport(loop=True)) as screen:
        screen.wait_shown(1)
        source.count = 0
        screen.wait_ended()


def test_last_of_many_seeks_wins_and_cancels_steps() -> None:
    transport = Transport()
    transport.step(3)
    transport.seek(Fraction(1))
    transport.seek(Fraction(2))
    transport.step(1)
    transport.step(1)
    assert transport.take_command() == PlaybackCommand(seek=Fraction(2))
    assert transport.take_command() == PlaybackCommand(steps=2)
    assert transport.take_command() is None


def test_waiting_ends_with_an_order_a_pause_or_the_end() -> None:
    transport = Transport()
    assert transport.wait_turn(0)
    far = time.monotonic_ns() + 10**12
    transport.set_paused(True)
    assert not transport.wait_turn(far)
    transport.set_paused(False)
    transport.step(1)
    assert not transport.wait_turn(far)
    transport.take_command()
    transport.close()
    assert not transport.wait_turn(far)
    transport.wait_command()


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 300)), min_size=1))
def test_pacer_keeps_the_times_of_the_file_and_never_lags_more_than_a_little(steps: list[tuple[int, int]]) -> None:
    """Each step: the file's next frame is so many ms later; reading it took so many ms."""
    clock = PlaybackClock()
    now, pts_ms = 5_000 * MS, 0
    origin: tuple[int, int] | None = None
    for gap_ms, work_ms in steps:
        now += work_ms * MS
        pts_ms += gap_ms
        before = clock.resyncs
        due = clock.due_ns(Fraction(pts_ms, 1000), now)
        assert due >= now - 100 * MS
        if origin is None or clock.resyncs > before:
            assert due == now
            origin = (now, pts_ms)
        assert due == origin[0] + (pts_ms - origin[1]) * MS
        now = max(now, due)


def test_every_state_can_be_stopped_and_idle_only_starts() -> None:
    assert set(ALLOWED) == set(LiveState)
    assert ALLOWED[LiveState.IDLE] == {LiveState.STARTING}
    assert ALLOWED[LiveState.STOPPING] == {LiveState.IDLE}
    for state in (LiveState.STARTING, LiveState.RUNNING, LiveState.PAUSED, LiveState.FAILED):
        assert LiveState.STOPPING in ALLOWED[state]
