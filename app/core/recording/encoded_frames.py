"""Frames of a live source as packets; an encoder that fails is tried again after a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

from app.core.errors import AppError
from app.core.media.packets import FrameSink
from app.core.recording.frame_encoder import FrameEncoder, ImageMaker

_TRY_AGAIN_S = 10.0


class EncodedFrames:
    """Opens an encoder with the first frame.

    Args:
        sink: Takes the packets, on the encoder's thread.
        on_failure: Told when frames cannot be encoded, on the encoder's thread.
        fps: Frames a second that are expected; None for unknown.

    Attributes:
        taken_ns: When the last frame that was taken was captured; 0 before the first.
    """

    def __init__(self, sink: FrameSink, on_failure: Callable[[AppError], None], fps: Fraction | None) -> None:
        self._sink = sink
        self._on_failure = on_failure
        self._fps = fps
        self._encoder: FrameEncoder | None = None
        self._before: FrameEncoder | None = None
        self._failed_s: float | None = None
        self.taken_ns = 0

    @property
    def encoder(self) -> str:
        """FFmpeg's name of the encoder in use; "" while there is none."""
        return self._encoder.encoder if self._encoder is not None else ""

    def image(self, captured_ns: int, make: ImageMaker) -> bool:
        """Takes a frame that is made on the encoder's thread, where there is a place; as ``FrameEncoder.frame``."""
        if self._failed_s is not None and time.monotonic() - self._failed_s >= _TRY_AGAIN_S:
            self.end()
        if self._encoder is None:
            self._failed_s = None
            self._encoder, self._before = FrameEncoder(self._sink, self._fps, self._failed, self._before), None
        taken = self._encoder.frame(captured_ns, make)
        if taken:
            self.taken_ns = captured_ns
        return taken

    def end(self) -> FrameEncoder | None:
        """No frame comes for now; returns at once.

        Returns:
            The encoder, which ends the packets when all is encoded; None where there is none.
        """
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            self._before = encoder
            encoder.close()
        return encoder

    def join(self, deadline_s: float) -> bool:
        """Ends, and waits until all is encoded; True when that was so within ``deadline_s``."""
        self.end()
        return self._before is None or self._before.worker.join(deadline_s)

    def _failed(self, error: AppError) -> None:
        self._failed_s = time.monotonic()
        self._on_failure(error)
