"""Packets of one source for any number of recordings. Any thread.

Decoding begins at a key frame, and the next one may be a minute away: what came since the last is kept.
"""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import Protocol

from app.core.errors import AppError
from app.core.media.packets import VIDEO, MediaFormat, MediaPacket, MediaSink


class FedRecording(MediaSink, Protocol):
    """A recording that somebody else gives packets."""

    @property
    def fps(self) -> Fraction | None:
        """Frames a second that are expected; None for unknown."""
        ...

    def missed(self, frames: int) -> None:
        """Counts frames that had to be dropped before they were packets."""
        ...

    def failed(self, error: AppError) -> None:
        """Hears that no frame becomes a packet for now."""
        ...


class PacketFan:
    """A ``MediaSink`` that passes everything on.

    Args:
        max_kept: Bytes since the last key frame; beyond that, recording begins with the next one.
    """

    def __init__(self, max_kept: int) -> None:
        self._lock = threading.Lock()
        self._max_kept = max_kept
        self._kept: list[MediaPacket] = []
        self._size = 0
        self._targets: list[FedRecording] = []
        self._media: MediaFormat | None = None

    @property
    def targets(self) -> tuple[FedRecording, ...]:
        """Whom it passes everything on to."""
        with self._lock:
            return tuple(self._targets)

    def lead_to(self, target: FedRecording) -> None:
        """Passes on what comes to ``target``, too, from the last key frame on."""
        with self._lock:
            self._targets.append(target)
            if self._media is not None:
                target.begin(self._media)
                for packet in self._kept:
                    target.packet(packet)

    def leave(self, target: FedRecording) -> None:
        """Passes nothing more on to ``target``, where it does."""
        with self._lock:
            self._targets = [each for each in self._targets if each is not target]

    def begin(self, media: MediaFormat) -> None:
        """See ``MediaSink``."""
        with self._lock:
            self._media = media
            self._kept.clear()
            for target in self._targets:
                target.begin(media)

    def packet(self, packet: MediaPacket) -> None:
        """See ``MediaSink``."""
        with self._lock:
            self._keep(packet)
            for target in self._targets:
                target.packet(packet)

    def ended(self) -> None:
        """See ``MediaSink``."""
        with self._lock:
            self._media = None
            self._kept.clear()
            for target in self._targets:
                target.ended()

    def _keep(self, packet: MediaPacket) -> None:
        is_key = packet.track == VIDEO and packet.is_key
        if is_key or self._size + len(packet.content) > self._max_kept:
            self._kept.clear()
            self._size = 0
        if is_key or self._kept:
            self._kept.append(packet)
            self._size += len(packet.content)
