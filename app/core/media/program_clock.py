"""The clock that all tracks of a file share, carried on where it jumps: joined recordings, a restarted sender, damage.

A jump is decided over all tracks. A track may pause for a long time while another goes on, and a single stamp may be
wrong; only a clock that more than one stamp confirms, and that no other track contradicts, has really jumped. All
tracks are then moved by the same time, so that they keep step. Pure arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

_BACK_S = Fraction(1, 10)  # a smaller step back is an overlap, as where segments are joined
_AHEAD_S = Fraction(6 * 3600)  # a still hour is a still hour; an MP4 cannot hold a frame for much longer than this
_AHEAD_FREE_S = Fraction(10)  # ... but where clocks start anywhere, they are also joined anywhere
_STAYS_S = Fraction(3)  # a track that goes on for so long has not jumped: tracks lie closer together in a file
_LOOKS_S = Fraction(6)  # a track that is silent for so long has nothing to say
_OVERLAP_S = Fraction(1, 4)  # that sound may reach into the next recording


@dataclass(frozen=True, slots=True)
class Stamp:
    """The times of one packet, as the file tells them.

    Attributes:
        track: Index of its track.
        decode_s: When it is decoded, or sent.
        show_s: When it is shown; None when unknown.
        length_s: How long it lasts; 0 when unknown.
    """

    track: int
    decode_s: Fraction
    show_s: Fraction | None
    length_s: Fraction


class _Track:
    """One track's place on the continuous clock."""

    def __init__(self, stamp: Stamp, shift_s: Fraction) -> None:
        self.shift_s = shift_s
        self.last_s = self.end_s = self.shown_to_s = stamp.decode_s + shift_s
        self._length_s = stamp.length_s  # of a packet that does not tell its own
        self.next_shift_s: Fraction | None = None  # another track has met a jump that this one still has ahead

    def note(self, stamp: Stamp, shift_s: Fraction) -> None:
        """Go on to ``stamp``."""
        shown_s = stamp.decode_s if stamp.show_s is None else stamp.show_s
        now_s = stamp.decode_s + shift_s
        step_s = now_s - self.last_s
        self._length_s = stamp.length_s or (step_s if 0 < step_s < 1 else self._length_s)
        self.last_s, self.end_s = now_s, now_s + self._length_s
        self.shown_to_s = max(self.shown_to_s, shown_s + shift_s + self._length_s)

    def lacks_s(self, first: Stamp) -> Fraction:
        """Returns by how much ``first`` must be moved to follow this track."""
        lacking = self.end_s - first.decode_s
        return lacking if first.show_s is None else max(lacking, self.shown_to_s - first.show_s)


class ProgramClock:
    """Moves the stamps of a file's packets, in the order in which they lie in it.

    Args:
        main: The track whose frames shall follow each other closely over a jump.
        free_clock: The container's clock may start anew at any place (MPEG-TS).
        shift_s: By how much the first stamps are moved.

    Attributes:
        shift_s: Of the latest part of the file.
        jumps: Met so far.
    """

    def __init__(self, main: int, free_clock: bool, shift_s: Fraction = Fraction(0)) -> None:
        self._main = main
        self._ahead_s = _AHEAD_FREE_S if free_clock else _AHEAD_S
        self._tracks: dict[int, _Track] = {}
        self._latest_s: Fraction | None = None
        self.shift_s = shift_s
        self.jumps = 0

    def put(self, stamp: Stamp, following: Iterable[Stamp] = ()) -> Fraction:
        """Take the next stamp.

        Args:
            stamp: Of the next packet in the file.
            following: Of those after it; read only where the clock may have jumped, as far as it takes to decide.

        Returns:
            By how much all times of the packet are moved, seconds.
        """
        track = self._tracks.get(stamp.track)
        if track is None:
            track = self._tracks[stamp.track] = _Track(stamp, self.shift_s)
        shift_s = track.shift_s
        if self._strays(track, stamp):
            if self._adopts(track, stamp) or not self._is_slip(track, stamp, following):
                shift_s = track.shift_s
            else:
                shift_s = track.end_s - stamp.decode_s
        track.note(stamp, shift_s)
        self._latest_s = track.last_s if self._latest_s is None else max(self._latest_s, track.last_s)
        return shift_s

    def shift_of(self, track: int) -> Fraction:
        """Returns by how much a packet without a decoding time is moved."""
        return self._tracks[track].shift_s if track in self._tracks else self.shift_s

    def _strays(self, track: _Track, stamp: Stamp) -> bool:
        now_s = stamp.decode_s + track.shift_s
        if track.next_shift_s is not None:
            next_s = stamp.decode_s + track.next_shift_s
            if abs(next_s - track.end_s) < abs(now_s - track.end_s):
                return True
        return now_s < track.last_s - _BACK_S or self._is_far(now_s)

    def _is_far(self, now_s: Fraction) -> bool:
        return self._latest_s is not None and now_s > self._latest_s + self._ahead_s

    def _adopts(self, track: _Track, stamp: Stamp) -> bool:
        """Move the track, if the stamp belongs to a part that another track has reached before."""
        if track.next_shift_s is None:
            return False
        now_s = stamp.decode_s + track.next_shift_s
        if now_s < track.last_s - _STAYS_S or self._is_far(now_s):
            return False
        track.shift_s, track.next_shift_s = track.next_shift_s, None
        return True

    def _is_slip(self, track: _Track, stamp: Stamp, following: Iterable[Stamp]) -> bool:
        """Returns whether only this stamp is wrong; if not, decides what happened and moves the tracks concerned."""
        vote = _Vote(self._tracks, stamp, self._is_far)
        for other in following:
            vote.hear(other)
            if vote.is_clear:
                break
        if vote.is_slip:
            return True
        if not vote.stayed or vote.jumped:
            self.shift_s = self._shift(track, stamp, vote.jumped)
            for other_track in self._tracks.values():
                other_track.next_shift_s = self.shift_s
            track.shift_s, track.next_shift_s = self.shift_s, None
            self.jumps += 1
        elif stamp.decode_s + track.shift_s < track.last_s:  # a step of its own
            track.shift_s = track.lacks_s(stamp)
            self.jumps += 1
        return False  # a time ahead that the others do not share is a pause

    def _shift(self, track: _Track, stamp: Stamp, jumped: dict[int, Fraction]) -> Fraction:
        """The main track follows closely; a little of the others may lie over each other, but not much."""
        lacking = {stamp.track: track.lacks_s(stamp), **jumped}
        most_s = max(lacking.values())
        main_s = lacking.get(self._main)
        return main_s if main_s is not None and most_s - main_s <= _OVERLAP_S else most_s


class _Vote:
    """The evidence of the stamps that follow a suspicious one.

    Args:
        tracks: All that were met so far, by index.
        stamp: The suspicious one.
        is_far: Whether a time on the continuous clock lies ahead of all tracks by more than a pause.

    Attributes:
        is_slip: The next stamp of the same track continues the old line.
        stayed: Tracks that go on as before.
        jumped: Tracks that jump as well, and by how much each must be moved.
    """

    def __init__(self, tracks: Mapping[int, _Track], stamp: Stamp, is_far: Callable[[Fraction], bool]) -> None:
        self._stamp, self._is_far = stamp, is_far
        self._own = tracks[stamp.track]
        self._others = {index: track for index, track in tracks.items() if track is not self._own}
        self._ends_s = {index: track.end_s for index, track in self._others.items()}
        self._has_next = self._is_over = False
        self.is_slip = False
        self.stayed: set[int] = set()
        self.jumped: dict[int, Fraction] = {}

    @property
    def is_clear(self) -> bool:
        """Returns whether no more stamps are needed."""
        heard = len(self.stayed) + len(self.jumped) == len(self._others)
        return self._is_over or self.is_slip or (self._has_next and heard)

    def hear(self, other: Stamp) -> None:
        """Take the next stamp of the file."""
        if other.track == self._stamp.track:
            self._hear_own(other)
        elif other.track in self._others and other.track not in self.stayed and other.track not in self.jumped:
            self._hear_other(other, self._others[other.track])

    def _hear_own(self, other: Stamp) -> None:
        if not self._has_next:
            self._has_next = True
            now_s = other.decode_s + self._own.shift_s
            self.is_slip = now_s >= self._own.last_s and not self._is_far(now_s)
        self._is_over = other.decode_s - self._stamp.decode_s > _LOOKS_S

    def _hear_other(self, other: Stamp, track: _Track) -> None:
        now_s, end_s = other.decode_s + track.shift_s, self._ends_s[other.track]
        if now_s < end_s - _BACK_S - other.length_s or self._is_far(now_s):
            self.jumped[other.track] = max(track.lacks_s(other), end_s - other.decode_s)
        elif now_s > track.last_s + _STAYS_S:
            self.stayed.add(other.track)
        else:
            self._ends_s[other.track] = max(end_s, now_s + other.length_s)
