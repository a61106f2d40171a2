"""Records what a live source gives: its packets as they come, or its frames encoded where it has none.

A ``SourceTap``, called on the threads of the source; it passes everything on at once.
"""

from __future__ import annotations

import threading
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
        self._feeds = 0
        self._feeds_changed = threading.Condition()

    @property
    def dropped(self) -> int:
        """Frames that are missing in the recording, because encoder or disk were too slow for them, or failed."""
        return self.recorder.dropped

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
        if not self._frames.image(captured_ns, make):
            self.lost(captured_ns)

    def lost(self, captured_ns: int) -> None:
        """See ``FrameSink``."""
        self.recorder.lost(captured_ns)

    def joined(self) -> None:
        """See ``FedRecording``."""
        with self._feeds_changed:
            self._feeds += 1

    def left(self) -> None:
        """See ``FedRecording``."""
        with self._feeds_changed:
            self._feeds -= 1
            self._feeds_changed.notify_all()

    def ended(self) -> None:
        """See ``MediaSink``."""
        if self._frames.end() is None:  # otherwise it is passed on when all is encoded
            self.recorder.ended()

    def close(self, deadline_s: float) -> bool:
        """Finishes all files; True when that was done within ``deadline_s``, and all that was taken is in them.

        The source must have ended, or have been left.
        """
        complete = self._frames.join(deadline_s)
        with self._feeds_changed:
            complete &= self._feeds_changed.wait_for(lambda: not self._feeds, deadline_s)
        self.recorder.close()
        return not join_all([self.recorder.worker], deadline_s) and complete
