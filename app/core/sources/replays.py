"""Recognises, after a reconnection, what a stream has sent before. Owned by whoever reconnects, used while reading."""

from __future__ import annotations

import zlib
from collections import OrderedDict

_REMEMBERED = 8192
"""Packets: minutes of video, and less than a megabyte."""


class ReplayFilter:
    """Remembers the packets of a stream across its connections.

    A server whose encoder died goes on serving the last segments. To who connects again they look like live video;
    byte for byte and time for time they are what came before.
    """

    def __init__(self) -> None:
        self._now: OrderedDict[tuple[int, int, int], None] = OrderedDict()
        self._before: frozenset[tuple[int, int, int]] = frozenset()

    def connected(self) -> None:
        """Another connection begins."""
        self._before = frozenset(self._now)

    def is_replay(self, pts: int, content: bytes) -> bool:
        """Returns whether an earlier connection brought this packet; remembers it.

        Args:
            pts: Its time, in ticks of the stream.
            content: Its bytes.
        """
        key = (pts, len(content), zlib.crc32(content))
        self._now[key] = None
        self._now.move_to_end(key)
        if len(self._now) > _REMEMBERED:
            self._now.popitem(last=False)
        return key in self._before
