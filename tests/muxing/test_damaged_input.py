"""Damaged and odd videos: a copy of what can be saved, with a plain note of what could not, or one clear line."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from app.core.errors import AppError
from app.core.export.request import ExportReport
from app.core.media import container
from tests.support.bare_export import bare
from tests.support.media import damage, make_video, truncate
from tests.support.probe import decoded_frames, probe
from tools.fixtures.coded_images import read_frame_index
from tools.fixtures.rich_media import Rich, make_rich

SMALL = (160, 120)
KINDS = {
    "mp4": Rich(50, SMALL, options={"preset": "ultrafast", "movflags": "+faststart"}, sound=(("aac", 48000),)),
    "mkv": Rich(50, SMALL, options={"preset": "ultrafast", "g": "10"}, sound=(("libopus", 48000),)),
    "ts": Rich(50, SMALL, options={"preset": "ultrafast", "g": "10"}, sound=(("mp2", 48000),)),
    "avi": Rich(50, SMALL, "mpeg4", options={"g": "10"}, sound=(("libmp3lame", 44100),)),
    "webm": Rich(30, SMALL, "libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8", "g": "10"},
                 sound=(("libopus", 48000),)),
    "gif": Rich(20, SMALL, "gif", "rgb8"),
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("whole")
    return {ending: make_rich(folder / f"in.{ending}", what) for ending, what in KINDS.items()}


def attempt(source: Path, output: Path) -> ExportReport | str:
    """The report of an export that holds what it says; or the one line that says why there is none."""
    try:
        report = bare(source, output)
    except AppError as error:
        line = str(error)
    else:
        assert len(probe(output).pts_s) == report.frames == len(decoded_frames(output))
        return report
    assert "\n" not in line
    assert not output.exists()
    return line


@pytest.mark.parametrize("ending", KINDS)
@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_a_file_without_its_tail(whole: dict[str, Path], tmp_path: Path, ending: str, keep: float) -> None:
    source = truncate(whole[ending], tmp_path / f"cut.{ending}", keep)
    result = attempt(source, tmp_path / "out.mp4")
    if ending == "mp4":  # this one has its index at the end
        assert isinstance(result, str)
        assert result.startswith("cut.mp4 ")
        return
    assert isinstance(result, ExportReport)
    assert 5 < result.frames <= KINDS[ending].frames
    shown = [read_frame_index(image) for image in decoded_frames(tmp_path / "out.mp4")]
    assert shown[: len(shown) - 2] == list(range(len(shown) - 2))


@pytest.mark.parametrize("ending", KINDS)
def test_a_file_without_its_head(whole: dict[str, Path], tmp_path: Path, ending: str) -> None:
    content = whole[ending].read_bytes()
    source = tmp_path / f"cut.{ending}"
    source.write_bytes(content[len(content) // 3 :])
    result = attempt(source, tmp_path / "out.mp4")
    if ending == "ts":  # made for tuning in late
        assert isinstance(result, ExportReport)
        assert 10 < result.frames < 40
        assert probe(tmp_path / "out.mp4").pts_s[0] >= 0
    elif isinstance(result, str):
        assert result.startswith(f"cut.{ending} ")


@pytest.mark.parametrize("ending", KINDS)
def test_damage_in_the_middle(whole: dict[str, Path], tmp_path: Path, ending: str) -> None:
    result = attempt(damage(whole[ending], tmp_path / f"hurt.{ending}", 0.45, 0.5), tmp_path / "out.mp4")
    assert isinstance(result, ExportReport)
    assert result.frames > KINDS[ending].frames // 3
    if result.frames < KINDS[ending].frames and ending != "gif":  # which neither counts its frames nor paces them
        assert result.notes


def test_sound_that_cannot_be_decoded(tmp_path: Path) -> None:
    plain = make_video(tmp_path / "plain.mp4", frames=25, audio=True)
    source = tmp_path / "in.mp4"
    with av.open(str(plain)) as original, av.open(str(source), "w") as copy:
        streams = {s.index: copy.add_stream_from_template(s) for s in original.streams}
        for packet in original.demux():
            if packet.dts is None:
                continue
            sent: av.Packet = packet
            if packet.stream.type == "audio":
                sent = av.Packet(b"\x55" * packet.size)
                sent.pts, sent.dts, sent.time_base = packet.pts, packet.dts, packet.time_base
                sent.duration = packet.duration
            sent.stream = streams[packet.stream.index]
            copy.mux(sent)
    copied = bare(source, tmp_path / "out.mp4")
    assert copied.notes == ()
    assert probe(tmp_path / "out.mp4").sound == probe(source).sound  # not ours to judge
    encoded = bare(source, tmp_path / "out.webm", quality="draft")
    assert any("damaged packets of sound" in note for note in encoded.notes)
    assert len(probe(tmp_path / "out.webm").pts_s) == 25


def test_a_sound_track_without_a_packet(tmp_path: Path) -> None:
    plain = make_video(tmp_path / "plain.mp4", frames=5, audio=True)
    source = tmp_path / "in.mkv"
    with av.open(str(plain)) as original, av.open(str(source), "w") as copy:
        video = copy.add_stream_from_template(original.streams.video[0])
        copy.add_stream_from_template(original.streams.audio[0])
        for packet in original.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                copy.mux(packet)
    for ending in ("mp4", "mkv", "webm"):
        assert bare(source, tmp_path / f"out.{ending}", quality="draft").frames == 5


def test_a_video_track_without_a_frame(tmp_path: Path) -> None:
    plain = make_video(tmp_path / "plain.mp4", frames=5, audio=True)
    source = tmp_path / "in.mkv"
    with av.open(str(plain)) as original, av.open(str(source), "w") as copy:
        copy.add_stream_from_template(original.streams.video[0])
        sound = copy.add_stream_from_template(original.streams.audio[0])
        for packet in original.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                copy.mux(packet)
    assert attempt(source, tmp_path / "out.mp4") == (
        "in.mkv holds no frame that can be decoded. The file is damaged or empty."
    )


def test_a_file_that_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    plain = make_video(tmp_path / "plain.mp4", frames=20, audio=True)
    with av.open(str(plain)) as original, av.open(str(source), "w", options={"live": "1"}) as copy:
        streams = {s.index: copy.add_stream_from_template(s) for s in original.streams}
        for packet in original.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                copy.mux(packet)
    with av.open(str(source)) as opened:
        assert not opened.streams.video[0].duration
        assert opened.streams.video[0].frames == 0
    assert bare(source, tmp_path / "out.mp4").frames == 20
    assert probe(tmp_path / "out.mp4").duration_s == pytest.approx(Fraction(20, 30), abs=0.002)


@pytest.mark.parametrize("told", [3, 5000])
def test_a_wrong_number_of_frames_in_the_header(whole: dict[str, Path], tmp_path: Path, told: int) -> None:
    content = bytearray(whole["avi"].read_bytes())
    for tag, offset in ((b"avih", 8 + 16), (b"strh", 8 + 32)):  # AVIMAINHEADER, the first AVISTREAMHEADER
        at = content.index(tag) + offset
        content[at : at + 4] = told.to_bytes(4, "little")
    source = tmp_path / "in.avi"
    source.write_bytes(content)
    result = attempt(source, tmp_path / "out.mp4")
    assert isinstance(result, ExportReport)
    assert result.frames == 50
    assert result.notes == ()  # none failed to decode


def test_two_recordings_joined_play_one_after_the_other(whole: dict[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "in.ts"
    source.write_bytes(whole["ts"].read_bytes() * 2)
    report = bare(source, tmp_path / "out.mp4")
    assert report.frames == 100
    assert "in.ts: the time stamps jump; the parts were joined." in report.notes
    times = probe(tmp_path / "out.mp4").pts_s
    assert {b - a for a, b in pairwise(times)} == {Fraction(1, 25)}
    sound = probe(tmp_path / "out.mp4").sound[0][1]
    assert abs(sound[-1] - 4) < Fraction(1, 5)


def test_times_before_zero_start_at_zero_with_the_sound_in_step(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    plain = make_video(tmp_path / "plain.mp4", frames=20, audio=True)
    options = {"avoid_negative_ts": "disabled"}
    with av.open(str(plain)) as original, av.open(str(source), "w", options=options) as copy:
        streams = {s.index: copy.add_stream_from_template(s) for s in original.streams}
        for packet in original.demux():
            if packet.dts is not None and packet.pts is not None:
                shift = round(Fraction(1, 5) / packet.time_base)
                packet.pts -= shift
                packet.dts -= shift
                packet.stream = streams[packet.stream.index]
                copy.mux(packet)
    before = probe(source)
    result = bare(source, tmp_path / "out.mp4")
    after = probe(tmp_path / "out.mp4")
    assert result.frames == len(after.pts_s) > 0
    assert after.pts_s[0] >= 0
    lag = [before.sound[0][1][-1] - before.pts_s[-1], after.sound[0][1][-1] - after.pts_s[-1]]
    assert abs(lag[0] - lag[1]) <= Fraction(1, 44_100)
    assert [read_frame_index(image) for image in decoded_frames(tmp_path / "out.mp4")] == list(range(20))


def _claims_16k(whole: dict[str, Path]) -> bytes:
    content = make_rich(whole["mkv"].with_name("large.mkv"), Rich(2, (320, 256), "ffv1", "bgr0")).read_bytes()
    for tag, told in ((b"\xb0", 320), (b"\xba", 256)):  # PixelWidth, PixelHeight
        content = content.replace(tag + b"\x82" + told.to_bytes(2, "big"), tag + b"\x82\x40\x00", 1)
    return content


def _is_a_16k_gif(whole: dict[str, Path]) -> bytes:
    content = bytearray(whole["gif"].read_bytes())
    content[6:10] = (16384).to_bytes(2, "little") * 2  # the logical screen
    return bytes(content)


def _unknown_codec(whole: dict[str, Path]) -> bytes:
    return whole["mp4"].read_bytes().replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_claims_16k, "holds no frame that can be decoded"),
        (_is_a_16k_gif, "holds no frame that can be decoded"),
        (_unknown_codec, "its video codec is not built in"),
        (lambda _: b"", "is empty"),
        (lambda _: b"\0" * 5000, "cannot be opened as a video"),
    ],
)
def test_what_cannot_be_gets_one_line(
    whole: dict[str, Path], tmp_path: Path, make: Callable[[dict[str, Path]], bytes], said: str
) -> None:
    source = tmp_path / "in.bin"
    source.write_bytes(make(whole))
    result = attempt(source, tmp_path / "out.mp4")
    assert isinstance(result, str)
    assert said in result


@pytest.mark.parametrize("ending", ["mp4", "avi", "webm"])
def test_sizes_are_limited_before_anything_is_decoded(
    whole: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(container, "MAX_PIXELS", 100 * 100)
    result = attempt(whole[ending], tmp_path / "out.mp4")
    assert isinstance(result, str)
    assert "claims frames of 160 x 120 pixels. At most 100 x 100 can" in result or "holds no frame" in result


def test_sound_of_an_unknown_codec_is_left_out_and_said(whole: dict[str, Path], tmp_path: Path) -> None:
    content = bytearray(whole["avi"].read_bytes())
    at = content.index(b"strf", content.index(b"auds")) + 8
    content[at : at + 2] = b"\x77\x77"  # wFormatTag
    source = tmp_path / "in.avi"
    source.write_bytes(content)
    report = bare(source, tmp_path / "out.mp4")
    assert report.frames == 50
    assert report.notes == ("Sound track 1 is left out: its codec is not built in.",)
