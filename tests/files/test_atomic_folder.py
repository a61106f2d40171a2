"""Folders are whole under their names, or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from app.core.errors import AppError
from app.core.files.atomic_folder import MARK, AtomicFolder
from app.core.files.write_errors import waiting_for_room


def test_two_programs_never_write_one_folder(tmp_path: Path) -> None:
    first = AtomicFolder(tmp_path / "a")
    with pytest.raises(AppError, match="being written by another program"):
        AtomicFolder(tmp_path / "a")
    first.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_could_not_be_begun_can_be_begun_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(AppError, match="The disk is full"):
            AtomicFolder(tmp_path / "a")
    AtomicFolder(tmp_path / "a").commit()
    assert (tmp_path / "a" / MARK).is_file()


def test_a_part_left_by_a_crash_is_taken_over(tmp_path: Path) -> None:
    left = AtomicFolder(tmp_path / "a")
    left.write("deep/down.txt", b"half")
    os.close(left._lock)  # what the end of its process does
    again = AtomicFolder(tmp_path / "a")
    again.write("new.txt", b"whole")
    again.commit()
    assert sorted(path.name for path in (tmp_path / "a").rglob("*")) == [MARK, "new.txt"]


@pytest.mark.parametrize("swap", [True, False])
def test_a_part_that_was_taken_away_or_swapped_is_noticed_and_nothing_is_followed(tmp_path: Path, swap: bool) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    folder = AtomicFolder(tmp_path / "a")
    folder.write("first.txt", b"first")
    folder.path.rename(tmp_path / "moved")
    if swap:
        folder.path.symlink_to(precious)
    with pytest.raises(AppError, match="a is lost: its unfinished file"):
        folder.write("second.txt", b"second")
    with pytest.raises(AppError, match="a is lost: its unfinished file"):
        folder.commit()
    folder.discard()
    assert list(precious.iterdir()) == []
    assert not (tmp_path / "a").exists()
    assert folder.path.is_symlink() is swap


def test_a_crash_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    first = AtomicFolder(tmp_path / "a")
    first.write("old.txt", b"old")
    first.commit()
    (tmp_path / "a").rename(tmp_path / "a.old.part")
    AtomicFolder(tmp_path / "a").discard()
    assert (tmp_path / "a" / "old.txt").read_bytes() == b"old"


def test_a_full_disk_is_waited_for_where_somebody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[Path] = []
    with waiting_for_room(lambda _error, path: waited.append(path)):
        folder = AtomicFolder(tmp_path / "a")
    real = AtomicFolder.write_once

    def full_at_first(self: AtomicFolder, path: Path, content: bytes) -> None:
        if not waited:
            path.write_bytes(content[:1])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, path, content)

    monkeypatch.setattr(AtomicFolder, "write_once", full_at_first)
    folder.write("x.txt", b"whole")
    folder.commit()
    assert waited == [tmp_path / "a"]
    assert (tmp_path / "a" / "x.txt").read_bytes() == b"whole"
