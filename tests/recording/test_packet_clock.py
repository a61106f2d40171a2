"""Times of packets and what is kept of them, for any order and any clock."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.core.media.packets import SOUND, VIDEO, MediaPacket
from app.core.recording.packet_clock import PacketClock, TimedPacket
from app.core.recording.pre_roll import PreRoll

S = 1_000_000_000


def packet(
    arrived_s: float, pts_s: Fraction | None = None, key: bool = False, track: int = VIDEO, size: int = 1
) -> MediaPacket:
    return MediaPacket(track, b"x" * size, pts_s, pts_s, Fraction(0), key, int(arrived_s * S))


def test_a_sources_own_distances_are_kept_though_packets_arrive_unevenly() -> None:
    clock = PacketClock()
    arrivals = (10.0, 10.0, 10.4, 10.41, 10.42)
    timed = [clock.timed(packet(at, Fraction(i, 25))) for i, at in enumerate(arrivals)]
    assert [each.pts_s for each in timed] == [10 + Fraction(i, 25) for i in range(5)]
    assert clock.jumps == 0


def test_the_arrival_counts_where_a_source_has_no_clock() -> None:
    clock = PacketClock()
    timed = [clock.timed(packet(at)) for at in (10.0, 10.5, 12.25)]
    assert [each.pts_s for each in timed] == [10, Fraction(21, 2), Fraction(49, 4)]


def test_a_clock_that_is_set_does_not_move_what_is_recorded() -> None:
    clock = PacketClock()
    told = (0, 1, 1000, 1001, 3, 4)
    timed = [clock.timed(packet(10 + i, Fraction(at))) for i, at in enumerate(told)]
    assert [each.pts_s for each in timed] == [10, 11, 12, 13, 14, 15]
    assert clock.jumps == 2


def test_frames_shown_later_than_decoded_stay_so() -> None:
    clock = PacketClock()
    late = MediaPacket(VIDEO, b"", Fraction(3), Fraction(2), Fraction(0), True, 10 * S)
    timed = clock.timed(late)
    assert (timed.dts_s, timed.pts_s) == (10, 11)


def test_a_time_that_is_missing_follows_from_the_one_before() -> None:
    clock = PacketClock()
    clock.timed(packet(10, Fraction(5)))
    sound = [
        MediaPacket(SOUND, b"", time, time, Fraction(1, 50), True, 11 * S)
        for time in (Fraction(5), None, None, Fraction(506, 100))
    ]
    assert [clock.timed(each).dts_s - 10 for each in sound] == [0, Fraction(1, 50), Fraction(2, 50), Fraction(3, 50)]


def test_another_connection_goes_on_after_the_one_before() -> None:
    clock = PacketClock()
    clock.timed(packet(10, Fraction(100)))
    clock.begin()
    assert clock.timed(packet(12, Fraction(5))).pts_s == 12


_ARRIVALS = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 40), st.booleans()), max_size=60)


@given(_ARRIVALS, st.integers(0, 12), st.integers(20, 200))
def test_the_pre_roll_reaches_back_to_a_key_frame_and_no_further_than_needed(
    steps: list[tuple[bool, int, int, bool]], seconds: int, max_bytes: int
) -> None:
    ring, all_of_them, now = PreRoll(seconds, max_bytes), list[TimedPacket](), 0
    for key, passed, size, is_sound in steps:
        now += passed
        made = packet(now, None, key, SOUND if is_sound else VIDEO, size)
        all_of_them.append(TimedPacket(made, Fraction(now), Fraction(now)))
        ring.add(all_of_them[-1])
        assert ring.size <= max_bytes
    kept = [*ring.since(0)]
    assert sum(len(each.packet.content) for each in kept) == ring.size
    if not kept:
        return
    assert kept[0].packet.is_key
    assert kept[0].packet.track == VIDEO
    assert kept == all_of_them[-len(kept) :]  # nothing is missing between
    begins = [*ring.since((now - seconds) * S)]
    keys = [e.packet.arrived_ns for e in kept if e.packet.is_key and e.packet.track == VIDEO]
    assert begins[0].packet.arrived_ns == max((k for k in keys if k <= (now - seconds) * S), default=keys[0])
    if len(keys) > 1:  # one key frame that old would do
        assert keys[1] > (now - seconds) * S
