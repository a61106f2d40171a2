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
        self._may_be = True

    def connected(self) -> None:
        """Another connection begins."""
        self._before = frozenset(self._now)
        self._may_be = True

    def is_replay(self, pts: int, content: bytes, is_key: bool = False) -> bool:
        """Returns whether an earlier connection brought this packet; remembers it.

        Args:
            pts: Its time, in ticks of the stream.
            content: Its bytes.
            is_key: It is a key frame. What follows one that is new is new, too: where little moves, packets between
                key frames are soon the same, and so are their times when an encoder begins anew.
        """
        key = (pts, len(content), zlib.crc32(content))
        self._now[key] = None
        self._now.move_to_end(key)
        if len(self._now) > _REMEMBERED:
            self._now.popitem(last=False)
        is_replay = key in self._before
        if is_key:
            self._may_be = is_replay
        return is_replay and self._may_be
