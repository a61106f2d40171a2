"""The last seconds of a source, kept in memory so that a clip can begin before its cause. Owned by the recorder."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from app.core.media.packets import VIDEO
from app.core.recording.packet_clock import TimedPacket, from_key_frame

MAX_BYTES = 96_000_000


class PreRoll:
    """Packets from a key frame on.

    Args:
        seconds: How far back it reaches at least, where there is enough to keep.
        max_bytes: It gives up what is oldest rather than grow beyond this.
    """

    def __init__(self, seconds: float, max_bytes: int = MAX_BYTES) -> None:
        self._keep_ns = int(seconds * 1e9)
        self._max_bytes = max_bytes
        self._packets: deque[TimedPacket] = deque()
        self._keys: deque[int] = deque()  # when each key frame arrived
        self.size = 0

    def add(self, timed: TimedPacket) -> None:
        """Takes the newest packet; what is too old goes."""
        packet = timed.packet
        is_key = packet.track == VIDEO and packet.is_key
        if not self._keys and not is_key:
            return
        self._packets.append(timed)
        self.size += len(packet.content)
        if is_key:
            self._keys.append(packet.arrived_ns)
        since_ns = packet.arrived_ns - self._keep_ns
        while len(self._keys) > 1 and (self._keys[1] <= since_ns or self.size > self._max_bytes):
            self._drop_group()
        if self.size > self._max_bytes:  # no key frame for so long that what is here cannot be kept
            self.clear()

    def since(self, moment_ns: int) -> Iterator[TimedPacket]:
        """Returns what is kept from the last key frame not later than ``moment_ns`` on, or else from the first."""
        begin_ns = max((key for key in self._keys if key <= moment_ns), default=0)
        return from_key_frame(timed for timed in list(self._packets) if timed.packet.arrived_ns >= begin_ns)

    def clear(self) -> None:
        """Forgets everything: what follows is of another format."""
        self._packets.clear()
        self._keys.clear()
        self.size = 0

    def _drop_group(self) -> None:
        """Drops the packets before the second key frame."""
        self._keys.popleft()
        while True:
            self.size -= len(self._packets.popleft().packet.content)
            first = self._packets[0].packet
            if first.track == VIDEO and first.is_key:
                return
