"""Headers that promise frames the file does not show, beside files of which frames are really missing."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest

from app.core.media.extent import is_cut_short
from app.core.sources.video import VideoReader
from tests.support.bare_export import bare
from tests.support.frame_checks import check_export, check_seeks, read_through
from tests.support.media import damage, make_video, read_frame_index, truncate
from tests.support.probe import decoded_frames
from tests.support.retimed import best_effort_s, retime
from tools.fixtures.rich_media import Rich, make_rich

SMALL = (160, 120)


def edited(source: Path, target: Path, leaves_out_s: Fraction) -> Path:
    """A cut without encoding: all packets, and an edit list that begins later (ISO 14496-12, 8.6.6)."""
    content = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        base = container.streams.video[0].time_base
    assert base is not None
    at = content.index(b"elst") + 8
    begins = int.from_bytes(content[at + 8 : at + 12], "big") + round(leaves_out_s / base)
    content[at + 8 : at + 12] = begins.to_bytes(4, "big")
    length = int.from_bytes(content[at + 4 : at + 8], "big") - round(leaves_out_s * 1000)
    content[at + 4 : at + 8] = length.to_bytes(4, "big")
    target.write_bytes(content)
    return target


@pytest.mark.parametrize("frames", [7, 12, 25])
def test_an_edit_list_that_leaves_frames_out(tmp_path: Path, frames: int) -> None:
    plain = make_video(tmp_path / "plain.mp4", frames=60, gop=30)
    cut = edited(plain, tmp_path / "cut.mp4", Fraction(frames, 30))
    seen = read_through(cut)
    assert len(seen) == 60 - frames
    assert [pts_s for pts_s, _ in seen] == best_effort_s(cut)
    check_seeks(cut, seen, 10)
    assert check_export(cut, tmp_path, seen).notes == ()
    reader = VideoReader(cut)
    assert reader.info.frame_count == reader.info.frames_expected == 60 - frames
    reader.close()
    bare(cut, tmp_path / "bare.mp4")
    assert [read_frame_index(image) for image in decoded_frames(tmp_path / "bare.mp4")] == list(range(frames, 60))


@pytest.mark.parametrize("start", ["0.23", "0.5"])
def test_a_cut_by_ffmpeg(tmp_path: Path, start: str) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    plain = make_video(tmp_path / "plain.mp4", frames=60, audio=True, gop=30)
    cut = tmp_path / "cut.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-ss", start, "-i", plain, "-c", "copy", cut], check=True)
    seen = read_through(cut)
    assert [pts_s for pts_s, _ in seen] == best_effort_s(cut)
    check_seeks(cut, seen, 10)
    assert check_export(cut, tmp_path, seen).notes == ()


def test_empty_chunks_of_an_avi(tmp_path: Path) -> None:
    """As FFmpeg fills pauses with them; the header counts them."""
    plain = make_rich(tmp_path / "plain.mkv", Rich(60, SMALL, "mpeg4", options={"g": "10"}))
    gaps = retime(plain, tmp_path / "gaps.avi", lambda _, time_s: Fraction(0) if time_s < 1 else Fraction(2))
    with av.open(str(gaps)) as container:
        assert container.streams.video[0].frames > 60
    seen = read_through(gaps)
    assert len(seen) == 60
    check_seeks(gaps, seen, 10)
    assert check_export(gaps, tmp_path, seen).notes == ()


def test_packed_b_frames(tmp_path: Path) -> None:
    """Two frames in one chunk, and a chunk that says that nothing is new, as DivX wrote them."""
    plain = make_rich(tmp_path / "plain.avi", Rich(50, SMALL, "mpeg4", options={"bf": "1", "g": "12", "q": "2"}))
    packed = tmp_path / "packed.avi"
    with av.open(str(plain)) as given, av.open(str(packed), "w") as copy:
        stream = given.streams.video[0]
        target = copy.add_stream_from_template(stream)
        packets = [packet for packet in given.demux(stream) if packet.size]
        number = 0
        while number < len(packets):
            joined = bytes(packets[number])
            is_pair = 0 < number < len(packets) - 1 and not packets[number].is_keyframe
            if is_pair:
                joined += bytes(packets[number + 1])
            for content in (joined, b"\x00\x00\x01\xb6\x50\x00\x00") if is_pair else (joined,):
                chunk = av.Packet(content)
                chunk.pts = chunk.dts = number
                chunk.time_base, chunk.duration, chunk.stream = Fraction(1, 25), 1, target
                chunk.is_keyframe = packets[number].is_keyframe and content is joined
                copy.mux(chunk)
                number += 1
    seen = read_through(packed)
    assert check_export(packed, tmp_path, seen).notes == ()
    check_seeks(packed, seen, 10)


def test_frames_that_really_fail_are_counted(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", frames=60, faststart=True)
    report = bare(damage(whole, tmp_path / "hurt.mp4", 0.5, 0.7), tmp_path / "out.mp4")
    assert report.frames < 60
    assert f"Of 60 frames {report.frames} could be decoded." in report.notes


@pytest.mark.parametrize("name", ["whole.mp4", "whole.avi", "whole.mkv"])
def test_files_that_are_cut_short_say_so(tmp_path: Path, name: str) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    whole = make_video(tmp_path / name, frames=60, gop=10, codec=codec, faststart=True)
    cut = truncate(whole, tmp_path / f"cut{whole.suffix}", 0.6)
    assert not is_cut_short(str(whole))
    assert is_cut_short(str(cut))
    report = bare(cut, tmp_path / "out.mp4")
    assert 5 < report.frames < 60
    assert any("ends early" in note or "cut short" in note for note in report.notes)
    assert bare(whole, tmp_path / "out.mp4").notes == ()
