"""One file being recorded: whatever happens to the program, what was written until a second ago can be played.

It is named ``NAME.mp4.part`` while it grows; MP4 in fragments, made into an ordinary MP4 when it ends. QuickTime and
Matroska take what MP4 cannot hold. Owned by the thread that records.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer

from app.core.errors import AppError
from app.core.files.atomic_file import AtomicFile
from app.core.files.write_errors import explain_write_error
from app.core.media.packet_format import open_format
from app.core.media.packets import VIDEO, MediaFormat
from app.core.muxing.container_support import container_accepts
from app.core.muxing.video_options import MKV, MP4, ContainerKind
from app.core.recording.folder import SIGNATURE
from app.core.recording.packet_clock import TimedPacket

log = logging.getLogger(__name__)

_FRAGMENT_S = 1.0
_MAX_REFUSED = 50
"""Packets in a row."""
_MOV = ContainerKind("QuickTime", "mov", (".mov",))
_TICKS = {"mp4": 90_000, "mov": 90_000, "matroska": 1000}
# What waits for a packet of the other track, or in a buffer, would be lost with the program.
_AT_ONCE = {"flush_packets": "1", "max_interleave_delta": str(int(_FRAGMENT_S * 1e6))}
# An ordinary file with the first second, then fragments; at the end all become an ordinary file.
_FRAGMENTED = {
    "movflags": "frag_keyframe+default_base_moof+hybrid_fragmented",
    "frag_duration": str(int(_FRAGMENT_S * 1e6)),
    "video_track_timescale": str(_TICKS["mp4"]),
    **_AT_ONCE,
}
_OPTIONS = {
    "mp4": _FRAGMENTED,
    "mov": _FRAGMENTED,
    "matroska": {"cluster_time_limit": str(int(_FRAGMENT_S * 1000)), **_AT_ONCE},
}


class _FlushedFile:
    """A file for FFmpeg, in which every write is at once beyond this process, and once a second on the disk.

    Attributes:
        error: Why a write failed.
        refused: Whether nothing is written any more, as after such a failure: FFmpeg writes on, and PyAV would print
            what comes of it.
    """

    def __init__(self, part: AtomicFile) -> None:
        self._file = part.file
        self._synced_s = time.monotonic()
        self.error: OSError | None = None
        self.refused = False

    def write(self, content: bytes) -> int:
        """Writes all of it; nothing once ``refused``."""
        if self.refused:
            return len(content)
        try:
            written = self._file.write(content)
            self._file.flush()
            if time.monotonic() - self._synced_s >= _FRAGMENT_S:
                os.fsync(self._file.fileno())
                self._synced_s = time.monotonic()
        except OSError as error:
            self.error, self.refused = error, True
            raise
        return written

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves, as FFmpeg does where it ends a file; once ``refused`` it only seems to."""
        return offset if self.refused else self._file.seek(offset, whence)

    def tell(self) -> int:
        """Returns where the next write goes."""
        return self._file.tell()


class RecordingFile:
    """A recording of one format.

    Args:
        stem: Path without its ending, which follows from what is in it.
        media: What is recorded.
        title: Name of the source, without secrets.

    Attributes:
        path: The final name.
        seconds: How much was written.
        size: Bytes.

    Raises:
        AppError: It cannot be written, or no file takes what it would hold.
    """

    def __init__(self, stem: Path, media: MediaFormat, title: str) -> None:
        with contextlib.closing(open_format(media)) as template:
            kind = _container_for(template)
            self.path = stem.with_name(stem.name + kind.suffixes[0])
            self._part = AtomicFile(self.path)
            try:
                self._open(kind, template, title)
            except BaseException:
                self._part.discard()
                raise
        self._base = Fraction(1, _TICKS[kind.format])
        self._origin_s: Fraction | None = None
        self._last_dts: dict[int, int] = {}
        self._refused = 0
        self.seconds = Fraction(0)
        self.size = 0

    def _open(self, kind: ContainerKind, template: InputContainer, title: str) -> None:
        self._file = _FlushedFile(self._part)
        self._copy: OutputContainer = av.open(
            self._file, "w", format=kind.format, container_options=_OPTIONS[kind.format]
        )
        self._copy.metadata["title"] = title
        self._copy.metadata["comment"] = SIGNATURE
        self._copy.metadata["creation_time"] = datetime.now(UTC).isoformat(timespec="microseconds")
        self._tracks: list[Any] = [self._copy.add_stream_from_template(s, opaque=True) for s in template.streams]

    def write(self, timed: TimedPacket) -> None:
        """Appends a packet; the first one is a key frame of the video.

        Raises:
            AppError: The disk is full, or the packet fits no file.
        """
        if self._origin_s is None:
            self._origin_s = timed.pts_s
        written = self._mux(timed)
        if written is None:
            return
        self.size += len(timed.packet.content)
        if timed.packet.track == VIDEO:
            self.seconds = max(self.seconds, written * self._base)

    def _mux(self, timed: TimedPacket) -> int | None:
        """Returns when the packet is shown, in ticks; None for one that fits no file and is left out.

        Raises:
            AppError: The disk is full, or nothing fits.
        """
        try:
            packet = self._packet(timed)
            self._copy.mux(packet)
            if self._file.error is not None:
                raise self._file.error
        except (av.FFmpegError, OSError, OverflowError, ValueError) as error:  # times are what the source says
            self._refused += 1
            if self._file.error is not None or self._refused > _MAX_REFUSED or not self.size:
                raise self._explained(error) from error
            log.info("%s: a packet is left out: %s", self.path.name, error)
            return None
        self._refused = 0
        return packet.pts

    def _packet(self, timed: TimedPacket) -> av.Packet[Any]:
        """Returns the packet for FFmpeg.

        Raises:
            OverflowError: A time of it does not fit into 64 bits.
        """
        packet = av.Packet(timed.packet.content)
        track = timed.packet.track
        assert self._origin_s is not None
        dts = round((timed.dts_s - self._origin_s) / self._base)
        dts = max(dts, self._last_dts.get(track, dts - 1) + 1)
        packet.dts, packet.pts = dts, max(dts, round((timed.pts_s - self._origin_s) / self._base))
        packet.duration = round(timed.packet.duration_s / self._base)
        packet.time_base = self._base
        packet.is_keyframe = timed.packet.is_key
        packet.stream = self._tracks[track]
        self._last_dts[track] = dts
        return packet

    def finish(self) -> Path:
        """Ends the file and gives it its name.

        Raises:
            AppError: It cannot be completed; what was written stays, under ``NAME.part``, for the next start.
        """
        try:
            self._copy.close()
            if self._file.error is not None:
                raise self._file.error
            self._part.file.flush()
            os.fsync(self._part.file.fileno())
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._explained(error) from error
        self._part.commit(keep_part=True)
        return self.path

    def abandon(self) -> None:
        """Closes the file as it is, for ``finish_interrupted``; never raises."""
        self._file.refused = True
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._copy.close()
        with contextlib.suppress(OSError):
            self._part.file.close()

    def discard(self) -> None:
        """Removes the file, in which nothing is; never raises."""
        self._file.refused = True
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._copy.close()
        self._part.discard()

    def _explained(self, error: Exception) -> AppError:
        if self._file.error is not None:
            return explain_write_error(self._file.error, self.path)
        log.info("%s: %s", self.path.name, error)
        return AppError(f"{self.path.name} cannot be recorded: what the source sends fits no file.")


def _container_for(template: InputContainer) -> ContainerKind:
    for kind in (MP4, _MOV, MKV):  # the second holds G.711, the sound of many cameras; the third what is left
        if container_accepts(
            kind.format, lambda trial: [trial.add_stream_from_template(s, opaque=True) for s in template.streams]
        ):
            return kind
    raise AppError("What this source sends cannot be recorded as it comes.", "Record it drawn instead.")
