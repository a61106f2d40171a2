"""Live network streams (http, rtsp) through PyAV: newest picture first, deadlines on opening and on silence.

Used on ``ssdv-capture``. A lost stream is closed and opened anew from scratch by ``app.core.live.capture``.
"""

from __future__ import annotations

import errno
import logging
import re
import time
from collections import deque
from fractions import Fraction
from typing import cast

import av

from app.core.addresses import as_understood, redact
from app.core.errors import AppError
from app.core.frames import Frame, SourceInfo
from app.core.sources.base import SourceLostError, SourceOptions, frame_from_bgra
from app.core.sources.orientation import Image
from app.core.workers import Deadline

log = logging.getLogger(__name__)

# No long look ahead to find out what the stream is; its rate is taken from what it says about itself. Not "nobuffer":
# that throws away what was looked at, the key picture with it, and the next may be ten seconds away.
_COMMON = {"analyzeduration": "2000000", "fpsprobesize": "0"}

_SILENT = "no answer in time"


class RecordedError(Exception):
    """The URL leads to a recorded video, which is to be played at its pace."""


class StreamSource:
    """Pictures of a stream as they arrive.

    Args:
        url: ``http(s)://`` or ``rtsp(s)://``; a password in it is never shown.
        options: Deadlines.

    Raises:
        AppError: Nobody answers in time, access denied, no video in it.
        RecordedError: It has an end: open it as a video.
    """

    def __init__(self, url: str, options: SourceOptions) -> None:
        self.reopen_uri = url
        self._name = redact(url)
        self._container = self._open(url, options)
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _open(self, url: str, options: SourceOptions) -> av.container.InputContainer:
        address = as_understood(url)
        # TCP loses nothing; UDP for the cameras that know only that.
        give_up = Deadline(options.open_timeout_s)
        extra = {"rtsp_flags": "prefer_tcp"} if address.startswith("rtsp") else {}
        try:
            return av.open(
                address,
                options=_COMMON | extra,
                metadata_errors="replace",
                timeout=(options.open_timeout_s, options.stall_s),
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            # Cut short by the deadline, an RTSP handshake is reported as bad data.
            reason = _reason(error) if give_up.left_s > 0 else _SILENT
            raise AppError(f"{self._name} cannot be opened: {reason}.", _advice(error, address)) from None

    def _begin(self) -> None:
        if self._container.duration:
            raise RecordedError
        if not self._container.streams.video:
            raise AppError(f"{self._name} carries no video.")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "SLICE"  # frame threads would hold back a picture each
        self._packets = self._container.demux(self._stream)
        self._decoded: deque[av.VideoFrame] = deque()
        self._index = 0
        self._first: Frame | None = None
        try:
            self._first = self._next()
        except SourceLostError as error:
            raise AppError(f"{self._name} is not sending video.", "It answers, but no video came in time.") from error
        rate = self._stream.average_rate
        self.info = SourceInfo(
            "stream", self._name, self._first.width, self._first.height, Fraction(rate) if rate else None
        )

    def read(self) -> Frame:
        """The next picture; waits for it.

        Raises:
            SourceLostError: It ended, broke, or was silent for too long.
        """
        first, self._first = self._first, None
        return first or self._next()

    def take_notes(self) -> tuple[str, ...]:
        """Nothing to say."""
        return ()

    def close(self) -> None:
        """Hang up."""
        self._container.close()

    def _next(self) -> Frame:
        while not self._decoded:
            try:
                packet = next(self._packets)
            except StopIteration:
                raise SourceLostError(f"{self._name} ended.", "It is tried again.") from None
            except (av.FFmpegError, OSError) as error:
                raise SourceLostError(f"{self._name} was lost: {_reason(error)}.", "It is tried again.") from None
            try:
                self._decoded.extend(packet.decode())
            except av.FFmpegError:
                log.debug("a damaged packet was skipped")
        raw = self._decoded.popleft()
        captured_ns = time.monotonic_ns()
        index, self._index = self._index, self._index + 1
        return frame_from_bgra(cast(Image, raw.to_ndarray(format="bgra")), index, None, captured_ns)


def _reason(error: Exception) -> str:
    """FFmpeg's words for it, without the URL that its messages repeat."""
    if isinstance(error, av.error.ExitError | TimeoutError):
        return _SILENT
    if getattr(error, "errno", None) == errno.EIO:  # FFmpeg's word for a name that nobody knows, among others
        return "it cannot be reached"
    text = getattr(error, "strerror", None)
    return (text or "it cannot be understood").rstrip(".")


def _advice(error: Exception, address: str) -> str:
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        scheme, _, rest = address.partition("://")
        if "@" in re.split("[/?#]", rest)[0]:
            return "Check user and password in the address."
        return f"Put user and password into the address: {scheme}://user:password@host/..."
    return "Check the address, and that this computer can reach it."
