"""Playlists of this computer: read under their own names, and leading no further than below their folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import AppError
from app.core.media.playlists import local_options
from app.core.media_facts import media_facts
from app.core.sources.video import VideoReader
from tests.support.hls_site import RATE, playlist, segment
from tests.support.media import make_video


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a second of video, beside another that is nobody's business."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "own" / "deep").mkdir(parents=True)
    for where in ("secret", "own", "own/deep"):
        (tmp_path / where / "0.ts").write_bytes(segment(0)[1])
    return tmp_path / "own"


def frames(path: Path) -> int:
    reader = VideoReader(path)
    try:
        count = 0
        while reader.read_frame() is not None:
            count += 1
        return count
    finally:
        reader.close()


def hls(path: Path, *names: str) -> Path:
    path.write_bytes(playlist(list(names), ended=True)[1])
    return path


def concat(path: Path, *names: str) -> Path:
    path.write_text("ffconcat version 1.0\n" + "".join(f"file '{name}'\n" for name in names))
    return path


@pytest.mark.parametrize("names", [["0.ts"], ["deep/0.ts"], ["./0.ts"]])
def test_files_below_the_folder_are_read(folder: Path, names: list[str]) -> None:
    assert frames(hls(folder / "a.m3u8", *names)) == RATE
    assert media_facts(folder / "a.m3u8").codec == "mpeg4"


def test_a_list_of_ffmpeg_is_read(folder: Path) -> None:
    assert frames(concat(folder / "a.ffconcat", "0.ts", "deep/0.ts")) == 2 * RATE


def test_where_parts_are_joined_no_frame_is_missing(folder: Path) -> None:
    """Sound that outlasts the picture of a part, here by a duration that is told, leaves a gap before the next part."""
    path = folder / "a.ffconcat"
    path.write_text("ffconcat version 1.0\nfile 0.ts\nduration 1.3\nfile deep/0.ts\n")
    reader = VideoReader(path)
    times = []
    while (frame := reader.read_frame()) is not None:
        times.append(frame.pts_s)
    notes = reader.take_notes()
    reader.close()
    assert len(times) == 2 * RATE
    assert times[RATE] - times[RATE - 1] > 2 * (times[1] - times[0])
    assert notes == ()


@pytest.mark.parametrize(
    "name",
    [
        "../secret/0.ts",
        "deep/../../secret/0.ts",
        "{secret}/0.ts",
        "file:{secret}/0.ts",
        "file:///{secret}/0.ts",
        "http://127.0.0.1:9/0.ts",
        "data:video/mp2t;base64,AAAA",
        "concat:{secret}/0.ts|{secret}/0.ts",
        "subfile,,start,0,end,0,,:{secret}/0.ts",
        "rtsp://127.0.0.1:9/live",
        "link.ts",
        "deep/far/../../../secret/0.ts",
    ],
)
def test_nothing_else_is(folder: Path, name: str) -> None:
    secret = folder.parent / "secret"
    (folder / "link.ts").symlink_to(secret / "0.ts")
    (folder / "1" / "2" / "3").mkdir(parents=True)
    (folder / "deep" / "far").symlink_to(folder / "1" / "2" / "3")  # as text, its ".." lead outside
    name = name.format(secret=secret)
    for path in (hls(folder / "a.m3u8", name), concat(folder / "a.ffconcat", name)):
        with pytest.raises(AppError, match="leads to") as caught:
            frames(path)
        assert caught.value.hint
        with pytest.raises(AppError):
            media_facts(path)


def test_nor_what_tags_or_nested_playlists_name(folder: Path) -> None:
    secret = folder.parent / "secret" / "0.ts"
    (folder / "key.m3u8").write_text(
        f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{secret}"\n#EXTINF:1,\n0.ts\n#EXT-X-ENDLIST\n'
    )
    (folder / "map.m3u8").write_text(f"#EXTM3U\n#EXT-X-MAP:URI={secret}\n#EXTINF:1,\n0.ts\n#EXT-X-ENDLIST\n")
    hls(folder / "inner.m3u8", str(secret))
    (folder / "outer.m3u8").write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\ninner.m3u8\n")
    (folder / "self.m3u8").write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nself.m3u8\n")
    for name in ("key", "map", "outer", "self"):
        with pytest.raises(AppError, match="leads to"):
            frames(folder / f"{name}.m3u8")


@pytest.mark.parametrize("disguise", ["a.mp4", "a.mkv", "a.ts", "a.txt", "a"])
def test_a_playlist_under_another_name_is_not_followed(folder: Path, disguise: str) -> None:
    for write in (hls, concat):
        with pytest.raises(AppError) as caught:
            frames(write(folder / disguise, "0.ts"))
        assert "not a video" in caught.value.message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n"),
        ("a.mp4", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n"),
        ("a.mpd", '<?xml version="1.0"?><MPD><Period/></MPD>'),
        ("a.xspf", '<?xml version="1.0"?><playlist/>'),
        ("a.pls", "[playlist]\nFile1=/etc/hostname\n"),
    ],
)
def test_descriptions_of_other_kinds_are_refused_by_name(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(AppError) as caught:
        frames(folder / name)
    assert "damaged" not in caught.value.hint


def test_a_name_with_a_place_for_a_number_is_one_file(folder: Path) -> None:
    for number in range(3):
        (folder / f"x{number}.ppm").write_bytes(b"P6 2 2 255\n" + bytes(12))
    (folder / "x%d.ppm").write_bytes(b"P6 2 2 255\n" + bytes(12))
    assert frames(folder / "x%d.ppm") == 1


def test_a_list_of_files_within_a_playlist_is_not_followed(folder: Path) -> None:
    concat(folder / "inner.ts", "0.ts")
    with pytest.raises(AppError):
        frames(hls(folder / "a.m3u8", "inner.ts"))


def test_videos_open_as_ever(tmp_path: Path) -> None:
    for ending in ("mp4", "mkv", "avi"):
        codec = "mpeg4" if ending == "avi" else "libx264"
        assert frames(make_video(tmp_path / f"Ünï 50%d {ending}.{ending}", frames=4, codec=codec)) == 4


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_whatever_a_playlist_says_it_leads_below_its_folder_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "said.m3u8"
    path.write_text("#EXTM3U\n" + text, encoding="utf-8", newline="")
    try:
        format_name, options = local_options(path)
    except AppError:
        return
    assert format_name == "hls"
    assert "http" not in options["protocol_whitelist"]
