"""The time stamps of a copy."""

from __future__ import annotations

from fractions import Fraction

from app.core.muxing.clock import CopyClock


def test_time_stamps_that_do_not_rise_are_moved_and_counted() -> None:
    clock = CopyClock(Fraction(1, 10), Fraction(0), 1)
    assert [clock.stamp(Fraction(t)) for t in (0, 1, 1, Fraction(1, 2), 5)] == [0, 10, 11, 12, 50]
    assert clock.moved == 2
