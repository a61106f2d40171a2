"""The queue of the recording thread: packets, of which there is an end, and orders, which always arrive."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from app.core.media.packets import VIDEO, MediaFormat, MediaPacket

MAX_WAITING = 64_000_000
"""Bytes; some ten seconds of a very good stream."""
_MAX_ITEMS = 2000


@dataclass(frozen=True, slots=True)
class End:
    """No packet follows before another format."""


Item = MediaFormat | MediaPacket | End | Callable[[], None]


class Inbox:
    """Never makes a sender wait.

    Args:
        max_waiting: Bytes of packets.

    Attributes:
        dropped: Frames that found no room, here or before. After one that finds none here, all up to the next key frame
            are dropped: none could be decoded.
    """

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._waiting = 0
        self._torn = False
        self.dropped = 0

    def put_packet(self, packet: MediaPacket) -> None:
        """Takes a packet, or drops it."""
        with self._changed:
            is_key = packet.track == VIDEO and packet.is_key
            full = self._waiting + len(packet.content) > self._max_waiting
            self._torn = full or (self._torn and not is_key)
            if self._torn:
                self.dropped += packet.track == VIDEO
                return
            self._waiting += len(packet.content)
            self._add(packet)

    def count_dropped(self) -> None:
        """Counts a frame that was dropped before it was a packet."""
        with self._changed:
            self.dropped += 1

    def put(self, item: MediaFormat | End | Callable[[], None]) -> None:
        """Takes something that is not a packet."""
        with self._changed:
            self._add(item)

    def put_data(self, item: Callable[[], None]) -> None:
        """Takes something to do about a single frame, or drops it where very much waits."""
        with self._changed:
            if len(self._items) < _MAX_ITEMS:
                self._add(item)

    def get(self) -> Item:
        """Returns the oldest; waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items))
            item = self._items.popleft()
            if isinstance(item, MediaPacket):
                self._waiting -= len(item.content)
            return item

    def _add(self, item: Item) -> None:
        self._items.append(item)
        self._changed.notify()
