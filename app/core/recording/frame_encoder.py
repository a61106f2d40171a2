"""Frames to packets beside the live view, which never waits for it: ``ssdv-record-encode``.

Frames wait in a few places; one that finds none free is dropped and counted. What has to be done to a frame before,
such as painting boxes, happens on this thread, too.
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterable
from fractions import Fraction

import av
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from app.core.channels import Channel, Closed
from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.core.media.packets import VIDEO, FrameSink, MediaFormat, MediaPacket
from app.core.muxing.encoder import EncoderPlan, plan_encoder, to_video_frame
from app.core.muxing.stream_facts import ColourTags, StreamFacts
from app.core.muxing.video_options import MP4, VideoOptions
from app.core.workers import Worker

log = logging.getLogger(__name__)

_WAITING = 4
_END_S = 5.0
_TICK = Fraction(1, 60_000)
_KEY_EVERY_S = Fraction(1)
_NO_DELAY = {
    "libx264": {"tune": "zerolatency"},
    "h264_nvenc": {"delay": "0", "zerolatency": "1", "forced-idr": "1"},
    "h264_videotoolbox": {"realtime": "1"},
    "h264_qsv": {"async_depth": "1"},
}
"""What waits in an encoder is lost with the program."""

ImageMaker = Callable[[], ImageBGR]


class FrameEncoder:
    """Encodes frames of one live source with the best encoder of this computer.

    Args:
        sink: Takes the packets, on the encoder's thread. It hears of each frame that was taken, as a packet or as one
            that is lost, and of the end once, whatever happens.
        fps: Frames a second that are expected; None for unknown.
        on_failure: Told once, on the encoder's thread, when no frame can be encoded any more.
        after: The encoder before, whose last packets come first.

    Attributes:
        encoder: FFmpeg's name of the encoder; "" before the first frame.
    """

    def __init__(
        self,
        sink: FrameSink,
        fps: Fraction | None,
        on_failure: Callable[[AppError], None],
        after: FrameEncoder | None = None,
    ) -> None:
        self._sink = sink
        self._after = after
        self._fps = fps or Fraction(30)
        self._on_failure = on_failure
        self._frames = Channel[tuple[int, ImageMaker]](_WAITING)
        self._track: _Track | None = None
        self._under_way: list[int] = []
        self._passing = threading.Lock()
        self._is_over = False
        self.encoder = ""
        self.worker = Worker("record-encode", self._run, self._fail)
        self.worker.start()

    def frame(self, captured_ns: int, make: ImageMaker) -> bool:
        """Takes a frame; returns at once.

        Args:
            captured_ns: As of ``Frame``.
            make: Returns the image, UInt8[H, W, 3], on the encoder's thread.

        Returns:
            Whether there was a place for it, as there is none after a failure.
        """
        try:
            return self._frames.put((captured_ns, make), timeout=0)
        except (Closed, AppError):
            return False

    def close(self) -> None:
        """Encodes what waits, and ends; returns at once."""
        self._frames.close()

    def cut_off(self) -> None:
        """Passes nothing more on, however long it still takes; any thread."""
        with self._passing:
            if not self._is_over:
                self._is_over = True
                self._sink.ended()

    def _run(self, _stopping: threading.Event) -> None:
        if self._after is not None:
            if not self._after.worker.join(_END_S):
                self._after.cut_off()
            self._after = None
        for captured_ns, make in self._frames:
            self._under_way.append(captured_ns)
            image = make()
            if self._track is None or not self._track.fits(image):
                self._flush()
                self._track = _Track(image, self._fps)
                self.encoder = self._track.plan.name
            self._pass(self._track, self._track.encode(image, captured_ns))
        self._flush()
        self._end()

    def _flush(self) -> None:
        if self._track is not None:
            self._pass(self._track, self._track.flush())

    def _pass(self, track: _Track, packets: Iterable[MediaPacket]) -> None:
        with self._passing:
            if self._is_over:
                return
            for packet in packets:
                if track.media is not None and not track.told:
                    track.told = True
                    self._sink.begin(track.media)
                self._sink.packet(packet)
                self._under_way.remove(packet.arrived_ns)

    def _end(self) -> None:
        for captured_ns in self._under_way:
            self._sink.lost(captured_ns)
        self.cut_off()

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, AppError):
            log.error("encoding for a recording failed", exc_info=error)
            error = AppError("The video encoder failed.", "The view goes on without the recording.")
        self._frames.fail(error)
        while len(self._frames):
            self._under_way.append(self._frames.get()[0])
        self._end()
        self._on_failure(error)


class _Track:
    """An encoder for frames of one size.

    Attributes:
        plan: What it was opened with.
        media: The format; None before the first packet.
        told: Whether the sink knows the format.
    """

    def __init__(self, image: ImageBGR, fps: Fraction) -> None:
        self._size = image.shape[:2]
        self.plan = _plan(image.shape[1], image.shape[0], fps)
        self._convert = VideoReformatter()
        self._content = io.BytesIO()
        self._header = av.open(self._content, "w", format="nut")
        stream = self._header.add_stream(self.plan.name, rate=self.plan.rate)
        assert isinstance(stream, av.VideoStream)
        self._stream = stream
        context = self._stream.codec_context
        self.plan.apply(context)
        context.gop_size = max(1, round(fps * _KEY_EVERY_S))
        context.max_b_frames = 0
        context.options = {**context.options, **_NO_DELAY.get(self.plan.name, {})}
        self._origin_ns: int | None = None
        self._captured: dict[int, int] = {}
        self._last = -1
        self._key_pts: int | None = None
        self.media: MediaFormat | None = None
        self.told = False

    def fits(self, image: ImageBGR) -> bool:
        """Returns whether the image has the size of those before."""
        return image.shape[:2] == self._size

    def encode(self, image: ImageBGR, captured_ns: int) -> list[MediaPacket]:
        """Returns the packets that are ready."""
        if self._origin_ns is None:
            self._origin_ns = captured_ns
        frame = to_video_frame(image, self.plan, self._convert)
        pts = max(self._last + 1, round(Fraction(captured_ns - self._origin_ns, 1_000_000_000) / self.plan.time_base))
        frame.pts, frame.time_base, self._last = pts, self.plan.time_base, pts
        self._captured[pts] = captured_ns
        if self._key_pts is None or (pts - self._key_pts) * self.plan.time_base >= _KEY_EVERY_S:
            frame.pict_type, self._key_pts = PictureType.I, pts  # whatever the rate: a clip begins at one
        return self._passed(frame)

    def flush(self) -> list[MediaPacket]:
        """Returns the last packets."""
        return self._passed(None)

    def _passed(self, frame: av.VideoFrame | None) -> list[MediaPacket]:
        return [self._plain(packet) for packet in self._stream.encode(frame)]

    def _plain(self, packet: av.Packet[av.VideoStream]) -> MediaPacket:
        pts_s = (packet.pts or 0) * packet.time_base
        key = min(self._captured, key=lambda pts: abs(pts * self.plan.time_base - pts_s))
        captured_ns = self._captured[key]
        self._captured = {pts: ns for pts, ns in self._captured.items() if pts > key}
        plain = MediaPacket(VIDEO, bytes(packet), pts_s, pts_s, Fraction(0), packet.is_keyframe, captured_ns)
        if self.media is None:
            self._header.mux(packet)
            self._header.close()
            self.media = MediaFormat(self._content.getvalue())
        return plain


def _plan(width: int, height: int, fps: Fraction) -> EncoderPlan:
    facts = StreamFacts(_TICK, Fraction(0), None, fps, None, ColourTags(1, 1, 1, full_range=False))
    try:
        return plan_encoder(width, height, facts, MP4, VideoOptions(quality="draft"))
    except AppError as error:
        raise AppError(
            error.message, "Without boxes a stream is recorded as it comes, which needs no encoder."
        ) from None
