"""A video is the one that was analysed only if its content is, whatever its name, its size and its times say."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.core.candidate_cache.source_content import SourceContent
from app.core.errors import AppError

LARGE = 3_000_000
UNSAMPLED = 1_100_000
"""A place between two samples of a file of that size."""


@pytest.fixture
def content() -> bytes:
    return np.random.default_rng(1).bytes(LARGE)


@pytest.fixture
def video(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "a.avi"
    path.write_bytes(content)
    return path


def is_the_same(path: Path, before: SourceContent) -> bool:
    """Whether ``path`` is taken for what was analysed, with all that is stored then."""
    return SourceContent(path).is_same_as(before.key, before.whole_sha256())


def change_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(UNSAMPLED)
        file.write(b"changed")


def change_and_hide_it(path: Path) -> None:
    before = path.stat()
    change_in_place(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_and_hide_it(path: Path) -> None:
    before, other = path.stat(), path.with_name("other")
    shutil.copyfile(path, other)
    change_in_place(other)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


HIDDEN = pytest.param(
    change_and_hide_it,
    marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say when a file's record was changed"),
)


@pytest.mark.parametrize("change", [change_in_place, HIDDEN, replace_and_hide_it])
def test_a_change_between_the_samples_is_noticed(video: Path, change: Callable[[Path], None]) -> None:
    before = SourceContent(video)
    before.whole_sha256()
    change(video)
    now = SourceContent(video)
    assert (now.key.size, now.key.sha256) == (before.key.size, before.key.sha256)
    assert not before.unchanged()
    assert not is_the_same(video, before)
    assert not now.is_same_as(before.key)


def test_a_video_may_be_renamed_copied_and_touched(video: Path, tmp_path: Path) -> None:
    before = SourceContent(video)
    shutil.copyfile(video, tmp_path / "copy.avi")
    assert is_the_same(tmp_path / "copy.avi", before)
    os.utime(video, (1, 1))
    assert is_the_same(video, before)
    video.rename(tmp_path / "b.avi")
    assert is_the_same(tmp_path / "b.avi", before)
    assert not SourceContent(tmp_path / "b.avi").is_same_as(before.key)  # nothing proves it


def test_what_the_samples_tell_apart_is_never_the_same(video: Path, content: bytes) -> None:
    before = SourceContent(video)
    for changed in (content[:-1], content[:-1] + b"?", b"?" + content[1:]):
        video.write_bytes(changed)
        assert not is_the_same(video, before)


def test_a_short_video_is_known_by_its_samples_alone(tmp_path: Path) -> None:
    (tmp_path / "tiny.mp4").write_bytes(b"x")
    before = SourceContent(tmp_path / "tiny.mp4")
    shutil.copyfile(tmp_path / "tiny.mp4", tmp_path / "copy.mp4")
    assert before.key.size == 1
    assert SourceContent(tmp_path / "copy.mp4").is_same_as(before.key)


def test_a_folder_is_its_images(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(bytes([number]) * 100)
    (folder / "notes.txt").write_bytes(b"x")
    before = SourceContent(folder)
    assert before.key.size == 3
    assert is_the_same(folder, before)
    shutil.copytree(folder, tmp_path / "copy")
    assert is_the_same(tmp_path / "copy", before)
    state = (folder / "1.png").stat()
    (folder / "1.png").write_bytes(b"?" * 100)
    os.utime(folder / "1.png", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert not is_the_same(folder, before)
    assert not before.unchanged()
    assert SourceContent(folder / "%d.png").key.size == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("live.m3u8", "#EXTM3U\n#EXTINF:2,\nseg0.ts\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile seg0.ts\n"),
        ("disguised.mp4", "ffconcat version 1.0\nfile seg0.ts\n"),
        ("marked.ts", "\ufeff#EXTM3U\nseg0.ts\n"),
        ("dash.mp4", '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>\n'),
        ("plain.m3u", "seg0.ts\n"),
    ],
)
def test_nothing_is_kept_of_a_playlist(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    source = SourceContent(tmp_path / name)
    assert "playlist" in source.why_uncacheable
    assert not source.is_same_as(source.key, source.whole_sha256())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.avi")
    found: list[SourceContent] = []
    worker = threading.Thread(target=lambda: found.append(SourceContent(tmp_path / "pipe.avi")), daemon=True)
    worker.start()
    worker.join(60)
    assert found[0].why_uncacheable


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no such file"):
        SourceContent(tmp_path / "gone.mp4")
