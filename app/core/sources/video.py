"""Video files through PyAV: upright pictures with exact times, frame-accurate seeking, damage skipped and counted.

Used by one thread: ``ssdv-capture`` in the window, ``ssdv-export-read`` in an export.

PyAV's log level is left alone: by default it swallows what FFmpeg says. Setting any level routes FFmpeg's messages
through Python, where a decoder thread that has something to say waits for the interpreter lock while the thread that
holds the lock, closing the decoder, waits for that thread: the program hangs.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from app.core.errors import AppError
from app.core.frames import Frame, ImageBGR, SourceInfo
from app.core.sources.base import frame_from_bgra, redact
from app.core.sources.upright import Image, Orientation

log = logging.getLogger(__name__)

_NETWORK_S = 20.0  # without an answer for this long, a file on the network counts as at its end

# A seek that lands too late (bad index) is tried again from further back, at last from the start.
_SEEK_MARGINS_S = (Fraction(0), Fraction(2), Fraction(15))


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture for an export.

    Attributes:
        image_bgr: UInt8[H, W, 3], upright, contiguous.
        index: Running number, from 0.
        pts_s: Seconds from the first picture, exact.
    """

    image_bgr: ImageBGR
    index: int
    pts_s: Fraction


class VideoReader:
    """Reads one video stream of a file, in presentation order.

    Times count from the first picture; ``start_s`` is where that lies in the container's own time.

    Args:
        path: A file, or a URL of one that can be sought.

    Raises:
        AppError: Not there, not a video, no picture in it that can be decoded.
    """

    def __init__(self, path: Path | str) -> None:
        self.reopen_uri = str(path)
        self.name: str = redact(path) if isinstance(path, str) and "://" in path else Path(path).name
        self.broken_packets = 0
        self._notes: list[str] = []
        self._decoded: deque[av.VideoFrame] = deque()
        self._ready: deque[tuple[av.VideoFrame, Fraction]] = deque()
        self._last_s: Fraction | None = None
        self._index: int | None = 0
        self._container, self._stream = self._open()
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    # -- what it is -------------------------------------------------------------------------------------------------

    def _open(self) -> tuple[av.container.InputContainer, av.VideoStream]:
        url = self.reopen_uri
        if "://" not in url:
            _check_file(Path(url))
        try:
            container = av.open(url, metadata_errors="replace", timeout=_NETWORK_S if "://" in url else None)
        except (av.FFmpegError, OSError, ValueError) as error:
            log.info("%s: %s", self.name, type(error).__name__)
            raise AppError(
                f"{self.name} cannot be opened as a video.", "It is damaged, incomplete, or not a video file."
            ) from error
        if container.format.name == "tty":  # FFmpeg paints any text file as terminal art
            container.close()
            raise AppError(f"{self.name} is a text file.", "Choose a video.")
        stream = main_video(container)
        if stream is None:
            kind = "audio only" if container.streams.audio else "no video stream"
            container.close()
            raise AppError(f"{self.name} holds no video ({kind}).", "Choose a file with a picture.")
        stream.thread_type = "AUTO"
        return container, stream

    def _begin(self) -> None:
        stream = self._stream
        assert stream.time_base is not None
        self._time_base: Fraction = stream.time_base
        self._rate: Fraction | None = stream.average_rate or stream.guessed_rate or None
        self._period = 1 / self._rate if self._rate else Fraction(1, 25)
        self._count: int | None = stream.frames or None
        self.stream_index: int = stream.index
        self._orientation = Orientation()
        self.start_s = Fraction(0)
        self._reset()
        first = self._decode()
        if first is None:
            raise AppError(f"{self.name} holds no picture that can be decoded.", "The file is damaged or empty.")
        self._orientation = _orientation(first)
        self.start_s = (first.pts or 0) * self._time_base
        self._ready.appendleft((first, Fraction(0)))
        width, height = self._orientation.size(first.width, first.height)
        self.info = SourceInfo(
            "video", self.name, width, height, self._rate, self._duration(), self._count, seekable=True
        )

    def _duration(self) -> Fraction | None:
        if self._stream.duration:
            return self._stream.duration * self._time_base
        if self._container.duration:
            return Fraction(self._container.duration, 1_000_000)
        return None

    # -- reading ----------------------------------------------------------------------------------------------------

    def read(self) -> Frame | None:
        """The next picture, ready to paint; None at the end."""
        raw = self._next()
        if raw is None:
            return None
        image = self._orientation.apply(_pixels(raw[0], "bgra"))
        return frame_from_bgra(image, self._number(raw[1]), raw[1], time.monotonic_ns())

    def read_picture(self) -> Picture | None:
        """The next picture, BGR only; None at the end."""
        raw = self._next()
        if raw is None:
            return None
        image = self._orientation.apply(_pixels(raw[0], "bgr24"))
        return Picture(np.ascontiguousarray(image), self._number(raw[1]), raw[1])

    def _next(self) -> tuple[av.VideoFrame, Fraction] | None:
        if self._ready:
            raw, pts_s = self._ready.popleft()
        else:
            decoded = self._decode()
            if decoded is None:
                return None
            raw, pts_s = decoded, self._time_of(decoded)
        self._last_s = pts_s
        return raw, pts_s

    def _time_of(self, raw: av.VideoFrame) -> Fraction:
        if raw.pts is not None:
            return raw.pts * self._time_base - self.start_s
        return Fraction(0) if self._last_s is None else self._last_s + self._period

    def _number(self, pts_s: Fraction) -> int:
        """Running number: counted while reading on, reckoned from the time and the mean rate after a seek."""
        if self._index is None:
            self._index = round(pts_s / self._period)
            if self._count is not None:
                self._index = min(self._index, self._count - 1)
        number, self._index = self._index, self._index + 1
        return number

    def _decode(self) -> av.VideoFrame | None:
        while not self._decoded:
            try:
                packet = next(self._packets)
            except StopIteration:
                return None
            try:
                self._decoded.extend(self._stream.decode(packet))
            except av.FFmpegError:
                self._skip("damaged parts are skipped")
        return self._decoded.popleft()

    def _feed(self) -> Iterator[av.Packet[av.VideoStream] | None]:
        """The stream's packets, then an empty one or None, which makes the decoder give out what it holds back."""
        try:
            yield from self._container.demux(self._stream)
        except (av.FFmpegError, OSError):
            self._skip("the file ends early or is damaged")
            yield None

    def _skip(self, what: str) -> None:
        self.broken_packets += 1
        if self.broken_packets == 1:
            self._notes.append(f"{self.name}: {what}.")

    # -- seeking ----------------------------------------------------------------------------------------------------

    def seek(self, pts_s: Fraction) -> None:
        """Continue with the last picture not later than ``pts_s`` (the first one for times before it)."""
        self._land(pts_s, inclusive=True)

    def seek_before(self, pts_s: Fraction) -> None:
        """Continue with the last picture earlier than ``pts_s`` (the first one, if there is none)."""
        self._land(pts_s, inclusive=False)

    def _land(self, limit: Fraction, inclusive: bool) -> None:
        for margin in _SEEK_MARGINS_S:
            if limit - margin <= 0:
                break
            if self._jump(limit - margin) and self._decode_up_to(limit, inclusive):
                self._index = None
                return
        if not self._jump(Fraction(0)):
            self.close()
            self._container, self._stream = self._open()
            self._reset()
        if self._decode_up_to(limit, inclusive):
            self._index = None

    def _jump(self, pts_s: Fraction) -> bool:
        offset = int((pts_s + self.start_s) // self._time_base)
        try:
            self._container.seek(offset, stream=self._stream, backward=True)
        except (av.FFmpegError, OSError):
            return False
        self._reset()
        return True

    def _decode_up_to(self, limit: Fraction, inclusive: bool) -> bool:
        """Leave the wanted picture and the one after it in ``_ready``; False when all come later than ``limit``."""
        wanted: tuple[av.VideoFrame, Fraction] | None = None
        while (raw := self._next()) is not None:
            if raw[1] > limit or (raw[1] == limit and not inclusive):
                self._ready.appendleft(raw)
                break
            wanted = raw
        if wanted is not None:
            self._ready.appendleft(wanted)
        self._last_s = None
        return wanted is not None

    def _reset(self) -> None:
        self._packets = self._feed()
        self._decoded.clear()
        self._ready.clear()
        self._last_s, self._index = None, 0

    # -- the rest of a source ---------------------------------------------------------------------------------------

    def take_notes(self) -> tuple[str, ...]:
        """Damage met since the last call, one line."""
        notes, self._notes = tuple(self._notes), []
        return notes

    def close(self) -> None:
        """Close the file; idempotent."""
        self._container.close()


def _check_file(path: Path) -> None:
    try:
        if path.exists() and not path.is_file():
            raise AppError(f"{path.name} is not a file.")
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise AppError(f"{path.name}: no such file.", f"Looked for {path}.") from error
    except OSError as error:
        raise AppError(f"{path.name} cannot be read: {error.strerror}.", "Check its permissions.") from error
    if empty:
        raise AppError(f"{path.name} is empty.")


def main_video(container: av.container.InputContainer) -> av.VideoStream | None:
    """FFmpeg's choice among the video streams; a cover picture is none."""
    videos = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    best = container.streams.best("video")
    return next((s for s in videos if best is not None and s.index == best.index), videos[0] if videos else None)


def _orientation(frame: av.VideoFrame) -> Orientation:
    matrix = frame.side_data.get(SideDataType.DISPLAYMATRIX)  # type: ignore[call-overload] # the stubs say str
    if matrix is None:
        return Orientation()
    return Orientation.from_display_matrix(np.frombuffer(bytes(matrix), "<i4"))


def _pixels(frame: av.VideoFrame, layout: str) -> Image:
    return cast(Image, frame.to_ndarray(format=layout))  # 8-bit layouts only: UInt8[H, W, 3 or 4]
