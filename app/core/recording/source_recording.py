"""Records what a live source gives: its packets as they come, or its frames encoded where it has none.

A ``SourceTap``, called on the threads of the source; it passes everything on at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

from app.core.errors import AppError
from app.core.frames import Frame
from app.core.media.packets import MediaFormat, MediaPacket
from app.core.recording.frame_encoder import FrameEncoder, ImageMaker
from app.core.recording.recorder import Recorder
from app.core.workers import join_all

_TRY_AGAIN_S = 10.0


class SourceRecording:
    """A tap that leads to a recorder.

    Args:
        recorder: Takes the packets.
        on_failure: Told when frames cannot be encoded, on the encoder's thread; it is tried again by itself.
        fps: Frames a second that are expected; None for unknown.
    """

    def __init__(self, recorder: Recorder, on_failure: Callable[[AppError], None], fps: Fraction | None = None) -> None:
        self.recorder = recorder
        self._on_failure = on_failure
        self._fps = fps
        self._encoder: FrameEncoder | None = None
        self._failed_s: float | None = None
        self._dropped_before = 0

    @property
    def dropped(self) -> int:
        """Frames that are missing in the recording, because encoder or disk were too slow for them."""
        now = self._encoder.dropped if self._encoder is not None else 0
        return self.recorder.dropped + self._dropped_before + now

    @property
    def encoder(self) -> str:
        """FFmpeg's name of the encoder in use; "" where packets are copied."""
        return self._encoder.encoder if self._encoder is not None else ""

    def begin(self, media: MediaFormat) -> None:
        """See ``MediaSink``."""
        self.recorder.begin(media)

    def packet(self, packet: MediaPacket) -> None:
        """See ``MediaSink``."""
        self.recorder.packet(packet)

    def frame(self, frame: Frame) -> None:
        """See ``SourceTap``."""
        self.image(frame.captured_ns, lambda: frame.image_bgr)

    def image(self, captured_ns: int, make: ImageMaker) -> None:
        """Takes a frame that is made on the encoder's thread, as of ``FrameEncoder.frame``."""
        if self._failed_s is not None and time.monotonic() - self._failed_s >= _TRY_AGAIN_S:
            self._close_encoder()
        if self._encoder is None:
            self._failed_s = None
            self._encoder = FrameEncoder(self.recorder, self._fps, self._failed)
        self._encoder.frame(captured_ns, make)

    def ended(self) -> None:
        """See ``MediaSink``."""
        if self._encoder is not None:
            self._close_encoder()  # which passes it on when all is encoded
        else:
            self.recorder.ended()

    def close(self, deadline_s: float) -> bool:
        """Finishes all files; True when that was done within ``deadline_s``. The source must have ended."""
        encoder = self._encoder
        if encoder is not None:
            self._close_encoder()
            encoder.worker.join(deadline_s)
        self.recorder.close()
        return not join_all([self.recorder.worker], deadline_s)

    def _close_encoder(self) -> None:
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            self._dropped_before += encoder.dropped
            encoder.close()

    def _failed(self, error: AppError) -> None:
        self._failed_s = time.monotonic()
        self._on_failure(error)
