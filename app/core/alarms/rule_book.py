"""When what a live source shows, or does not show, is an event. Pure: times come in, events go out.

docs/watch.md has the definitions in words, and ``tests/support/literal_rules.py`` takes them literally.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from app.core.alarms.rules import MOST_OBJECTS, Began, Ended, Rule, Sighting, Signal, WatchEvent

GAP_S = 1.0
"""An object unseen for longer, in a frame at least, was gone. A slow detector misses nobody between two frames."""
_CLOSE_S = 1e-6  # times are sums of binary fractions


@dataclass(slots=True)
class _Stay:
    """Sightings of one object, between which it was never gone."""

    first_s: float
    last_s: float
    missed: bool = False  # in a frame since


@dataclass(slots=True)
class _State:
    """The state of one rule."""

    stays: dict[int, _Stay] = field(default_factory=dict)
    event: WatchEvent | None = None
    missed: bool = False  # a frame has shown nothing of the event since its end so far
    began_s: float | None = None
    since_s: float | None = None  # since when nothing was seen, or the source is lost


class RuleBook:
    """All rules of one source.

    Args:
        rules: What is an event.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._states = [_State() for _ in rules]
        self._count = 0
        self._lost_s: float | None = None

    def seen(self, now_s: float, sightings: Sequence[Sighting]) -> list[Signal]:
        """Takes a frame.

        Args:
            now_s: When it was captured; times never fall, but after a loss, if the stream comes in pieces.
            sightings: All objects in it.
        """
        signals: list[Signal] = []
        for rule, state in zip(self._rules, self._states, strict=True):
            concerned = [sighting for sighting in sightings if rule.concerns(sighting)]
            if rule.what == "seen":
                signals += self._seen(rule, state, now_s, concerned)
            elif rule.what == "absent":
                signals += self._absent(rule, state, now_s, bool(concerned))
            elif state.event is not None:
                signals.append(_ended(state, max(now_s, state.event.start_s)))
        self._lost_s = None
        return signals

    def cut(self) -> list[Signal]:
        """Another scene begins with the next frame: what was seen is over."""
        signals: list[Signal] = []
        for rule, state in zip(self._rules, self._states, strict=True):
            if rule.what == "seen":
                state.stays.clear()
                if state.event is not None:
                    signals.append(_ended(state, state.event.end_s))
        return signals

    def lost(self, now_s: float) -> list[Signal]:
        """The source is lost."""
        if self._lost_s is None:
            self._lost_s = now_s
        return self.unseen(now_s) + self.passed(now_s)

    def unseen(self, now_s: float) -> list[Signal]:
        """Nobody looks for now: what was seen is over, and what is absent cannot be told."""
        signals = self.cut()
        for rule, state in zip(self._rules, self._states, strict=True):
            if rule.what == "absent":
                state.since_s = None
                if state.event is not None:
                    signals.append(_ended(state, now_s))
        return signals

    def passed(self, now_s: float) -> list[Signal]:
        """Time has passed without a frame; to be called at ``next_s`` at the latest."""
        signals: list[Signal] = []
        for rule, state in zip(self._rules, self._states, strict=True):
            if rule.what != "gone" or self._lost_s is None or state.event is not None:
                continue
            if now_s - self._lost_s >= rule.for_s - _CLOSE_S and _may_begin(rule, state, now_s):
                signals.append(self._began(rule, state, "", self._lost_s, now_s))
        return signals

    def next_s(self) -> float | None:
        """Returns when ``passed`` has something to tell if no frame comes; None for never."""
        if self._lost_s is None:
            return None
        times = [
            max(self._lost_s + rule.for_s, 0.0 if state.began_s is None else state.began_s + rule.every_s)
            for rule, state in zip(self._rules, self._states, strict=True)
            if rule.what == "gone" and state.event is None
        ]
        return min(times, default=None)

    def close(self, now_s: float) -> list[Signal]:
        """Nothing is watched any more: what goes on is over."""
        return [
            _ended(state, state.event.end_s if rule.what == "seen" else now_s)
            for rule, state in zip(self._rules, self._states, strict=True)
            if state.event is not None
        ]

    def _seen(self, rule: Rule, state: _State, now_s: float, sightings: Iterable[Sighting]) -> list[Signal]:
        counting = self._counting(rule, state, now_s, sightings)
        signals: list[Signal] = []
        state.missed = state.missed or not counting
        if state.event is not None and state.missed and now_s - state.event.end_s > GAP_S + _CLOSE_S:
            signals.append(_ended(state, state.event.end_s))
        state.missed = state.missed and not counting
        if counting and state.event is None and _may_begin(rule, state, now_s):
            start_s = min(state.stays[sighting.tracker_id].first_s for sighting in counting)
            if state.began_s is not None:
                start_s = max(start_s, min(state.began_s + rule.every_s, now_s))
            first = min(counting, key=lambda s: (state.stays[s.tracker_id].first_s, -s.score))
            self._began(rule, state, first.label, start_s, now_s)
            state.event = _with(state.event, now_s, counting)
            signals.append(Began(state.event))
        elif counting and state.event is not None:
            state.event = _with(state.event, now_s, counting)
        return signals

    @staticmethod
    def _counting(rule: Rule, state: _State, now_s: float, sightings: Iterable[Sighting]) -> list[Sighting]:
        """Returns those that are there for long enough."""
        counting, seen = [], set()
        for sighting in sightings:
            seen.add(sighting.tracker_id)
            stay = state.stays.get(sighting.tracker_id)
            if stay is None or (stay.missed and now_s - stay.last_s > GAP_S + _CLOSE_S):
                stay = state.stays[sighting.tracker_id] = _Stay(now_s, now_s)
            stay.last_s, stay.missed = now_s, False
            if now_s - stay.first_s >= rule.for_s - _CLOSE_S:
                counting.append(sighting)
        for number, stay in list(state.stays.items()):
            if number not in seen:
                stay.missed = True
                if now_s - stay.last_s > GAP_S + _CLOSE_S:
                    del state.stays[number]
        return counting

    def _absent(self, rule: Rule, state: _State, now_s: float, is_there: bool) -> list[Signal]:
        if is_there:
            state.since_s = now_s
            return [_ended(state, now_s)] if state.event is not None else []
        if state.since_s is None:
            state.since_s = now_s
        if state.event is not None:
            state.event = replace(state.event, end_s=now_s)
        elif now_s - state.since_s >= rule.for_s - _CLOSE_S and _may_begin(rule, state, now_s):
            return [self._began(rule, state, "", state.since_s, now_s)]
        return []

    def _began(self, rule: Rule, state: _State, label: str, start_s: float, now_s: float) -> Began:
        self._count += 1
        state.event, state.began_s = WatchEvent(self._count, rule, label, start_s, now_s), now_s
        return Began(state.event)


def _may_begin(rule: Rule, state: _State, now_s: float) -> bool:
    return state.began_s is None or now_s - state.began_s >= rule.every_s - _CLOSE_S


def _with(event: WatchEvent | None, now_s: float, counting: Sequence[Sighting]) -> WatchEvent:
    assert event is not None
    best = max(counting, key=lambda sighting: sighting.score)
    new = [s.tracker_id for s in counting if s.tracker_id not in event.objects]
    if event.best is None or best.score > event.best.score:
        event = replace(event, best=best, best_s=now_s)
    return replace(event, end_s=now_s, objects=(*event.objects, *new)[:MOST_OBJECTS])


def _ended(state: _State, end_s: float) -> Ended:
    event, state.event = state.event, None
    assert event is not None
    return Ended(replace(event, end_s=end_s))
