"""The screen, or part of it, as a source. Opened, read and closed on ``ssdv-capture``."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from app.core.errors import AppError
from app.core.frames import Frame, SourceInfo
from app.core.sources.base import SCREEN, SourceLostError, SourceOptions, frame_from_bgra

_FPS = 30
_REGION = re.compile(r"(\d{1,5})x(\d{1,5})([+-]\d{1,5})([+-]\d{1,5})")
_LEAST = 16  # pixels


@dataclass(frozen=True, slots=True)
class ScreenInfo:
    """A screen of this computer.

    Attributes:
        number: From 1.
        width: Pixels.
        height: Pixels.
    """

    number: int
    width: int
    height: int

    @property
    def uri(self) -> str:
        """Returns the name to open it by."""
        return f"{SCREEN}{self.number}"

    @property
    def name(self) -> str:
        """Returns the name that people read."""
        return f"Screen {self.number} ({self.width} x {self.height})"


def is_screen(query: str) -> bool:
    """Returns whether ``query`` is written as a screen is: "", "2" or "1280x720+100+50"."""
    return query == "" or (query.isdecimal() and len(query) <= 3) or _REGION.fullmatch(query) is not None


def list_screens() -> list[ScreenInfo]:
    """Lists the screens; none where they cannot be captured. Asks the system, so not for the GUI thread."""
    try:
        with _open() as screens:
            return [
                ScreenInfo(number, int(place["width"]), int(place["height"]))
                for number, place in enumerate(screens.monitors[1:], 1)
            ]
    except AppError:
        return []


class ScreenSource:
    """A source of what a screen shows, at the rate asked for or 30 frames a second.

    Args:
        query: Number of the screen, from 1; "" for the first; or a region of all screens, WIDTHxHEIGHT+X+Y in pixels.
        options: ``fps`` counts.

    Raises:
        AppError: There is no such screen, or the system does not let it be captured.
    """

    def __init__(self, query: str, options: SourceOptions) -> None:
        self._screens = _open()
        try:
            self._place = _place_of(query, self._screens.monitors)
        except AppError:
            self._screens.close()
            raise
        self.reopen_uri = f"{SCREEN}{query}"
        self._index = 0
        rate = options.fps or _FPS
        self._every_ns = 1_000_000_000 // rate
        self._due_ns = time.monotonic_ns()
        self._pause = threading.Event()  # never set: waits for a time
        number = query or "1"
        name = f"Screen {number}" if number.isdecimal() else f"Screen, {query}"
        self.info = SourceInfo("screen", name, self._place["width"], self._place["height"], Fraction(rate))

    def read(self) -> Frame:
        """The screen as it is when the next frame is due.

        Raises:
            SourceLostError: It cannot be read any more, or has another size.
        """
        from mss.exception import ScreenShotError

        wait_ns = self._due_ns - time.monotonic_ns()
        if wait_ns > 0:
            self._pause.wait(wait_ns / 1e9)
        self._due_ns = max(self._due_ns, time.monotonic_ns()) + self._every_ns  # never in a hurry after a delay
        try:
            shot = self._screens.grab(self._place)
        except ScreenShotError as error:
            raise SourceLostError(f"{self.info.name} cannot be read any more.", "Looking for it again…") from error
        captured_ns = time.monotonic_ns()
        image = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4).copy()
        image[..., 3] = 255  # left at zero by most systems
        index, self._index = self._index, self._index + 1
        return frame_from_bgra(image, index, None, captured_ns)

    def take_notes(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def close(self) -> None:
        """Let go of the screen."""
        self._screens.close()


def _open() -> Any:
    """``mss.MSS``, which is typed only in part.

    Raises:
        AppError: Screens cannot be captured here.
    """
    import mss
    from mss.exception import ScreenShotError

    if sys.platform.startswith("linux") and os.environ.get("XDG_SESSION_TYPE") == "wayland":
        raise AppError(
            "Wayland does not let programs capture the screen.", "Log in to a session on Xorg, or use a virtual camera."
        )
    try:
        return mss.MSS()
    except ScreenShotError as error:
        hint = "Is there a display?"
        if sys.platform == "darwin":
            hint = "Allow it in System Settings, Privacy & Security, Screen Recording."
        raise AppError("The screen cannot be captured.", hint) from error


def _place_of(query: str, monitors: list[dict[str, Any]]) -> dict[str, int]:
    """Returns the rectangle that ``query`` means; the first monitor of mss's list is all of them together."""
    everything, *each = ({name: int(place[name]) for name in ("left", "top", "width", "height")} for place in monitors)
    region = _REGION.fullmatch(query)
    if region is None:
        number = int(query or "1") if (query or "1").isdecimal() else 0
        if not 1 <= number <= len(each):
            there = f"There are {len(each)}." if len(each) != 1 else "There is one, number 1."
            raise AppError(f"There is no screen {query!r}.", f"{there} A region is written 1280x720+100+50.")
        return each[number - 1]
    width, height, left, top = map(int, region.groups())
    inside = (
        everything["left"] <= left <= left + width <= everything["left"] + everything["width"]
        and everything["top"] <= top <= top + height <= everything["top"] + everything["height"]
    )
    if min(width, height) < _LEAST or not inside:
        raise AppError(
            f"{query} does not lie on the screen.",
            f"The screens together are {everything['width']}x{everything['height']}"
            f"{everything['left']:+d}{everything['top']:+d}; the least is {_LEAST} pixels each way.",
        )
    return {"left": left, "top": top, "width": width, "height": height}
