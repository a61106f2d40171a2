"""Playlists of this computer: read under their own names, and leading no further than below their folder."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO, Any

import av
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


def test_a_list_under_its_own_name_is_not_told_to_take_it(folder: Path) -> None:
    with pytest.raises(AppError, match=r"^a\.ffconcat cannot be read\. It is damaged, or a file"):
        VideoReader(concat(folder / "a.ffconcat", "gone.ts"))


@pytest.mark.parametrize("name", ["b.ffconcat", "b.mp4"])
def test_a_list_does_not_lead_to_a_list_that_would_lead_elsewhere(folder: Path, name: str) -> None:
    (folder / "link.ts").symlink_to(folder.parent / "secret" / "0.ts")
    concat(folder / name, "link.ts")
    with pytest.raises(AppError, match=rf"a\.ffconcat leads to lists within lists \({name}\)"):
        VideoReader(concat(folder / "a.ffconcat", name))


def test_a_playlist_that_names_playlists_over_and_over_is_read_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    read = Path.open

    def noting(path: Path, *options: str) -> IO[Any]:
        opened.append(path)
        return read(path, *options)

    for number in range(3):
        hls(folder / f"{number}.m3u8", *[f"{number + 1}.m3u8"] * 20)
    hls(folder / "3.m3u8", "0.ts")
    monkeypatch.setattr(Path, "open", noting)
    local_options(folder / "0.m3u8")
    assert len(opened) == 4


def test_a_quicktime_film_does_not_lead_to_another_file(tmp_path: Path) -> None:
    make_video(tmp_path / "data.mov", frames=3, size=(64, 48))
    film = tmp_path / "film.mov"
    film.write_bytes(leading_to((tmp_path / "data.mov").read_bytes(), "data.mov"))
    with av.open(str(film), options={"enable_drefs": "1"}) as followed:  # who asks FFmpeg for it is led there
        assert len(list(followed.decode(video=0))) == 3
    with pytest.raises(AppError, match=r"film\.mov"):
        VideoReader(film)


def leading_to(content: bytes, name: str) -> bytes:
    """The index of a QuickTime film, saying by an alias that the frames lie in the file ``name`` beside it."""
    path = name.encode()
    alias = bytes(10 + 1 + 27 + 12) + bytes([len(path)]) + path.ljust(63, b"\0") + bytes(16)
    alias += struct.pack(">2H", 1, 1) + bytes(16)  # one folder up, one name down
    alias += struct.pack(">2H", 2, len(path)) + path + bytes(len(path) % 2) + struct.pack(">2H", 0xFFFF, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    result = bytearray(content[content.index(b"moov") - 4 :])
    at, end = 0, len(result)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        while result[at + 4 : at + 8] != box:
            at += int.from_bytes(result[at : at + 4], "big")
            assert at < end
        size = int.from_bytes(result[at : at + 4], "big")
        result[at : at + 4] = (size - 12 + len(entry)).to_bytes(4, "big")
        at, end = at + 8, at + size
    assert result[at + 4 : at + 16] == struct.pack(">2I", 1, 12) + b"url "
    result[at + 8 : at + 20] = entry
    return content[: int.from_bytes(content[:4], "big")] + bytes(result)  # its type, then the index
