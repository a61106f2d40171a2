"""A tap that is always there, so that recordings can begin at any moment of a source that is open already.

Frames of a source without packets are encoded once for all who record them, and only while somebody does.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
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
        self._max_kept = max_kept
        self._fan = PacketFan(max_kept)
        self._lock = threading.Lock()
        self._encoding: _Encoding | None = None

    def lead_to(self, target: FedRecording) -> None:
        """Passes on what comes to ``target``, too, from the last key frame on."""
        with self._lock:
            self._fan.lead_to(target)
            if self._encoding is not None:
                self._encoding.fan.lead_to(target)

    def leave(self, target: FedRecording) -> None:
        """Passes nothing more on to ``target``, where it does, than what has come until now; returns at once."""
        with self._lock:
            self._fan.leave(target)
            if self._encoding is not None:
                self._encoding.fan.leave(target, self._encoding.frames.taken_ns)
                if not self._encoding.fan.targets:  # who comes next has nothing to do with what is still encoded
                    self._encoding.frames.end()
                    self._encoding = None

    def begin(self, media: MediaFormat) -> None:
        """See ``MediaSink``."""
        self._fan.begin(media)

    def packet(self, packet: MediaPacket) -> None:
        """See ``MediaSink``."""
        self._fan.packet(packet)

    def frame(self, frame: Frame) -> None:
        """See ``SourceTap``."""
        with self._lock:
            if self._encoding is None and (targets := self._fan.targets):
                self._encoding = _Encoding(targets, self._max_kept)
            if self._encoding is not None:
                self._encoding.take(frame)

    def ended(self) -> None:
        """See ``MediaSink``."""
        with self._lock:
            if self._encoding is not None:
                self._encoding.frames.end()  # that is passed on when all is encoded
                return
        self._fan.ended()


class _Encoding:
    """Frames encoded for all that record them, from the first that joins until the last has left.

    Args:
        targets: The first; there is one at least.
        max_kept: As of ``PacketFan``.

    Attributes:
        fan: Whom the packets go to.
        frames: Makes them.
    """

    def __init__(self, targets: Sequence[FedRecording], max_kept: int) -> None:
        from app.core.recording.encoded_frames import EncodedFrames

        self.fan = PacketFan(max_kept)
        for target in targets:
            self.fan.lead_to(target)
        self.frames: EncodedFrames = EncodedFrames(self.fan, self._failed, targets[0].fps)

    def take(self, frame: Frame) -> None:
        """Encodes a frame, or tells that it is lost."""
        if not self.frames.image(frame.captured_ns, lambda: frame.image_bgr):
            for target in self.fan.targets:
                target.lost(frame.captured_ns)

    def _failed(self, error: AppError) -> None:
        for target in self.fan.targets:
            target.failed(error)
