"""From when to when a video lasts, how many frames it shows, and whether its end is there, before any is decoded.

Only what a file says of the very track counts: others may be longer or begin earlier, and clocks begin anywhere.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer

from app.core.media.container import FREE_CLOCK, mean_rate, open_container

_LEAD_S = 6 * 3600  # sound that claims to begin longer before the first frame is on another clock
_LEAD_FREE_S = 10  # ... where clocks begin anywhere
_WHOLE_LENGTHS = frozenset(("asf", "asf_o"))  # of which FFmpeg gives each track the length of the file
_LATE_S = Fraction(1, 2)  # of a clock that begins later it is not known from where a length is told
_MAX_LOOKED_THROUGH = 128 * 2**20  # bytes; what has no index is read through
_MAX_BOXES = 20_000
_FAR_AHEAD = 2**62  # ticks


def origin_s(container: InputContainer, first_s: Fraction) -> Fraction:
    """Returns the container time at which players begin: of its first sound or frame, but not after 0 unless all are.

    Args:
        container: Open.
        first_s: Container time of its first frame.
    """
    is_free = bool(container.format.flags & FREE_CLOCK)
    longest_s = _LEAD_FREE_S if is_free else _LEAD_S
    starts = [
        sound.start_time * sound.time_base
        for sound in container.streams.audio
        if sound.start_time is not None and sound.time_base is not None
    ]
    begun_s = min([first_s, *(start_s for start_s in starts if first_s - start_s <= longest_s)])
    return begun_s if is_free or begun_s > 0 else min(first_s, Fraction(0))


def track_length_s(container: InputContainer, stream: av.VideoStream, first_s: Fraction) -> Fraction | None:
    """Returns how long the frames last, as the file says of this track; None when it does not."""
    is_own = container.format.name not in _WHOLE_LENGTHS
    if is_own and stream.duration and stream.duration > 0 and stream.time_base is not None:
        return stream.duration * stream.time_base
    told = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if told is not None:  # Matroska: written as the end of the track, or as its length
        ends_s = int(told[1]) * 3600 + int(told[2]) * 60 + Fraction(told[3])
        return ends_s - first_s if ends_s > first_s else None
    if len(container.streams) == 1 and container.duration and container.duration > 0:
        return _from_end(Fraction(container.duration, 1_000_000), first_s)
    return None


def length_s(container: InputContainer, stream: av.VideoStream, first_s: Fraction) -> Fraction | None:
    """Returns how long the frames last, as far as the file says; None when it does not."""
    own_s = track_length_s(container, stream, first_s)
    if own_s is not None or not container.duration or container.duration < 0:
        return own_s
    told_s = Fraction(container.duration, 1_000_000)
    if first_s > _LATE_S:
        end_s = _end_s(container.name, stream.index)
        if end_s is not None and end_s > first_s:
            return end_s - first_s
    return _from_end(told_s, first_s)


def _from_end(told_s: Fraction, first_s: Fraction) -> Fraction:
    """A file's duration counts from 0, or from where it begins."""
    return told_s - first_s if 0 < first_s < told_s else told_s


def _end_s(url: str, index: int) -> Fraction | None:
    """Container time at which the last packet of a local file's track ends."""
    try:
        if "://" in url or Path(url).stat().st_size > _MAX_LOOKED_THROUGH:
            return None
        with open_container(url) as container:
            stream = container.streams[index]
            for place in (_FAR_AHEAD, 0):  # FLV does not find its last key frame from beyond it
                container.seek(place, stream=stream, backward=True)
                times = [
                    (packet.pts + (packet.duration or 0)) * packet.time_base
                    for packet in container.demux(stream)
                    if packet.pts is not None
                ]
                if times:
                    return max(times)
    except (av.FFmpegError, OSError, ValueError):
        pass
    return None


def shown_frames(stream: av.VideoStream, is_cut_short: bool) -> int | None:
    """Returns how many frames the file says it shows; None when it does not.

    The number in the header counts frames that an edit list leaves out, and chunks that hold none.
    """
    told = stream.frames
    if told <= 0:
        return None
    listed, rate = len(stream.index_entries), mean_rate(stream)
    if listed < told:
        return listed if listed > 1 and not is_cut_short else told
    if (
        rate
        and stream.duration
        and stream.time_base
        and abs(told / rate - stream.duration * stream.time_base) < 1 / rate
    ):
        return told
    return sum(not entry.is_discard for entry in stream.index_entries)


def is_cut_short(url: str) -> bool:
    """Returns whether a local file ends before it says it does, as an interrupted download or recording leaves it."""
    if "://" in url:
        return False
    try:
        with Path(url).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            head = file.read(64)
            if head[:4] == b"RIFF":
                return 8 + int.from_bytes(head[4:8], "little") > size
            if head[:4] == b"\x1aE\xdf\xa3":
                return _matroska_end(head) > size
            if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
                return _boxes_end(file, size) > size
    except OSError:
        pass
    return False


def _matroska_end(head: bytes) -> int:
    """Returns where the segment ends; 0 when that is not said."""
    length, at = _matroska_number(head, 4)
    at += length
    if head[at : at + 4] != b"\x18\x53\x80\x67":
        return 0
    length, begins = _matroska_number(head, at + 4)
    unknown = (1 << 7 * (begins - at - 4)) - 1
    return 0 if length == unknown else begins + length


def _matroska_number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends (RFC 8794, section 4)."""
    first = data[at] if at < len(data) else 0
    width = 9 - first.bit_length()
    value = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    return value, at + width


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Returns where the boxes of an MP4 file end that lie beside each other (ISO 14496-12, 4.2)."""
    at = 0
    for _ in range(_MAX_BOXES):
        if at + 8 > size:
            break
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:  # to the end of the file
            return size
        if length < 8 or not head[4:8].isalnum():
            return at
        at += length
    return at
