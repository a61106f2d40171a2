"""A tap that is always there, so that recording can begin at any moment of a source that is open already."""

from __future__ import annotations

import threading

from app.core.frames import Frame
from app.core.media.packets import MediaFormat, MediaPacket
from app.core.sources.base import SourceTap


class TapSwitch:
    """A ``SourceTap`` that leads nowhere, or to another one. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._target: SourceTap | None = None
        self._media: MediaFormat | None = None

    def lead_to(self, target: SourceTap | None) -> None:
        """Passes on what comes from now on to ``target``, None for nowhere; nothing goes to the one before any more."""
        with self._lock:
            self._target = target
            if target is not None and self._media is not None:
                target.begin(self._media)

    def begin(self, media: MediaFormat) -> None:
        """See ``MediaSink``."""
        with self._lock:
            self._media = media
            if self._target is not None:
                self._target.begin(media)

    def packet(self, packet: MediaPacket) -> None:
        """See ``MediaSink``."""
        with self._lock:
            if self._target is not None:
                self._target.packet(packet)

    def frame(self, frame: Frame) -> None:
        """See ``SourceTap``."""
        with self._lock:
            if self._target is not None:
                self._target.frame(frame)

    def ended(self) -> None:
        """See ``MediaSink``."""
        with self._lock:
            self._media = None
            if self._target is not None:
                self._target.ended()
