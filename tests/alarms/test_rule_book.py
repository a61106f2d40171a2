"""Rules against their definitions taken literally, and the cases that matter one by one."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from app.core.alarms.rule_book import RuleBook
from app.core.alarms.rules import Began, Rule, Sighting, Signal
from tests.support.literal_rules import Told, absent_events, seen_events

CLASSES, ZONES = ("person", "dog", "cat"), ("door", "path")
BOX = (0.0, 0.0, 10.0, 10.0)


def sighting(number: int, label: str = "person", zones: frozenset[str] = frozenset(), score: float = 0.9) -> Sighting:
    return Sighting(number, label, score, BOX, zones)


@st.composite
def frames_of_objects(draw: st.DrawFn) -> list[tuple[float, list[Sighting]]]:
    """Frames at multiples of a quarter of a second, with objects that come, go, and keep their classes."""
    time, frames = 0, []
    for _ in range(draw(st.integers(1, 14))):
        time += draw(st.integers(1, 6))
        numbers = draw(st.sets(st.integers(1, 4), max_size=3))
        seen = [
            sighting(number, CLASSES[number % 3], draw(st.frozensets(st.sampled_from(ZONES)))) for number in numbers
        ]
        frames.append((time / 4, seen))
    return frames


_SECONDS = st.sampled_from([0.0, 0.5, 1.0, 1.5, 3.0])


def told(book: RuleBook, frames: Sequence[tuple[float, Sequence[Sighting]]], cuts: Sequence[float] = ()) -> list[Told]:
    signals = []
    for time_s, seen in frames:
        ended = book.cut() if time_s in cuts else []
        signals += [plain(signal, time_s) for signal in ended + book.seen(time_s, seen)]
    return signals


def plain(signal: Signal, time_s: float) -> Told:
    event = signal.event
    return ("began" if isinstance(signal, Began) else "ended", time_s, event.start_s, event.end_s)


@given(
    frames_of_objects(),
    st.sampled_from([(), ("person",), ("dog", "cat")]),
    st.sampled_from(["", *ZONES]),
    _SECONDS,
    _SECONDS,
    st.sets(st.integers(0, 13), max_size=2),
)
def test_objects_that_are_there(
    frames: list[tuple[float, list[Sighting]]],
    classes: tuple[str, ...],
    zone: str,
    for_s: float,
    every_s: float,
    cuts: set[int],
) -> None:
    rule = Rule("seen", classes, zone, for_s, every_s)
    times = [time_s for place, (time_s, _) in enumerate(frames) if place in cuts]
    assert told(RuleBook([rule]), frames, times) == seen_events(rule, frames, times)


@given(frames_of_objects(), st.sampled_from([(), ("person",)]), st.sampled_from(["", "door"]), _SECONDS, _SECONDS)
def test_objects_that_are_not_there(
    frames: list[tuple[float, list[Sighting]]], classes: tuple[str, ...], zone: str, for_s: float, every_s: float
) -> None:
    rule = Rule("absent", classes, zone, for_s, every_s)
    assert told(RuleBook([rule]), frames) == absent_events(rule, frames)


def test_an_event_knows_its_objects_and_the_best_sighting() -> None:
    book = RuleBook([Rule()])
    (began,) = book.seen(0.0, [sighting(1, "dog", score=0.5)])
    book.seen(0.5, [sighting(1, "dog", score=0.8), sighting(2, score=0.7)])
    (ended,) = book.seen(2.0, [])
    assert (began.event.id, began.event.label, began.event.objects) == (1, "dog", (1,))
    assert (ended.event.id, ended.event.objects, ended.event.end_s) == (1, (1, 2), 0.5)
    assert ended.event.best is not None
    assert (ended.event.best.score, ended.event.best_s) == (0.8, 0.5)


def test_an_event_of_weeks_keeps_a_thousand_numbers() -> None:
    book = RuleBook([Rule()])
    for number in range(1, 1200):
        book.seen(number / 10, [sighting(number)])
    (ended,) = book.close(130.0)
    assert (len(ended.event.objects), ended.event.end_s) == (1000, 119.9)


def test_each_rule_has_events_of_its_own_numbered_together() -> None:
    book = RuleBook([Rule(classes=("person",)), Rule(classes=("dog",)), Rule("absent", ("cat",), for_s=1)])
    first = book.seen(0.0, [sighting(1), sighting(2, "dog")])
    second = book.seen(1.0, [sighting(1), sighting(2, "dog")])
    assert [signal.event.id for signal in first + second] == [1, 2, 3]
    assert [signal.event.rule.name for signal in first + second] == ["person", "dog", "no cat"]


def test_a_loss_ends_what_was_seen_and_absence_begins_anew() -> None:
    book = RuleBook([Rule(classes=("person",)), Rule("absent", ("dog",), for_s=5)])
    book.seen(0.0, [sighting(1)])
    book.seen(3.0, [sighting(1)])
    (ended,) = book.lost(4.0)
    assert (ended.event.label, ended.event.end_s) == ("person", 3.0)
    assert book.seen(10.0, []) == []  # whether a dog was there meanwhile, nobody knows
    assert [signal.event.rule.what for signal in book.seen(15.0, [])] == ["absent"]


def test_while_nobody_looks_nothing_is_absent_and_no_source_is_gone() -> None:
    book = RuleBook([Rule(classes=("person",)), Rule("absent", ("dog",), for_s=5), Rule("gone", for_s=1)])
    book.seen(0.0, [sighting(1)])
    assert [signal.event.rule.what for signal in book.unseen(4.0)] == ["seen"]
    assert (book.next_s(), book.passed(100.0)) == (None, [])
    assert book.seen(101.0, []) == []
    assert [signal.event.rule.what for signal in book.seen(106.0, [])] == ["absent"]


def test_a_source_that_is_gone_for_long_enough_is_an_event_until_it_is_back() -> None:
    book = RuleBook([Rule("gone", for_s=10, every_s=60)])
    book.seen(0.0, [])
    assert book.next_s() is None
    assert book.lost(1.0) == []
    assert book.next_s() == 11.0
    assert book.passed(10.0) == []
    (began,) = book.passed(11.0)
    assert (began.event.start_s, book.next_s()) == (1.0, None)
    assert book.passed(12.0) == []
    (ended,) = book.seen(20.0, [])
    assert ended.event.end_s == 20.0
    book.lost(21.0)
    assert book.next_s() == 71.0  # not more often than every minute


def test_a_short_loss_is_no_event() -> None:
    book = RuleBook([Rule("gone", for_s=10)])
    assert book.lost(1.0) + book.seen(5.0, []) + book.lost(6.0) + book.passed(15.0) == []


def test_a_loss_does_not_end_before_it_began() -> None:
    book = RuleBook([Rule("gone", for_s=1)])
    assert len(book.lost(10.0) + book.passed(11.0)) == 1
    (ended,) = book.seen(8.0, [])  # the first piece of what came back was captured before
    assert (ended.event.start_s, ended.event.end_s) == (10.0, 10.0)


def test_what_goes_on_at_the_end_is_over() -> None:
    book = RuleBook([Rule(), Rule("absent", ("dog",))])
    book.seen(0.0, [sighting(1)])
    assert sorted(signal.event.end_s for signal in book.close(7.0)) == [0.0, 7.0]
    assert book.close(8.0) == []


def test_an_event_that_had_to_wait_for_its_turn_starts_with_that() -> None:
    book = RuleBook([Rule("seen", every_s=300)])
    frames = [(float(t), [sighting(1)] if t < 5 else [sighting(2)] if t > 10 else []) for t in range(400)]
    assert [each[2:3] for each in told(book, frames) if each[0] == "began"] == [(0.0,), (300.0,)]
