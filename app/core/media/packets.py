"""Encoded video and sound on their way from a source to files. Immutable values: they cross threads. No FFmpeg here."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

VIDEO, SOUND = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class MediaFormat:
    """Codec parameters that a decoder needs before the first packet.

    Attributes:
        header: The beginning of a NUT file with the video and, where ``has_sound``, the sound after it.
        has_sound: Whether there is sound.
    """

    header: bytes
    has_sound: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class MediaPacket:
    """One encoded frame of video, or a piece of sound.

    Attributes:
        track: ``VIDEO`` or ``SOUND``.
        content: Its bytes.
        pts_s: When it is shown, seconds on the source's clock; None where the source has none.
        dts_s: When it is decoded; None as for ``pts_s``.
        duration_s: How long it lasts; 0 where the source does not say.
        is_key: Decoding can begin here.
        arrived_ns: ``time.monotonic_ns()`` when it was here; of an encoded frame, when that was captured.
    """

    track: int
    content: bytes
    pts_s: Fraction | None
    dts_s: Fraction | None
    duration_s: Fraction
    is_key: bool
    arrived_ns: int


class MediaSink(Protocol):
    """Takes packets; returns at once, whatever happens to them."""

    def begin(self, media: MediaFormat) -> None:
        """Packets of this format follow, with a clock of their own."""
        ...

    def packet(self, packet: MediaPacket) -> None:
        """Takes the next packet."""
        ...

    def ended(self) -> None:
        """Ends the packets, until another ``begin``."""
        ...


class FrameSink(MediaSink, Protocol):
    """Takes what frames become."""

    def lost(self, captured_ns: int) -> None:
        """Hears that the frame captured then becomes no packet."""
        ...
