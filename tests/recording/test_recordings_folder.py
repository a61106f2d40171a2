"""Limits of a folder, names, and what a killed run left; nothing of anybody else's is touched."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.files.atomic_file import AtomicFile
from app.core.recording.folder import (
    SIGNATURE,
    FolderLimits,
    finish_interrupted,
    keep_within,
    recording_stem,
    signed_jpeg,
)

DAY_S = 86_400
NOW_S = 1_800_000_000.0


def make(folder: Path, name: str, age_days: float, content: bytes = SIGNATURE.encode() + b"." * 980) -> Path:
    path = folder / name
    path.write_bytes(content)
    os.utime(path, (NOW_S - age_days * DAY_S,) * 2)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for day in range(1, 6):
        make(tmp_path, f"door-2026110{day}-120000.mp4", 10 - day)
    make(tmp_path, "door-20261001-120000.mkv", 40)
    (tmp_path / "door-20261001-120000.mkv.keep").touch()
    make(tmp_path, "holiday-20260101-120000.mp4", 300, b"a film of somebody's")
    make(tmp_path, "film.mp4", 300)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_oldest_go_first_and_what_is_marked_or_not_ours_stays(folder: Path) -> None:
    before = names(folder)
    removed = keep_within(folder, FolderLimits(max_bytes=4200), NOW_S)
    assert [path.name for path in removed] == [f"door-2026110{day}-120000.mp4" for day in (1, 2)]
    assert names(folder) == before - {path.name for path in removed}


def test_what_is_too_old_goes(folder: Path) -> None:
    removed = keep_within(folder, FolderLimits(max_days=7.5), NOW_S)
    assert [path.name for path in removed] == [f"door-2026110{day}-120000.mp4" for day in (1, 2)]


def test_pictures_of_events_count_and_go_too(tmp_path: Path) -> None:
    good, jpeg = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))
    assert good
    ours = make(tmp_path, "door-person-snapshot-20261101-120000.jpg", 9, signed_jpeg(jpeg.tobytes()))
    assert cv2.imread(str(ours)) is not None
    theirs = make(tmp_path, "garden-20261101-120000.jpg", 9, jpeg.tobytes())
    assert keep_within(tmp_path, FolderLimits(max_days=7), NOW_S) == [ours]
    assert theirs.exists()


def test_without_limits_nothing_goes(folder: Path) -> None:
    assert keep_within(folder, FolderLimits(), NOW_S) == []


def test_a_folder_that_is_gone_has_nothing_to_remove(tmp_path: Path) -> None:
    assert keep_within(tmp_path / "gone", FolderLimits(max_bytes=0), NOW_S) == []


def test_names_are_never_given_twice(tmp_path: Path) -> None:
    moment = datetime(2026, 10, 25, 2, 30)  # an hour that comes twice where the clock is set back
    given = []
    for ending in (".mp4", ".mp4.part", ".mkv"):
        given.append(recording_stem(tmp_path / "new", "rtsp://cam/stream?channel=1", moment).name)
        (tmp_path / "new" / f"{given[-1]}{ending}").touch()
    assert given == [f"rtsp-cam-stream-channel-1-20261025-023000{end}" for end in ("", "-2", "-3")]


def box_of(kind: bytes) -> bytes:
    return (1000).to_bytes(4, "big") + kind + SIGNATURE.encode() + b"." * (992 - len(SIGNATURE))


def test_interrupted_recordings_are_cut_after_what_is_whole(tmp_path: Path) -> None:
    box = box_of(b"mdat")
    (tmp_path / "a-20261130-080000.mp4.part").write_bytes(box * 3 + box[:500])
    (tmp_path / "b-20261130-080000.mp4.part").write_bytes(b"")
    (tmp_path / "c-20261130-080000.mp4.part").write_bytes(b"an export of somebody's" * 1000)
    (tmp_path / "film.mp4.part").write_bytes(box)
    shutil.copy(tmp_path / "film.mp4.part", tmp_path / "d-20261130-080000.mp4.part")
    (tmp_path / "f-20261130-080000.mp4.part").write_bytes(box_of(b"moov") * 5 + box[:500])  # and not a frame
    with AtomicFile(tmp_path / "e-20261130-080000.mp4") as written_now:
        written_now.file.write(box)
        written_now.file.flush()
        finished = finish_interrupted(tmp_path)
    assert [path.name for path in finished] == ["a-20261130-080000.mp4", "d-20261130-080000.mp4"]
    assert (tmp_path / "a-20261130-080000.mp4").stat().st_size == 3000
    assert names(tmp_path) == {
        *(path.name for path in finished), "c-20261130-080000.mp4.part", "film.mp4.part"
    }  # fmt: skip


def test_data_is_cut_after_the_last_whole_line(tmp_path: Path) -> None:
    line = b'{"frame": 0, "time": 0.0, "detections": []}\n'
    (tmp_path / "a-20261130-080000.jsonl.part").write_bytes(line * 3 + line[:10])
    (tmp_path / "b-20261130-080000.jsonl.part").write_bytes(b"a log of somebody's\n" * 3)
    assert finish_interrupted(tmp_path) == []
    assert (tmp_path / "a-20261130-080000.jsonl").read_bytes() == line * 3
    assert names(tmp_path) == {"a-20261130-080000.jsonl", "b-20261130-080000.jsonl.part"}


def test_data_goes_with_its_recording(folder: Path) -> None:
    for day in (1, 5):
        (folder / f"door-2026110{day}-120000.jsonl").touch()
    keep_within(folder, FolderLimits(max_days=7.5), NOW_S)
    assert {path.name for path in folder.glob("*.jsonl")} == {"door-20261105-120000.jsonl"}


def test_an_interrupted_recording_takes_nobodys_name(tmp_path: Path) -> None:
    (tmp_path / "a-20261130-080000.mp4").write_bytes(b"first")
    (tmp_path / "a-20261130-080000.mp4.part").write_bytes(box_of(b"mdat"))
    assert [path.name for path in finish_interrupted(tmp_path)] == ["a-20261130-080000-2.mp4"]
    assert (tmp_path / "a-20261130-080000.mp4").read_bytes() == b"first"
