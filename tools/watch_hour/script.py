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
_LATER_S = 3.0
"""Each camera has its trouble so much later than the one before."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens.

    Attributes:
        at_s: Seconds from the beginning.
        name: In a word or two.
        act: Does it.
    """

    at_s: float
    name: str
    act: Callable[[], None]


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
    where = f" of camera {camera.number}"
    return [
        *_pair(begin_s + 4, 3, f"unplugged{where}", camera.unplug, camera.plug_in, seconds),
        *_pair(begin_s + 22, 7, f"frozen{where}", camera.freeze, camera.thaw, seconds),
        Step(begin_s + 38, f"another size{where}", camera.resize),
        *_pair(begin_s + 50, 0.5, f"server restarted{where}", camera.unplug, camera.plug_in, seconds),
    ]


def _pair(
    at_s: float, for_s: float, name: str, begin: Callable[[], None], end: Callable[[], None], seconds: float
) -> list[Step]:
    if at_s + for_s > seconds:
        return []
    return [Step(at_s, name, begin), Step(at_s + for_s, "", end)]


def _midnight(clock: SetClock) -> Callable[[], None]:
    return lambda: clock.before_midnight(4.0)


def _back(clock: SetClock) -> Callable[[], None]:
    return lambda: clock.back(3600.0)


def play(script: Sequence[Step], seconds: float, is_over: Callable[[], bool]) -> list[tuple[float, str]]:
    """Does everything in its time, and returns when what was done, on the monotonic clock; earlier if it is over."""
    begun_s, pause = time.monotonic(), threading.Event()
    done: list[tuple[float, str]] = []
    for step in [*script, Step(seconds, "", lambda: None)]:
        while not is_over() and (left_s := begun_s + step.at_s - time.monotonic()) > 0:
            pause.wait(min(left_s, 1.0))
        done.append((time.monotonic(), step.name))
        step.act()
    return done
