"""A tap on one opening of a source: silent once that was given up, whatever its thread still does."""

from __future__ import annotations

import threading

from app.core.frames import Frame
from app.core.media.packets import MediaFormat, MediaPacket
from app.core.sources.base import SourceTap


class AttemptTap:
    """A ``SourceTap`` that decides between packets and frames.

    Args:
        tap: Takes what comes.
        given_up: Set when nothing of this opening is wanted any more.
    """

    def __init__(self, tap: SourceTap, given_up: threading.Event) -> None:
        self._tap = tap
        self._given_up = given_up
        self._has_packets = False

    def begin(self, media: MediaFormat) -> None:
        """See ``MediaSink``."""
        self._has_packets = True
        if not self._given_up.is_set():
            self._tap.begin(media)

    def packet(self, packet: MediaPacket) -> None:
        """See ``MediaSink``."""
        if not self._given_up.is_set():
            self._tap.packet(packet)

    def frame(self, frame: Frame) -> None:
        """See ``SourceTap``; not of a source whose packets are taken."""
        if not self._has_packets and not self._given_up.is_set():
            self._tap.frame(frame)

    def ended(self) -> None:
        """See ``MediaSink``."""
        self._tap.ended()
