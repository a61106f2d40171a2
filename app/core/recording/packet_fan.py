"""Packets of one source for any number of recordings. Any thread.

Decoding begins at a key frame, and the next one may be a minute away: what came since the last is kept.
"""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import Protocol

from app.core.errors import AppError
from app.core.media.packets import VIDEO, FrameSink, MediaFormat, MediaPacket


class FedRecording(FrameSink, Protocol):
    """A recording that somebody else gives packets."""

    @property
    def fps(self) -> Fraction | None:
        """Frames a second that are expected; None for unknown."""
        ...

    def joined(self) -> None:
        """Hears that packets come from somebody from now on."""
        ...

    def left(self) -> None:
        """Hears that this one gives nothing more."""
        ...

    def failed(self, error: AppError) -> None:
        """Hears that no frame becomes a packet for now."""
        ...


class PacketFan:
    """A ``FrameSink`` that passes everything on.

    Args:
        max_kept: Bytes since the last key frame; beyond that, recording begins with the next one.
    """

    def __init__(self, max_kept: int) -> None:
        self._lock = threading.Lock()
        self._max_kept = max_kept
        self._kept: list[MediaPacket] = []
        self._size = 0
        self._targets: list[FedRecording] = []
        self._leaving: list[tuple[int, FedRecording]] = []
        self._done_ns = 0
        self._media: MediaFormat | None = None

    @property
    def targets(self) -> tuple[FedRecording, ...]:
        """Whom it passes everything on to, without those that are leaving."""
        with self._lock:
            return tuple(self._targets)

    def lead_to(self, target: FedRecording) -> None:
        """Passes on what comes to ``target``, too, from the last key frame on."""
        with self._lock:
            target.joined()
            self._targets.append(target)
            if self._media is not None:
                target.begin(self._media)
                for packet in self._kept:
                    target.packet(packet)

    def leave(self, target: FedRecording, until_ns: int = 0) -> None:
        """Passes nothing more on to ``target``, where it does, than what arrived, or was captured, until then."""
        with self._lock:
            before, self._targets = self._targets, [each for each in self._targets if each is not target]
            if len(self._targets) < len(before):
                self._leaving.append((until_ns, target))
                self._let_go()

    def begin(self, media: MediaFormat) -> None:
        """See ``MediaSink``."""
        with self._lock:
            self._media = media
            self._kept.clear()
            for target in self._fed():
                target.begin(media)

    def packet(self, packet: MediaPacket) -> None:
        """See ``MediaSink``."""
        with self._lock:
            self._keep(packet)
            for target in self._fed(packet.arrived_ns):
                target.packet(packet)
            self._let_go(packet.arrived_ns)

    def lost(self, captured_ns: int) -> None:
        """See ``FrameSink``."""
        with self._lock:
            for target in self._fed(captured_ns):
                target.lost(captured_ns)
            self._let_go(captured_ns)

    def ended(self) -> None:
        """See ``MediaSink``."""
        with self._lock:
            self._media = None
            self._kept.clear()
            for target in self._fed():
                target.ended()

    def _fed(self, moment_ns: int = 0) -> list[FedRecording]:
        """Who still gets what arrived, or was captured, then."""
        return [*self._targets, *(target for until_ns, target in self._leaving if moment_ns <= until_ns)]

    def _let_go(self, moment_ns: int = 0) -> None:
        """Lets go who waits for no later moment: one comes after the other."""
        self._done_ns = max(self._done_ns, moment_ns)
        for until_ns, target in self._leaving:
            if until_ns <= self._done_ns:
                target.left()
        self._leaving = [(until_ns, target) for until_ns, target in self._leaving if until_ns > self._done_ns]

    def _keep(self, packet: MediaPacket) -> None:
        is_key = packet.track == VIDEO and packet.is_key
        if is_key or self._size + len(packet.content) > self._max_kept:
            self._kept.clear()
            self._size = 0
        if is_key or self._kept:
            self._kept.append(packet)
            self._size += len(packet.content)
