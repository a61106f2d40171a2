"""What happens to the cameras, the disk and the clock, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.watch_hour.cameras import GeneratedCamera
from tools.watch_hour.clock import SetClock
from tools.watch_hour.disk import SmallDisk

ROUND_S = 100.0
"""Everything happens once in each round."""
_LASTING = ("unplugged", "frozen", "server restarted", "disk full")
_LATER_S = 3.0
"""Each camera has its trouble so much later than the one before."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens.

    Attributes:
        at_s: Seconds from the beginning.
        name: In a word or two.
        act: Does it.
        camera: Number of the camera it happens to; None for none.
        is_end: Whether what is called so is over with it.
    """

    at_s: float
    name: str
    act: Callable[[], None]
    camera: int | None = None
    is_end: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that happened.

    Attributes:
        name: As of its ``Step``.
        camera: Likewise.
        begin_s: On the monotonic clock.
        end_s: Likewise; the same for what does not last.
    """

    name: str
    camera: int | None
    begin_s: float
    end_s: float


def steps(cameras: Sequence[GeneratedCamera], disk: SmallDisk, clock: SetClock, seconds: float) -> list[Step]:
    """Returns what happens within so many seconds, in order; what has begun also ends, at the latest by then."""
    found: list[Step] = []
    number = 0
    while number * ROUND_S < seconds:
        begin_s = number * ROUND_S
        for place, camera in enumerate(cameras):
            found += _of_camera(camera, begin_s + place * _LATER_S, seconds)
        if not disk.missing:
            found += _pair(begin_s + 62, 9, "disk full", disk.fill, disk.empty, seconds)
        name, act = ("midnight", _midnight(clock)) if number % 2 == 0 else ("clock set back", _back(clock))
        found.append(Step(begin_s + 85, name, act))
        number += 1
    return sorted((step for step in found if step.at_s <= seconds), key=lambda step: step.at_s)


def _of_camera(camera: GeneratedCamera, begin_s: float, seconds: float) -> list[Step]:
    number = camera.number
    return [
        *_pair(begin_s + 4, 3, "unplugged", camera.unplug, camera.plug_in, seconds, number),
        *_pair(begin_s + 22, 7, "frozen", camera.freeze, camera.thaw, seconds, number),
        Step(begin_s + 38, "another size", camera.resize, number),
        *_pair(begin_s + 50, 0.5, "server restarted", camera.unplug, camera.plug_in, seconds, number),
    ]


def _pair(
    at_s: float,
    for_s: float,
    name: str,
    begin: Callable[[], None],
    end: Callable[[], None],
    seconds: float,
    camera: int | None = None,
) -> list[Step]:
    if at_s + for_s > seconds:
        return []
    return [Step(at_s, name, begin, camera), Step(at_s + for_s, name, end, camera, is_end=True)]


def _midnight(clock: SetClock) -> Callable[[], None]:
    return lambda: clock.before_midnight(4.0)


def _back(clock: SetClock) -> Callable[[], None]:
    return lambda: clock.back(3600.0)


def play(script: Sequence[Step], seconds: float, is_over: Callable[[], bool]) -> list[Trouble]:
    """Does everything in its time, earlier if it is over; returns what happened."""
    begun_s, pause = time.monotonic(), threading.Event()
    lasting: dict[tuple[str, int | None], float] = {}
    happened: list[Trouble] = []
    for step in [*script, Step(seconds, "", lambda: None)]:
        while not is_over() and (left_s := begun_s + step.at_s - time.monotonic()) > 0:
            pause.wait(min(left_s, 1.0))
        key, now_s = (step.name, step.camera), time.monotonic()
        step.act()
        if step.is_end:
            happened.append(Trouble(*key, lasting.pop(key), time.monotonic()))
        elif step.name in _LASTING:
            lasting[key] = now_s
        elif step.name:
            happened.append(Trouble(*key, now_s, time.monotonic()))
    return happened
