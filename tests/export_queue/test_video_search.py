"""Which videos a set of files and folders means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.export_queue.video_search import FoundVideo, find_videos
from app.core.files.atomic_folder import AtomicFolder


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"film")


def test_folder_is_searched_to_the_bottom_in_order_and_by_ending(tmp_path: Path) -> None:
    names = ("b.MP4", "a.mkv", "notes.txt", "sub/c.mov", "sub/deep/d.webm", "s2/e.avi", ".hidden.mp4", ".trash/f.mp4")
    _touch(*(tmp_path / name for name in names))
    (tmp_path / "folder.mp4").mkdir()
    found = find_videos([tmp_path])
    assert [video.path.relative_to(tmp_path).as_posix() for video in found.videos] == [
        "a.mkv", "b.MP4", "s2/e.avi", "sub/c.mov", "sub/deep/d.webm",
    ]  # fmt: skip
    assert [video.folder.as_posix() for video in found.videos] == [".", ".", "s2", "sub", "sub/deep"]
    assert found.complete
    assert found.troubles == ()


def test_what_this_program_made_is_no_input_unless_named(tmp_path: Path) -> None:
    made = [tmp_path / "a.annotated.mp4", tmp_path / "a.annotated (12).mkv"]
    others = [tmp_path / "a.mp4", tmp_path / "annotated.mp4", tmp_path / "x.annotated.cut.mp4"]
    _touch(*made, *others)
    assert {video.path for video in find_videos([tmp_path]).videos} == set(others)
    assert [video.path for video in find_videos([made[0]]).videos] == [made[0]]


def test_clips_that_this_program_cut_are_no_input_unless_their_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    clips = AtomicFolder(tmp_path / "films" / "a.annotated.clips")
    clips.write("a.person.001.mp4", b"film")
    _touch(tmp_path / "films" / "a.mp4")
    assert [video.path.name for video in find_videos([tmp_path]).videos] == ["a.mp4"]  # also while they are written
    clips.commit()
    assert [video.path.name for video in find_videos([tmp_path]).videos] == ["a.mp4"]
    assert [video.path.name for video in find_videos([clips.target]).videos] == ["a.person.001.mp4"]


def test_a_file_counts_once_by_whatever_name(tmp_path: Path) -> None:
    _touch(tmp_path / "a.mp4", tmp_path / "data.bin")
    (tmp_path / "z.mp4").symlink_to(tmp_path / "a.mp4")
    named = [tmp_path / "data.bin", tmp_path / "gone.mp4", tmp_path, tmp_path / "a.mp4"]
    assert find_videos(named).videos == tuple(
        FoundVideo(path) for path in (tmp_path / "data.bin", tmp_path / "gone.mp4", tmp_path / "a.mp4")
    )


def test_loops_of_links_end(tmp_path: Path) -> None:
    _touch(tmp_path / "in" / "a.mp4")
    (tmp_path / "in" / "again").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "self.mp4").symlink_to(tmp_path / "self.mp4")
    found = find_videos([tmp_path])
    assert [video.path.name for video in found.videos] == ["self.mp4", "a.mp4"]  # opening the first will say what it is


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), FileNotFoundError(2, "No such folder")])
def test_unreadable_or_vanished_folder_is_told_and_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    _touch(tmp_path / "gone" / "a.mp4", tmp_path / "kept" / "b.mp4")
    real = os.scandir

    def scandir(path: Path):  # type: ignore[no-untyped-def] # as os.scandir
        if Path(path).name == "gone":
            raise error
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_videos([tmp_path])
    assert [video.path.name for video in found.videos] == ["b.mp4"]
    assert found.troubles == (f"The folder {tmp_path / 'gone'} cannot be looked into: {error.strerror}.",)


def test_thousands_are_counted_on_the_way_and_the_search_can_be_stopped(tmp_path: Path) -> None:
    _touch(*(tmp_path / f"{index // 50}" / f"{index:04}.mp4" for index in range(2000)))
    counts: list[int] = []
    assert len(find_videos([tmp_path], counts.append).videos) == 2000
    assert counts == sorted(counts)
    assert len(counts) > 10
    counts.clear()
    stopped = find_videos([tmp_path], counts.append, stopped=lambda: len(counts) >= 3)
    assert not stopped.complete
    assert len(stopped.videos) < 200


def test_folder_of_images_is_a_video_unless_it_has_videos(tmp_path: Path) -> None:
    _touch(tmp_path / "shots" / "1.PNG", tmp_path / "shots" / "2.png", tmp_path / "notes" / "a.txt")
    assert find_videos([tmp_path / "shots", tmp_path / "notes"]).videos == (FoundVideo(tmp_path / "shots"),)
    _touch(tmp_path / "shots" / "film.mp4")
    assert find_videos([tmp_path / "shots"]).videos == (FoundVideo(tmp_path / "shots" / "film.mp4"),)
