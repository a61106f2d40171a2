"""Files are whole under their names, or not there."""

from __future__ import annotations

import errno
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
