"""A tap that is always there, so that recordings can begin at any moment of a source that is open already.

Frames of a source without packets are encoded once for all who record them, and only while somebody does.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from app.core.errors import AppError
from app.core.frames import Frame
from app.core.media.packets import MediaFormat, MediaPacket
from app.core.recording.packet_fan import FedRecording, PacketFan

if TYPE_CHECKING:  # it loads PyAV
    from app.core.recording.encoded_frames import EncodedFrames

_MAX_KEPT = 32_000_000


class TapSwitch:
    """A ``SourceTap`` that leads nowhere, or to recordings. Any thread.

    Args:
        max_kept: Bytes since the last key frame; beyond that, recording begins with the next one.
    """

    def __init__(self, max_kept: int = _MAX_KEPT) -> None:
        self._fan = PacketFan(max_kept)
        self._lock = threading.Lock()
        self._encoded: EncodedFrames | None = None

    def lead_to(self, target: FedRecording) -> None:
        """Passes on what comes to ``target``, too, from the last key frame on."""
        self._fan.lead_to(target)

    def leave(self, target: FedRecording) -> None:
        """Passes nothing more on to ``target``, where it does."""
        with self._lock:
            self._fan.leave(target)
            if self._encoded is not None and not self._fan.targets:
                self._encoded.end()
                self._fan.ended()

    def begin(self, media: MediaFormat) -> None:
        """See ``MediaSink``."""
        self._fan.begin(media)

    def packet(self, packet: MediaPacket) -> None:
        """See ``MediaSink``."""
        self._fan.packet(packet)

    def frame(self, frame: Frame) -> None:
        """See ``SourceTap``."""
        with self._lock:
            targets = self._fan.targets
            if not targets:
                return
            encoded = self._encoding(targets[0])
            before = encoded.dropped
            encoded.image(frame.captured_ns, lambda: frame.image_bgr)
            for target in targets:
                target.missed(encoded.dropped - before)

    def ended(self) -> None:
        """See ``MediaSink``."""
        with self._lock:
            if self._encoded is not None and self._encoded.end() is not None:
                return  # it is passed on when all is encoded
        self._fan.ended()

    def _encoding(self, first: FedRecording) -> EncodedFrames:
        from app.core.recording.encoded_frames import EncodedFrames

        if self._encoded is None:
            self._encoded = EncodedFrames(self._fan, self._failed, first.fps)
        return self._encoded

    def _failed(self, error: AppError) -> None:
        for target in self._fan.targets:
            target.failed(error)
