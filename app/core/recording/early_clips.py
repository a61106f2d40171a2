"""Clips of events that begin before the first packet is there, while an encoder is still being opened."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class EarlyClip:
    """A clip that is wanted.

    Attributes:
        event: Number of the event.
        label: For the file's name.
        from_ns: When it shall begin.
        until_ns: When it shall end; None as long as the event goes on.
    """

    event: int
    label: str
    from_ns: int
    until_ns: int | None = None


class EarlyClips:
    """Those that wait. Owned by the recorder."""

    def __init__(self) -> None:
        self._waiting: dict[int, EarlyClip] = {}

    def add(self, event: int, label: str, from_ns: int) -> None:
        """Lets one wait for the first packet."""
        self._waiting[event] = EarlyClip(event, label, from_ns)

    def end(self, event: int, until_ns: int) -> None:
        """The event is over before the first packet."""
        if event in self._waiting:
            self._waiting[event] = replace(self._waiting[event], until_ns=until_ns)

    def take(self) -> tuple[EarlyClip, ...]:
        """Returns all that wait, and forgets them."""
        waiting, self._waiting = tuple(self._waiting.values()), {}
        return waiting
