"""The contract of all sources, and the making of frames. A source is used by the one thread that opened it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, runtime_checkable

import numpy as np

from app.core.errors import AppError
from app.core.frames import Frame, ImageBGR, ImageBGRA, SourceInfo
from app.core.media.packets import MediaSink
from app.core.settings import SourceSettings
from app.core.sources.replays import ReplayFilter

CAMERA, SCREEN = "camera:", "screen:"


class SourceLostError(AppError):
    """A camera or stream that was open gives nothing any more; opening it again may help."""


class SourceTap(MediaSink, Protocol):
    """Takes all that a source gives, e.g. to record it: its packets where it has them, or else its frames."""

    def frame(self, frame: Frame) -> None:
        """Takes the next frame, of a source without packets; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Options for opening a source.

    Attributes:
        resolution: (width, height) asked of a camera; None leaves it alone.
        fps: Rate asked of a camera; 0 leaves it alone.
        loop: Start a file again when it ends.
        open_timeout_s: A camera or stream must be open within this.
        first_frame_s: ... and give its first frame within this.
        stall_s: A running camera or stream that gives nothing for this long counts as lost.
        folder_fps: Images of a folder shown per second.
        replays: What earlier connections to a stream brought, where it is opened again.
        tap: Takes what a live source gives, on the thread that reads it.
    """

    resolution: tuple[int, int] | None = None
    fps: int = 0
    loop: bool = False
    open_timeout_s: float = 20.0
    first_frame_s: float = 6.0
    stall_s: float = 4.0
    folder_fps: Fraction = Fraction(2)
    replays: ReplayFilter | None = None
    tap: SourceTap | None = None

    @classmethod
    def from_settings(cls, settings: SourceSettings) -> SourceOptions:
        """The part of the settings that concerns sources."""
        size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", settings.resolution)
        return cls(resolution=(int(size[1]), int(size[2])) if size else None, fps=settings.fps, loop=settings.loop)


def never() -> bool:
    """Says that it is not enough yet."""
    return False


class Source(Protocol):
    """Frames, one after the other.

    Attributes:
        info: What the source turned out to be.
        reopen_uri: What to open again after a loss: the same device even where its number has moved.
    """

    info: SourceInfo
    reopen_uri: str

    def read(self) -> Frame | None:
        """The next frame; None at the end of a file.

        Raises:
            SourceLostError: A camera or stream went away.
        """
        ...

    def take_notes(self) -> tuple[str, ...]:
        """Lines for the user since the last call, e.g. about an image that could not be read."""
        ...

    def close(self) -> None:
        """Let go of the device or file; idempotent."""
        ...


@runtime_checkable
class UnevenSource(Source, Protocol):
    """A stream, which may come in pieces.

    Attributes:
        stall_s: Silence that is no loss yet, seconds.
        hold_s: For how long to hold the frame last read, seconds, so that frames are shown evenly.
        delay_s: How far behind the newest frame that is shown, seconds.
    """

    stall_s: float
    hold_s: float

    @property
    def delay_s(self) -> float: ...


@runtime_checkable
class SeekableSource(Source, Protocol):
    """A file: every frame has a ``pts_s`` and can be asked for."""

    def seek(self, pts_s: Fraction, enough: Callable[[], bool] = never) -> bool:
        """Make ``read`` continue with the frame shown at ``pts_s``: the last one not later than that.

        Args:
            pts_s: Seconds from the first frame.
            enough: Asked on the way there; True stops it. Then ``read`` gives the frame that was reached, and
                seeking on leads further.

        Returns:
            Whether it is there.
        """
        ...

    def seek_before(self, pts_s: Fraction) -> None:
        """Make ``read`` continue with the last frame earlier than ``pts_s`` (the first one, if there is none)."""
        ...


def frame_from_bgra(image: ImageBGRA, index: int, pts_s: Fraction | None, captured_ns: int) -> Frame:
    """A frame from UInt8[H, W, 4], which it takes over; the BGR frame is made here."""
    import cv2

    bgra = np.ascontiguousarray(image)
    bgr: ImageBGR = cv2.cvtColor(bgra, cv2.COLOR_BGRA2BGR)  # type: ignore[assignment] # cv2's stubs forget the dtype
    return _frozen(bgr, bgra, index, pts_s, captured_ns, "")


def frame_from_bgr(image: ImageBGR, index: int, pts_s: Fraction | None, captured_ns: int, name: str = "") -> Frame:
    """A frame from UInt8[H, W, 3], which it takes over; the BGRA frame is made here."""
    import cv2

    bgr = np.ascontiguousarray(image)
    bgra: ImageBGRA = cv2.cvtColor(bgr, cv2.COLOR_BGR2BGRA)  # type: ignore[assignment] # cv2's stubs forget the dtype
    return _frozen(bgr, bgra, index, pts_s, captured_ns, name)


def _frozen(bgr: ImageBGR, bgra: ImageBGRA, index: int, pts_s: Fraction | None, captured_ns: int, name: str) -> Frame:
    bgr.flags.writeable = False
    bgra.flags.writeable = False
    return Frame(bgr, bgra, index, pts_s, captured_ns, name)
