"""One clip: from before its first event until after its last. Owned by the recorder."""

from __future__ import annotations

from collections.abc import Iterable

from app.core.recording.packet_clock import TimedPacket
from app.core.recording.recording_file import RecordingFile


class Clip:
    """Events whose clips touch share one.

    Args:
        file: Nothing is written in it yet.
        pre_roll_s: So long after its end another event may still turn out to have begun within it.

    Attributes:
        file: The file.
        began_ns: When its first packet arrived; 0 before that.
        events: All it shows.
    """

    def __init__(self, file: RecordingFile, pre_roll_s: float) -> None:
        self.file = file
        self._wait_ns = int(pre_roll_s * 1e9)
        self._open: set[int] = set()
        self._until_ns = 0
        self._ends_ns: dict[int, int] = {}
        self._written_ns = self._came_ns = -1
        self.began_ns = 0
        self.events: list[int] = []

    def touches(self, from_ns: int) -> bool:
        """Returns whether the clip of an event that begins then would touch this one."""
        return bool(self._open) or from_ns <= self._until_ns

    def add(self, event: int, kept: Iterable[TimedPacket]) -> None:
        """Shows this event, too.

        Args:
            event: Its number.
            kept: Packets that came before; those that are not in the clip yet are written.

        Raises:
            AppError: They cannot be written.
        """
        self._open.add(event)
        self.events.append(event)
        for timed in kept:
            if timed.packet.arrived_ns > self._written_ns:
                self._write(timed)

    def event_ended(self, event: int, until_ns: int) -> None:
        """Goes on until then after this event."""
        if event in self._open:
            self._open.discard(event)
            self._ends_ns[event] = until_ns
            self._until_ns = max(self._until_ns, until_ns)

    def take(self, timed: TimedPacket) -> None:
        """Writes a packet, unless the clip is over by then.

        Raises:
            AppError: It cannot be written.
        """
        if self._open or timed.packet.arrived_ns <= self._until_ns:
            self._write(timed)
        self._came_ns = timed.packet.arrived_ns

    def is_over(self, now_ns: int) -> bool:
        """Whether no event can touch it any more."""
        return not self._open and now_ns > self._until_ns + self._wait_ns

    def cut_short(self, lost_ns: int) -> tuple[int, ...]:
        """Returns the events that the clip does not show to their end, where its last ``lost_ns`` may be missing."""
        kept_ns = self._written_ns - lost_ns if lost_ns else self._came_ns
        return tuple(event for event in self.events if event in self._open or self._ends_ns[event] > kept_ns)

    def _write(self, timed: TimedPacket) -> None:
        self.file.write(timed)
        self.began_ns = self.began_ns or timed.packet.arrived_ns
        self._written_ns = max(self._written_ns, timed.packet.arrived_ns)
