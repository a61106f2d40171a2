"""A disk that is small, or becomes full: what fits is finished, and an export that has to wait says for what."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.candidate_cache.store_writer import StoreWriter
from app.core.errors import AppError
from app.core.export.disk_space import expected_bytes
from app.core.export.gate import Gate
from app.core.export.job import ExportJob
from app.core.export.request import ExportCancelledError, ExportProgress
from app.core.export.source_facts import read_source_facts
from app.core.files.atomic_file import WaitingFile
from app.core.files.disk import DiskSpace
from tests.support.export_checks import fails, files, request_for
from tests.support.media import make_video
from tests.support.probe import probe
from tests.support.steady_detector import FakeDetector, open_fake


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_video(tmp_path / "in.mp4", frames=40, audio=True)


def room_for(free: int) -> DiskSpace:
    """A large disk with so much room left."""
    return DiskSpace(free, 10**12)


class Disk:
    """A disk with room for so many bytes more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        monkeypatch.setattr(WaitingFile, "write_once", self._taking_room(WaitingFile.write_once))
        monkeypatch.setattr(StoreWriter, "write_once", self._taking_room(StoreWriter.write_once))

    def _taking_room(self, write: Callable[[Any, bytes], object]) -> Callable[[Any, bytes], object]:
        def limited(file: Any, content: bytes) -> object:
            if self.room < len(content):
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room -= len(content)
            return write(file, content)

        return limited


ROOMS = [0, 40, 3000, 20_000]


@pytest.mark.parametrize("room", ROOMS)
def test_a_full_disk_is_waited_for_and_said(source: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """From the first byte to the index at the very end; when there is room again, nothing is missing."""
    request = request_for(source, source.parent)
    ExportJob(replace(request, cache="drop"), open_detector=open_fake).run()
    assert request.output is not None
    whole, data = probe(request.output), request.data[0].path.read_bytes()
    disk = Disk(monkeypatch, room)
    said: list[str] = []

    def hear(progress: ExportProgress) -> None:
        if progress.stage == "paused" and disk.room < 10**6:
            said.append(progress.remark)
            disk.room = 10**9
            job.resume()

    job = ExportJob(request, hear, open_fake, space=lambda folder: room_for(10**9))
    report = job.run()
    assert len(said) == 1
    assert said[0].startswith("The disk is full: ")
    assert report.frames == 40
    assert probe(request.output) == whole
    assert request.data[0].path.read_bytes() == data
    assert files(source.parent) == {"in.mp4", "out.mp4", "out.jsonl", "in.mp4.ssdv"}


@pytest.mark.parametrize("room", ROOMS)
def test_cancel_while_the_disk_is_full_leaves_what_was_found(
    source: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    Disk(monkeypatch, room)

    def hear(progress: ExportProgress) -> None:
        if progress.stage == "paused":
            job.cancel()

    job = ExportJob(request_for(source, source.parent), hear, open_fake, space=lambda _: room_for(10**9))
    fails(job, "cancelled", ExportCancelledError)
    assert files(source.parent) <= {"in.mp4", "in.mp4.ssdv.part", "in.mp4.ssdv"}


def test_a_nearly_full_disk_is_left_to_others(source: Path) -> None:
    free, said = [10**9], []

    def hear(progress: ExportProgress) -> None:
        if progress.frames_done == 1:
            free[0] = 1000
        if progress.stage == "paused":
            said.append(progress.remark)
            free[0] = 10**9
            job.resume()

    slow = FakeDetector(lambda _: watched.wait(0.06))
    watched = threading.Event()
    job = ExportJob(request_for(source, source.parent), hear, lambda _: slow, space=lambda _: room_for(free[0]))
    assert job.run().frames == 40
    assert said
    assert all("The disk is full: out.mp4 waits for room" in words for words in said)


def test_too_little_room_is_said_before_it_begins(source: Path) -> None:
    request = request_for(source, source.parent)
    heard: list[ExportProgress] = []
    with pytest.raises(AppError, match=r"About .* are needed on .*, and 900 B are free"):
        ExportJob(request, heard.append, open_fake, space=lambda _: room_for(900)).run()
    assert files(source.parent) == {"in.mp4"}
    needed = expected_bytes(request, 40, read_source_facts(request).frame_bytes)
    room = iter([needed // 2])
    ExportJob(request, heard.append, open_fake, space=lambda _: room_for(next(room, 10**9))).run()
    assert heard[2].remark.endswith("may have to wait for room, as it leaves 8.0 MB to other programs.")


def test_an_export_that_fits_without_the_reserve_is_finished(source: Path) -> None:
    """And it says from the start how little will be left."""
    request = request_for(source, source.parent)
    needed = expected_bytes(request, 40, read_source_facts(request).frame_bytes)
    heard: list[ExportProgress] = []
    report = ExportJob(request, heard.append, open_fake, space=lambda _: room_for(needed + 100_000)).run()
    assert report.frames == 40
    assert all(progress.stage != "paused" for progress in heard)
    assert heard[2].remark.endswith("little more than 100 KB will be left.")


def test_a_small_disk_keeps_a_small_reserve(source: Path) -> None:
    """Like a disk of 4 MB, which never has the usual 8 MB free."""
    heard: list[ExportProgress] = []
    small = DiskSpace(3_900_000, 4_000_000)
    assert small.reserve == 65_536
    job = ExportJob(request_for(source, source.parent), heard.append, open_fake, space=lambda _: small)
    assert job.run().frames == 40
    assert not any(progress.remark for progress in heard)


def test_a_second_small_disk_that_was_full_is_written_on(tmp_path: Path) -> None:
    """The reserve of a large disk does not count on a small one: whatever is free there will do."""
    room = [DiskSpace(0, 4_000_000)]
    told: list[str | None] = []

    def tell(why: str | None) -> None:
        told.append(why)
        room[0] = DiskSpace(70_000, 4_000_000)

    Gate(tell, lambda _: room[0], look_s=0.001).wait_for_room(OSError(errno.ENOSPC, "full"), tmp_path / "out.mp4")
    assert told[0] is not None
    assert "65.5 KB are left to other programs" in told[0]
    assert told[1] is None


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may mount a small disk")
def test_what_fits_on_a_real_small_disk_is_finished(source: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4M", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        (small / "ballast").write_bytes(bytes(3_000_000))
        heard: list[ExportProgress] = []

        def hear(progress: ExportProgress) -> None:
            heard.append(progress)
            if progress.stage == "paused":
                job.cancel()

        job = ExportJob(request_for(source, small), hear, open_fake)
        assert job.run().frames == 40
    finally:
        subprocess.run(["umount", str(small)], check=True)
