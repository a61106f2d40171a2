"""Records what a live source gives: its packets as they come, or its frames encoded where it has none.

A ``SourceTap``, called on the threads of the source; it passes everything on at once.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from app.core.errors import AppError
from app.core.frames import Frame
from app.core.media.packets import MediaFormat, MediaPacket
from app.core.recording.encoded_frames import EncodedFrames
from app.core.recording.frame_encoder import ImageMaker
from app.core.recording.recorder import Recorder
from app.core.workers import join_all


class SourceRecording:
    """A tap that leads to a recorder.

    Args:
        recorder: Takes the packets.
        on_failure: Told when frames cannot be encoded, on the encoder's thread; it is tried again by itself.
        fps: Frames a second that are expected; None for unknown.

    Attributes:
        fps: Likewise.
        failed: Told when somebody else cannot encode the frames for it; any thread.
    """

    def __init__(self, recorder: Recorder, on_failure: Callable[[AppError], None], fps: Fraction | None = None) -> None:
        self.recorder = recorder
        self.fps = fps
        self.failed = on_failure
        self._frames = EncodedFrames(recorder, on_failure, fps)
        self._missed = 0

    @property
    def dropped(self) -> int:
        """Frames that are missing in the recording, because encoder or disk were too slow for them."""
        return self.recorder.dropped + self._frames.dropped + self._missed

    @property
    def encoder(self) -> str:
        """FFmpeg's name of the encoder in use; "" where packets are copied."""
        return self._frames.encoder

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
        self._frames.image(captured_ns, make)

    def missed(self, frames: int) -> None:
        """Counts frames that somebody else, who encodes for it, had to drop."""
        self._missed += frames

    def ended(self) -> None:
        """See ``MediaSink``."""
        if self._frames.end() is None:  # otherwise it is passed on when all is encoded
            self.recorder.ended()

    def close(self, deadline_s: float) -> bool:
        """Finishes all files; True when that was done within ``deadline_s``. The source must have ended."""
        encoder = self._frames.end()
        if encoder is not None:
            encoder.worker.join(deadline_s)
        self.recorder.close()
        return not join_all([self.recorder.worker], deadline_s)
