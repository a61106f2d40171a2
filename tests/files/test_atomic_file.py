"""Files are whole under their names, or not there."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.errors import AppError
from app.core.files.atomic_file import AtomicFile, write_atomically
from app.core.files.write_errors import explain_write_error
from detector import file_lock


def test_two_writers_never_share_a_file(tmp_path: Path) -> None:
    with AtomicFile(tmp_path / "a.mp4"), pytest.raises(AppError, match=r"a\.mp4 is being written by another program"):
        AtomicFile(tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_part_left_by_a_crash_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "a.mp4.part").write_bytes(b"x" * 1000)
    with AtomicFile(tmp_path / "a.mp4") as part:
        part.file.write(b"new")
        part.commit()
    assert (tmp_path / "a.mp4").read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_a_part_name_that_leads_to_another_file_is_not_written_through(tmp_path: Path, kind: str) -> None:
    precious = tmp_path / "input.mp4"
    precious.write_bytes(b"precious")
    part = tmp_path / "a.mp4.part"
    if kind == "symlink":
        part.symlink_to(precious)
    else:
        part.hardlink_to(precious)
    write_atomically(tmp_path / "a.mp4", b"new")
    assert precious.read_bytes() == b"precious"
    assert (tmp_path / "a.mp4").read_bytes() == b"new"


def swap_for_a_link(part: Path) -> None:
    part.rename(part.with_name("moved"))
    part.symlink_to(part.with_name("precious"))


def swap_for_a_file(part: Path) -> None:
    part.unlink()
    part.write_bytes(b"somebody's")


@pytest.mark.parametrize("meddle", [Path.unlink, swap_for_a_link, swap_for_a_file])
def test_a_part_that_was_taken_away_or_swapped_is_noticed_at_the_end(
    tmp_path: Path, meddle: Callable[[Path], None]
) -> None:
    target, part = tmp_path / "a.mp4", tmp_path / "a.mp4.part"
    (tmp_path / "precious").write_bytes(b"precious")
    target.write_bytes(b"old")
    with AtomicFile(target) as file:
        file.file.write(b"new")
        meddle(part)
        before = part.lstat() if part.is_symlink() or part.exists() else None
        with pytest.raises(AppError, match=r"a\.mp4 is lost: its unfinished file was removed or replaced"):
            file.commit()
    assert target.read_bytes() == b"old"
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert before is None or os.path.samestat(before, part.lstat()), "what took the name is not ours to remove"


def test_a_link_that_comes_at_the_last_moment_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the name and the opening of the file."""
    precious, part = tmp_path / "precious", tmp_path / "a.mp4.part"
    precious.write_bytes(b"precious")
    opened = os.open

    def swapped(path: Path, flags: int, mode: int = 0o777) -> int:
        monkeypatch.setattr(os, "open", opened)
        part.symlink_to(precious)
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", swapped)
    write_atomically(tmp_path / "a.mp4", b"new")
    assert precious.read_bytes() == b"precious"
    assert (tmp_path / "a.mp4").read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_part_that_is_no_file_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4.part")
    with pytest.raises(AppError, match="not a file is in its way"):
        AtomicFile(tmp_path / "a.mp4")


def test_a_folder_that_vanished_is_said_to_have(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    with AtomicFile(folder / "a.mp4") as file:
        shutil.rmtree(folder)
        with pytest.raises(AppError, match=r"The folder .* does not exist"):
            file.commit()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "no permission"),
        (errno.EACCES, "no permission"),
        (errno.EISDIR, "in its way"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.EFBIG, "too large"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_every_way_a_disk_refuses_has_its_line(code: int, said: str) -> None:
    error = explain_write_error(OSError(code, "Input/output error"), Path("/videos/a.mp4"))
    assert said in str(error)
    assert "\n" not in str(error)


def test_a_part_that_got_its_name_meanwhile_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "copy.mp4"
    first = AtomicFile(target)
    first.file.write(b"whole")
    lock = file_lock.lock

    def finishes_first(descriptor: int) -> None:
        monkeypatch.setattr(file_lock, "lock", lock)
        first.commit()  # after the second program opened the part, and before it has the lock
        lock(descriptor)

    monkeypatch.setattr(file_lock, "lock", finishes_first)
    with AtomicFile(target):
        assert target.read_bytes() == b"whole"
    assert target.read_bytes() == b"whole"
