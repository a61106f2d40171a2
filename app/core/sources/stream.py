"""Live network streams (http, rtsp) through PyAV, with deadlines on opening and on silence.

Used on ``ssdv-capture``. A lost stream is closed and opened anew from scratch by ``app.core.live.capture``.
"""

from __future__ import annotations

import logging
import re
import time
import urllib.error
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av

from app.core.addresses import as_understood, host_and_port, redact
from app.core.errors import AppError
from app.core.frames import Frame, SourceInfo
from app.core.media.certificates import Certificates
from app.core.media.container import MAX_PIXELS
from app.core.media.playlists import REMOTE_FORMATS
from app.core.media.remote import REMOTE_OPTIONS, RemoteFiles
from app.core.media.tls_relay import TlsRelay
from app.core.sources.alpha_decoder import alpha_notes, decoder_of
from app.core.sources.base import SourceLostError, SourceOptions, frame_from_bgra
from app.core.sources.conversion import FrameConverter
from app.core.sources.crop import container_crop
from app.core.sources.orientation import Image
from app.core.sources.packet_tap import PacketTap
from app.core.sources.replays import ReplayFilter
from app.core.sources.stream_clock import StreamClock
from app.core.sources.stream_errors import SILENT, advice_for, is_denied, reason_of
from app.core.workers import Deadline

log = logging.getLogger(__name__)

# No long look ahead to find out what the stream is; its rate is taken from what it says about itself. Not "nobuffer":
# that throws away what was looked at, the key frame with it, and the next may be ten seconds away.
_COMMON = {"analyzeduration": "2000000", "fpsprobesize": "0"}
_LIVE_EDGE = {"live_start_index": "-1"}
_TARGETSSILENT = 3
"""A playlist that has brought nothing new for this many of its segments' lengths counts as silent."""
_MAX_STALL_S = 60.0


class UnreachableError(AppError):
    """Nobody answers there, or not in the language asked for."""


class RecordedError(Exception):
    """The URL leads to a recorded video, which is to be played at its pace."""


class StreamSource:
    """Frames of a stream as they arrive; evenly, where they arrive in pieces.

    Args:
        url: ``http(s)://`` or ``rtsp(s)://``; a password in it is never shown.
        options: Deadlines, and what earlier connections brought.

    Attributes:
        stall_s: Silence that is no loss yet, seconds.
        hold_s: For how long to hold the frame last read, seconds.
        delay_s: How far behind the newest frame that is shown, seconds.

    Raises:
        AppError: Nobody answers in time, access denied, a certificate that is not trusted, no video in it.
        RecordedError: It has an end: open it as a video.
    """

    def __init__(self, url: str, options: SourceOptions) -> None:
        self.reopen_uri = url
        self.stall_s = options.stall_s
        self.hold_s = 0.0
        self._name = redact(url)
        self._relay: TlsRelay | None = None
        self._remote: RemoteFiles | None = None
        self._notes: list[str] = []
        try:
            self._container = self._open(url, options)
        except BaseException:
            self._hang_up()
            raise
        try:
            self._begin(options)
        except BaseException:
            self.close()
            raise

    def _open(self, url: str, options: SourceOptions) -> av.container.InputContainer:
        give_up = Deadline(options.open_timeout_s)
        address = as_understood(url)
        try:
            if address.startswith("rtsp"):
                return self._open_rtsp(address, options)
            return self._open_http(address, options)
        except (av.FFmpegError, OSError, ValueError) as error:
            if self._remote is not None and self._remote.refused is not None:
                raise self._remote.refused from None
            # Cut short by the deadline, an RTSP handshake is reported as bad data.
            reason = reason_of(error) if give_up.left_s > 0 else SILENT
            kind = AppError if is_denied(error) or isinstance(error, urllib.error.HTTPError) else UnreachableError
            raise kind(f"{self._name} cannot be opened: {reason}.", advice_for(error, address)) from None

    def _open_rtsp(self, address: str, options: SourceOptions) -> av.container.InputContainer:
        # TCP loses nothing; UDP for the cameras that know only that.
        transport = {"rtsp_flags": "prefer_tcp"}
        if address.startswith("rtsps:"):
            host, port = host_and_port(address)
            self._relay = TlsRelay(Certificates(), host, port, options.open_timeout_s)
            rest = address.partition("://")[2]
            place = re.split("[/?#]", rest)[0]
            login = place.rpartition("@")[0]
            address = f"rtsp://{login}{'@' if login else ''}127.0.0.1:{self._relay.port}{rest[len(place) :]}"
            transport = {"rtsp_transport": "tcp"}
        return av.open(
            address,
            options=_COMMON | transport,
            metadata_errors="replace",
            timeout=(options.open_timeout_s, options.stall_s),
        )

    def _open_http(self, address: str, options: SourceOptions) -> av.container.InputContainer:
        self._remote = RemoteFiles(Certificates(), options.open_timeout_s, options.stall_s)
        start = self._remote.begin(address)
        return av.open(
            start.url,
            format=start.format,
            io_open=self._remote.open,
            options=_COMMON | _LIVE_EDGE | REMOTE_OPTIONS | {"format_whitelist": REMOTE_FORMATS},
            metadata_errors="replace",
            timeout=(options.open_timeout_s, _MAX_STALL_S),
        )

    def _begin(self, options: SourceOptions) -> None:
        if self._container.duration:
            raise RecordedError
        if not self._container.streams.video:
            raise AppError(f"{self._name} carries no video.")
        self._stream = self._container.streams.video[0]
        self._stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        self._stream.thread_type = "SLICE"  # frame threads would hold back a frame each
        self._decoder = decoder_of(self._stream)
        self._notes += alpha_notes(self._stream, self._decoder, self._name)
        self._crop = container_crop(self._container, self._stream)
        self._converter: FrameConverter | None = None
        self._tap = PacketTap(self._container, self._stream, options.tap) if options.tap is not None else None
        self._packets = self._demux()
        self._decoded: deque[av.VideoFrame] = deque()
        self._index = 0
        self._replayed: set[int] = set()
        segmented = self._container.format.name == "hls"
        self._replays: ReplayFilter | None = options.replays if segmented else None
        if self._replays is not None:
            self._replays.connected()
        target_s = self._remote.target_s if self._remote is not None else None
        if segmented:
            self.stall_s = min(max(self.stall_s, _TARGETSSILENT * float(target_s or 0)), _MAX_STALL_S)
        self._clock = StreamClock((target_s or Fraction(2)) if segmented else None)
        self._told_even = False
        self._tapped_ns = 0
        self._first: Frame | None = None
        try:
            self._first = self._next()
        except SourceLostError as error:
            raise AppError(f"{self._name} is not sending video.", "It answers, but no video came in time.") from error
        if self._first is None:
            raise RecordedError
        rate = self._stream.average_rate
        self.info = SourceInfo(
            "stream", self._name, self._first.width, self._first.height, Fraction(rate) if rate else None
        )

    @property
    def delay_s(self) -> float:
        return float(self._clock.delay_s)

    def read(self) -> Frame | None:
        """Returns the next frame, once it is here; None after the end that the server has announced.

        Raises:
            SourceLostError: It ended, broke, or was silent for too long.
        """
        first, self._first = self._first, None
        return first or self._next()

    def take_notes(self) -> tuple[str, ...]:
        """Returns what is to be known about the pace, and about how frames are shown."""
        notes, self._notes = self._notes, []
        return (*notes, *(self._converter.take_notes() if self._converter is not None else ()))

    def close(self) -> None:
        """Hang up."""
        self._container.close()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._remote is not None:
            self._remote.close()
        if self._relay is not None:
            self._relay.close()

    def _next(self) -> Frame | None:
        asked_ns = time.monotonic_ns()
        give_up_at = time.monotonic() + self.stall_s
        while True:
            while not self._decoded:
                packet = self._packet(give_up_at)
                if packet is None:
                    return None
                self._note_replay(packet)
                asked_ns += self._decode(packet)  # decoding is no waiting
            raw = self._decoded.popleft()
            captured_ns = time.monotonic_ns()
            try:
                image = self._converted(raw)
            except (av.FFmpegError, ValueError):  # decoded, but into something that is no image
                log.debug("a damaged frame was skipped")
                continue
            self._pace(raw, asked_ns, captured_ns)
            index, self._index = self._index, self._index + 1
            return frame_from_bgra(image, index, None, captured_ns)

    def _decode(self, packet: av.Packet[av.VideoStream]) -> int:
        """Adds the packet's frames to those that wait, and returns how long it took, in nanoseconds.

        The tap takes what is not damaged, as the last packet of a connection that broke often is.
        """
        begun_ns = time.monotonic_ns()
        try:
            self._decoded.extend(frame for frame in self._decoder.decode(packet) if frame.pts not in self._replayed)
            if self._tap is not None and packet.pts in self._replayed:
                self._tap.replayed(packet)
            elif self._tap is not None:
                self._tap.take(packet, self._came_ns(begun_ns))
        except av.FFmpegError:
            log.debug("a damaged packet was skipped")
        return time.monotonic_ns() - begun_ns

    def _came_ns(self, moment_ns: int) -> int:
        """Returns when a packet read at a moment counts as come: with its frame, which is shown later than it came."""
        self._tapped_ns = max(self._tapped_ns + 1, moment_ns - int(self._clock.delay_s * 1_000_000_000))
        return self._tapped_ns

    def _converted(self, raw: av.VideoFrame) -> Image:
        if self._converter is None:
            self._converter = FrameConverter(raw, self._stream.codec_context.field_order, self._crop)
        return self._converter.bgra(raw)

    def _note_replay(self, packet: av.Packet[av.VideoStream]) -> None:
        if self._replays is None or packet.pts is None or not packet.size:
            return
        if self._replays.is_replay(packet.pts, bytes(packet), packet.is_keyframe):
            self._replayed.add(packet.pts)

    def _demux(self) -> Iterator[av.Packet[Any]]:
        return self._container.demux(*([self._stream] if self._tap is None else self._tap.streams))

    def _packet(self, give_up_at: float) -> av.Packet[av.VideoStream] | None:
        if self._remote is not None:
            self._remote.give_up_at = give_up_at
        try:
            while time.monotonic() <= give_up_at:
                packet = next(self._packets)
                if packet.stream.index == self._stream.index:
                    return packet
                if self._tap is not None:
                    self._tap.take(packet, self._came_ns(time.monotonic_ns()))
            raise TimeoutError
        except StopIteration:
            if self._remote is not None and self._remote.complete:
                return None
            raise SourceLostError(f"{self._name} ended.", "It is tried again.") from None
        except AppError as error:
            raise SourceLostError(error.message, error.hint, *error.remedies) from None
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = reason_of(error)
            if reason == SILENT and self._remote is not None and self._remote.target_s is not None:
                message = f"{self._name} is stalled: its playlist brings nothing new."
            else:
                message = f"{self._name} was lost: {reason}."
            raise SourceLostError(message, "It is tried again.") from None

    def _pace(self, raw: av.VideoFrame, asked_ns: int, arrived_ns: int) -> None:
        time_base = raw.time_base or self._stream.time_base
        if raw.pts is None or time_base is None:
            self.hold_s = 0.0
            return
        self.hold_s = self._clock.hold_ns(raw.pts * time_base, asked_ns, arrived_ns) / 1e9
        if self._clock.piece_s is not None and not self._told_even:
            self._told_even = True
            pieces_s = float(self._clock.piece_s)
            self._notes.append(
                f"{self._name} comes in pieces of {pieces_s:.1f} s: it is shown evenly, and at least that much later."
            )
