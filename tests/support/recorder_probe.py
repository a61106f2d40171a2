"""A recorder with all that it told, and packets to feed it with."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import pytest

from app.core.files import atomic_file
from app.core.frames import ImageBGR
from app.core.media.packets import MediaFormat, MediaPacket
from app.core.recording.frame_encoder import FrameEncoder
from app.core.recording.recorder import Recorder
from app.core.recording.reports import RecorderPlan, RecorderReport
from tools.fixtures.coded_images import coded_image, read_frame_index

PATIENCE_S = 60.0
STEP_NS = 40_000_000
T0_NS = 1_000_000_000_000
R = TypeVar("R")


class Probe:
    """A recorder with all it told, fed with what a list of packets says, at their times."""

    def __init__(self, plan: RecorderPlan, tell: Callable[[RecorderReport], None] | None = None) -> None:
        self.reports: list[RecorderReport] = []
        self.recorder = Recorder(plan, tell or self.reports.append)

    def close(self) -> None:
        self.recorder.close()
        assert self.recorder.worker.join(PATIENCE_S)

    def of(self, kind: type[R]) -> list[R]:
        return [report for report in self.reports if isinstance(report, kind)]


class Kept:
    """A sink that keeps all packets."""

    def __init__(self) -> None:
        self.media: list[MediaFormat] = []
        self.packets: list[MediaPacket] = []
        self.missing: list[int] = []

    def begin(self, media: MediaFormat) -> None:
        self.media.append(media)

    def packet(self, packet: MediaPacket) -> None:
        self.packets.append(packet)

    def lost(self, captured_ns: int) -> None:
        self.missing.append(captured_ns)

    def ended(self) -> None:
        """Keeps what there is."""


def encode_frames() -> Kept:
    """Returns the packets of 400 frames, 25 a second; frame i shows i and was captured i steps after T0."""
    kept = Kept()
    failures: list[Exception] = []
    encoder = FrameEncoder(kept, Fraction(25), failures.append)
    room = threading.Semaphore(3)  # so that no frame finds the places taken

    def make(index: int) -> ImageBGR:
        room.release()
        return coded_image(index, (64, 48))

    for index in range(400):
        assert room.acquire(timeout=PATIENCE_S)
        assert encoder.frame(T0_NS + index * STEP_NS, lambda index=index: make(index))  # type: ignore[misc] # bound now
    encoder.close()
    assert encoder.worker.join(PATIENCE_S)
    assert (kept.missing, failures, len(kept.packets)) == ([], [], 400)
    return kept


def shown(path: Path) -> list[int]:
    with av.open(str(path)) as video:
        return [read_frame_index(frame.to_ndarray(format="bgr24")) for frame in video.decode(video=0)]


def times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as video:
        return [Fraction(frame.pts) * frame.time_base for frame in video.decode(video=0)]  # type: ignore[operator, arg-type] # ours have times


def feed(probe: Probe, kept: Kept, first: int = 0, last: int = 400) -> None:
    for packet in kept.packets[first:last]:
        probe.recorder.packet(packet)


def fill_disk_after(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [size]
    write_once = atomic_file.WaitingFile.write_once

    def refuse(file: atomic_file.WaitingFile, content: bytes) -> int:
        left[0] -= len(content)
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_once(file, content)

    monkeypatch.setattr(atomic_file.WaitingFile, "write_once", refuse)
