"""The checks of the scripted hour find what is wrong. The hour itself is a command: it needs a computer to itself."""

from __future__ import annotations

import numpy as np

from tools.watch_hour.evidence import Line, Looked, connections, runs, told_of
from tools.watch_hour.losses import unfound, untold
from tools.watch_hour.picture import APPEARANCES_S, PERIOD_S, camera_and_index, code_of, is_there
from tools.watch_hour.resources import Usage, growth
from tools.watch_hour.script import Step, Trouble, play


def test_frames_say_which_they_are_and_something_comes_and_goes() -> None:
    assert camera_and_index(code_of(3, 12_345)) == (3, 12_345)
    there = [is_there(index, 10) for index in range(int(PERIOD_S * 10))]
    assert sum(there) == sum(round(10 * end) - round(10 * begin) for begin, end in APPEARANCES_S)


def test_runs_end_with_silence_and_with_connections() -> None:
    times = [0.0, 0.1, 0.2, 1.5, 1.6, 3.0, 3.1]
    looked = [Looked(index, at_s, True) for index, at_s in enumerate(times)]
    first, second = connections(looked, [3.05])
    assert [(run.first.index, run.last.index) for run in runs(first)] == [(0, 2), (3, 4)]
    assert [(run.first.index, run.count) for run in runs(second)] == [(5, 2)]


def test_an_event_after_a_short_loss_is_of_the_run_that_followed() -> None:
    looked = [Looked(index, at_s, True) for index, at_s in enumerate([0.0, 0.1, 0.2, 0.7, 0.8, 9.0, 9.1])]
    before, after, late = (run for part in connections(looked, [0.75, 9.05]) for run in runs(part))
    lines = [Line(at_s, {"id": number}) for number, at_s in enumerate([0.15, 0.85, 5.0])]
    told = told_of([before, after, late], lines, 1.0)
    assert told == {before: lines[:1], after: lines[1:2], late: []}


def frames(first_s: float, last_s: float) -> list[Looked]:
    return [Looked(round(10 * at_s), at_s, False) for at_s in np.arange(first_s, last_s, 0.1)]


def test_a_camera_that_is_not_found_again_is_named() -> None:
    unplugged = Trouble("unplugged", 0, 14.0, 17.0)
    assert unfound([*frames(10, 14), *frames(18, 60)], [unplugged], 10.0, 60.0) == []
    assert len(unfound([*frames(10, 14), *frames(18, 60)], [], 10.0, 60.0)) == 1
    assert len(unfound(frames(10, 14), [unplugged], 10.0, 60.0)) == 1
    assert len(unfound([*frames(10, 14), *frames(18, 30), *frames(40, 60)], [unplugged], 10.0, 60.0)) == 1
    assert len(unfound([], [unplugged], 10.0, 60.0)) == 1


def test_a_loss_is_told_once_and_so_is_its_end() -> None:
    unplugged = Trouble("unplugged", 0, 14.0, 17.0)
    began, ended = (Line(at_s, {"type": kind, "id": 3}) for at_s, kind in ((16.0, "began"), (18.0, "ended")))
    assert untold([began, ended], [unplugged], 1) == []
    assert untold([], [unplugged], 0) == []
    for lines in ([], [began], [began, ended, began, ended]):
        assert len(untold(lines, [unplugged], 1)) == 1


def test_troubles_are_known_by_when_they_began_and_ended() -> None:
    steps = [Step(0.0, "frozen", lambda: None, 0), Step(0.0, "another size", lambda: None, 0)]
    steps += [Step(0.0, "frozen", lambda: None, 1), Step(0.0, "frozen", lambda: None, 0, is_end=True)]
    happened = play(steps, 0.0, lambda: False)
    assert [(trouble.name, trouble.camera) for trouble in happened] == [("another size", 0), ("frozen", 0)]
    assert happened[1].begin_s < happened[0].end_s < happened[1].end_s


def test_what_grows_is_named() -> None:
    flat = [Usage(float(i), 100_000_000 + 100 * (i % 7), 8, 12 + i % 2) for i in range(80)]
    assert growth(flat) == []
    leaking = [Usage(each.moment_s, each.resident + 500_000 * i, 8, 12 + i) for i, each in enumerate(flat)]
    assert [line.split()[0] for line in growth(leaking)] == ["resident", "descriptors"]
