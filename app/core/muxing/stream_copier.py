"""The way of a sound or subtitle track from the source to the copy."""

from __future__ import annotations

from typing import Any, Protocol

import av


class StreamCopier(Protocol):
    """One sound or subtitle track.

    Attributes:
        broken: Packets that could not be decoded so far.
    """

    broken: int

    def put(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        """Packets to write for one that was read; its times are the copy's already."""
        ...

    def flush(self) -> list[av.Packet[Any]]:
        """The last packets, at the end of the source."""
        ...
