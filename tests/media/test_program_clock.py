"""One clock for all tracks: what is a jump is decided over all of them, and all keep step."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.media.program_clock import ProgramClock, Stamp

VIDEO, SOUND = 0, 1
FRAME, PACKET = Fraction(1, 25), Fraction(1, 40)


def part(start: float, length: float, sound: bool = True, video: bool = True) -> list[Stamp]:
    """Interleaved packets of one recording, its sound half a second later in the file than the frames beside it."""
    placed: list[tuple[Fraction, Stamp]] = []
    begin = Fraction(start).limit_denominator(1000)
    for number in range(round(length / FRAME) if video else 0):
        time = begin + number * FRAME
        placed.append((time, Stamp(VIDEO, time, time, FRAME)))
    for number in range(round(length / PACKET) if sound else 0):
        time = begin + number * PACKET
        placed.append((time + Fraction(1, 2), Stamp(SOUND, time, time, PACKET)))
    return [stamp for _, stamp in sorted(placed, key=lambda item: item[0])]


def run(stamps: Sequence[Stamp], free_clock: bool = True) -> tuple[dict[int, list[Fraction]], ProgramClock]:
    """Continuous times of each track."""
    clock = ProgramClock(VIDEO, free_clock)
    times: dict[int, list[Fraction]] = {VIDEO: [], SOUND: []}
    for number, stamp in enumerate(stamps):
        times[stamp.track].append(stamp.decode_s + clock.put(stamp, islice(stamps, number + 1, None)))
    return times, clock


@pytest.mark.parametrize("second", [0, 1.5, 0.3, 3600, 1_700_000_000, 12.0])
def test_joined_parts_follow_each_other_in_step(second: float) -> None:
    times, clock = run([*part(0, 2), *part(second, 2)])
    assert clock.jumps == 1
    assert {after - before for before, after in pairwise(times[VIDEO])} == {FRAME}
    assert times[SOUND] == [number * PACKET for number in range(160)]


def test_sound_that_is_longer_than_its_frames_does_not_push_the_next_part_away_for_a_trifle() -> None:
    longer = [*part(0, 2), *(Stamp(SOUND, 2 + n * PACKET, 2 + n * PACKET, PACKET) for n in range(4))]
    times, _ = run([*longer, *part(0, 2)])
    assert {after - before for before, after in pairwise(times[VIDEO])} == {FRAME}
    assert times[SOUND][84] == 2  # beside its frame, over the rest of the part before


def test_much_sound_that_is_left_over_is_played_first() -> None:
    longer = [*part(0, 2), *(Stamp(SOUND, 2 + n * PACKET, 2 + n * PACKET, PACKET) for n in range(40))]
    times, _ = run([*longer, *part(0, 2)])
    assert times[SOUND] == [number * PACKET for number in range(200)]
    assert times[VIDEO][50] == 3


@pytest.mark.parametrize("gap", [11, 14, 3600])
def test_a_still_video_whose_sound_goes_on_has_not_jumped(gap: int) -> None:
    still = [*part(0, 2), *part(2, gap, video=False), *part(2 + gap, 2)]
    times, clock = run(still)
    assert clock.jumps == 0
    assert times[VIDEO][50] == 2 + gap
    assert {after - before for before, after in pairwise(times[SOUND])} == {PACKET}


def test_frames_that_are_stamped_ahead_of_sound_that_goes_on_have_not_jumped() -> None:
    """Not even where the sound up to them lies behind them in the file."""
    ahead = [*part(0, 2), *part(16, 4, sound=False), *part(2, 18, video=False)]
    times, clock = run(ahead)
    assert clock.jumps == 0
    assert times[VIDEO][50] == 16


def test_a_clock_that_steps_back_in_one_track_alone_moves_that_track_alone() -> None:
    frames = [*part(0, 5, sound=False), *part(2, 5, sound=False)]
    sound = part(0, 10, video=False)
    both = [
        stamp for number, frame in enumerate(frames) for stamp in (frame, *sound[number * 8 // 5 : number * 8 // 5 + 2])
    ]
    times, _ = run(both)
    assert {after - before for before, after in pairwise(times[VIDEO])} == {FRAME}


@pytest.mark.parametrize("wrong", [-0.5, -1.9, 50, 10_000])
def test_one_wrong_stamp_is_no_jump(wrong: float) -> None:
    stamps = part(0, 4)
    at = next(number for number, stamp in enumerate(stamps) if stamp.track == VIDEO and stamp.decode_s == 2)
    time = 2 + Fraction(wrong)
    stamps[at] = Stamp(VIDEO, time, time, FRAME)
    times, clock = run(stamps)
    assert clock.jumps == 0
    assert {after - before for before, after in pairwise(times[VIDEO])} == {FRAME}


def test_a_still_hour_is_a_still_hour_where_clocks_do_not_begin_anywhere() -> None:
    times, clock = run([*part(0, 2), *part(3600, 2)], free_clock=False)
    assert clock.jumps == 0
    assert times[VIDEO][50] == 3600


@given(st.lists(st.fractions(-1000, 10**7), min_size=1, max_size=30), st.booleans())
def test_times_never_jump_far(told: list[Fraction], free_clock: bool) -> None:
    times, clock = run([Stamp(VIDEO, time, time, FRAME) for time in told], free_clock)
    most = 10 if free_clock else 6 * 3600
    assert all(-Fraction(1, 10) <= after - before <= most for before, after in pairwise(times[VIDEO]))
    if times[VIDEO] != told:
        assert clock.jumps > 0 or any(not -Fraction(1, 10) <= b - a <= most for a, b in pairwise(told))
