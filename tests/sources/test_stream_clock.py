"""When frames of a stream are shown, by a clock that the test turns."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.sources.stream_clock import StreamClock

_S = 1_000_000_000


class Viewer:
    """Reads as the program does: asks for a frame, waits until it is there, holds it, shows it.

    Args:
        clock: Says how long to hold.
    """

    def __init__(self, clock: StreamClock) -> None:
        self.clock = clock
        self.now_ns = 0
        self.shown: list[tuple[Fraction, int]] = []

    def watch(self, frames: Iterable[tuple[Fraction, float]]) -> None:
        """``frames``: the time of each, and when it can be had, seconds."""
        for pts_s, there_s in frames:
            asked_ns = self.now_ns
            arrived_ns = max(asked_ns, int(there_s * _S))
            self.now_ns = arrived_ns + self.clock.hold_ns(pts_s, asked_ns, arrived_ns)
            self.shown.append((pts_s, self.now_ns))

    def gaps_s(self, skip: int = 0) -> list[float]:
        times = [at for _, at in self.shown[skip:]]
        return [(after - before) / _S for before, after in itertools.pairwise(times)]


def pieces(
    count: int, length: int, late: dict[int, float] | None = None, rate: int = 30
) -> list[tuple[Fraction, float]]:
    """Pieces of ``length`` seconds, each there once its last frame was recorded, or later."""
    return [
        (Fraction(index, rate) + piece * length, (piece + 1) * length + (late or {}).get(piece, 0.0))
        for piece in range(count)
        for index in range(length * rate)
    ]


@pytest.mark.parametrize("length", [1, 2, 6])
def test_pieces_are_shown_evenly(length: int) -> None:
    viewer = Viewer(StreamClock(Fraction(length)))
    viewer.watch(pieces(10, length))
    assert max(viewer.gaps_s()) < 0.05
    assert viewer.clock.delay_s == length


def test_without_pacing_the_same_pieces_would_be_a_slide_show() -> None:
    viewer = Viewer(StreamClock())
    viewer.watch(pieces(3, 2))
    assert max(viewer.gaps_s()) > 1.9


def test_a_late_piece_costs_one_pause_and_what_follows_is_even() -> None:
    viewer = Viewer(StreamClock(Fraction(2)))
    viewer.watch(pieces(12, 2, late={4: 0.7}))
    assert sum(gap > 0.05 for gap in viewer.gaps_s()) == 1
    assert 2.5 < viewer.clock.delay_s < 2.8 or viewer.clock.delay_s == 2  # as far as it knows


def test_the_delay_stays_bounded_however_late_a_piece_was() -> None:
    viewer = Viewer(StreamClock(Fraction(2)))
    viewer.watch(pieces(40, 2, late={4: 9.0, 5: 7.0, 6: 5.0, 7: 3.0, 8: 1.0}))
    pts_s, at_ns = viewer.shown[-1]
    assert at_ns / _S - float(pts_s) < 2 + 2 + 3 + 0.1  # the piece, the wait for it, and what may lie ready
    assert viewer.clock.delay_s <= 5


def test_a_camera_is_shown_as_it_comes() -> None:
    viewer = Viewer(StreamClock())
    viewer.watch((Fraction(index, 30), index / 30 + (0.02 if index % 3 else 0.0)) for index in range(300))
    assert all(hold == 0 for hold in [viewer.clock.delay_s])
    assert [at for _, at in viewer.shown] == [int((i / 30 + (0.02 if i % 3 else 0.0)) * _S) for i in range(300)]


@pytest.mark.parametrize("rate", [2, 5, 30])
@pytest.mark.parametrize("every", [100, 300])
def test_hiccups_of_the_network_make_no_burst_stream(rate: int, every: int) -> None:
    frames = [(Fraction(i, rate), (i if i % every > 20 else i - i % every + 21) / rate) for i in range(every * 12)]
    viewer = Viewer(StreamClock())
    viewer.watch(frames)
    assert viewer.clock.piece_s is None


@pytest.mark.parametrize("burst", [15, 30, 60])
def test_a_stream_that_sends_in_bursts_is_found_out_and_shown_evenly(burst: int) -> None:
    frames = [(Fraction(i, 30), (i // burst + 1) * burst / 30) for i in range(burst * 12)]
    viewer = Viewer(StreamClock())
    viewer.watch(frames)
    assert viewer.clock.piece_s is not None
    assert max(viewer.gaps_s(skip=burst * 7)) < 0.05


@pytest.mark.parametrize("jump_s", [-100, 1000])
def test_a_clock_that_jumps_is_followed(jump_s: int) -> None:
    viewer = Viewer(StreamClock(Fraction(2)))
    first, then = pieces(3, 2), pieces(6, 2)[180:]
    viewer.watch([*first, *((pts_s + jump_s, there_s) for pts_s, there_s in then)])
    assert max(viewer.gaps_s()) < 0.05


@given(st.lists(st.tuples(st.fractions(-10, 10), st.integers(0, 5 * _S)), max_size=60), st.booleans())
def test_no_frame_is_held_for_long_whatever_the_times_are(steps: list[tuple[Fraction, int]], segmented: bool) -> None:
    clock, pts_s, now_ns = StreamClock(Fraction(2) if segmented else None), Fraction(0), 0
    for step_s, wait_ns in steps:
        pts_s += step_s
        hold_ns = clock.hold_ns(pts_s, now_ns, now_ns + wait_ns)
        assert 0 <= hold_ns <= 2 * _S
        now_ns += wait_ns + hold_ns
        assert clock.delay_s >= 0
