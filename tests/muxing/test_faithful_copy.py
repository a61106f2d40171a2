"""What a copy keeps in each container: times, sound, subtitles, chapters, descriptions, shape, colours."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.core.errors import AppError
from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportRequest
from app.core.muxing.encoder import encoder_opens
from app.core.muxing.presets import BITS_PER_PIXEL, BY_BIT_RATE, ENCODERS, OPTIONS
from app.core.muxing.video_options import CONTAINERS, QUALITIES, container_of
from app.core.sources.orientation import Orientation
from tests.support.bare_export import bare
from tests.support.media import make_video
from tests.support.probe import decoded_frames, probe
from tests.support.steady_detector import open_fake
from tools.fixtures.coded_images import coded_image, read_frame_index
from tools.fixtures.rich_media import CHAPTERS, LINES, Rich, make_rich, read_lines

QUICK = {"preset": "ultrafast"}
MP4_FILE = Rich(
    options=QUICK,
    sound=(("aac", 48000), ("aac", 44100)),
    subtitles=("mov_text",),
    chapters=True,
    metadata={"title": "A day out", "com.example.lens": "50 mm"},
    time_code="01:00:00:00",
)
MKV_FILE = replace(
    MP4_FILE, sound=(("libopus", 48000), ("flac", 44100)), subtitles=("subrip", "ass"), attachment="note.txt"
)


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_rich(tmp_path_factory.mktemp("rich") / "in.mp4", MP4_FILE)


@pytest.fixture(scope="module")
def mkv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_rich(tmp_path_factory.mktemp("rich") / "in.mkv", MKV_FILE)


def check_copy(source: Path, output: Path, tick_s: Fraction = Fraction(0)) -> None:
    """Frames, times and pixels are the same, and so are the times of the sound, to within half a ``tick_s``."""
    before, after = probe(source), probe(output)
    assert [read_frame_index(image) for image in decoded_frames(output)] == list(range(len(before.pts_s)))
    assert len(after.pts_s) == len(before.pts_s)
    assert all(abs(a - b) <= tick_s / 2 for a, b in zip(after.pts_s, before.pts_s, strict=True))
    for (digest, times), (copied, kept) in zip(before.sound, after.sound, strict=True):
        assert copied == digest
        assert all(abs(a - b) <= tick_s / 2 for a, b in zip(times, kept, strict=True))


def roles(path: Path) -> list[tuple[str, str, bool]]:
    """(kind, language, forced) of every sound and subtitle track; whether it is the default counts only for MKV."""
    with av.open(str(path)) as container:
        return [
            (s.type, s.metadata.get("language", ""), bool(s.disposition & av.stream.Disposition.forced))
            for s in (*container.streams.audio, *container.streams.subtitles)
        ]


def defaults(path: Path) -> list[bool]:
    with av.open(str(path)) as container:
        return [bool(s.disposition & av.stream.Disposition.default) for s in container.streams.audio]


def chapters(path: Path) -> list[tuple[float, float, str]]:
    with av.open(str(path)) as container:
        return [
            (float(c["start"] * base), float(c["end"] * base), c["metadata"]["title"])
            for c in container.chapters()
            if (base := c["time_base"]) is not None
        ]


def described(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return {key.lower(): value for key, value in container.metadata.items()}


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_everything_in_an_mp4_is_in_its_copy(mp4: Path, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"out.{ending}"
    report = bare(mp4, output)
    check_copy(mp4, output, Fraction(ending == "mkv", 1000))
    assert roles(output) == roles(mp4)
    assert defaults(output) == defaults(mp4) == [False, True]
    assert read_lines(output) == list(LINES)
    assert chapters(output) == [(a / 1000, b / 1000, title) for a, b, title in CHAPTERS]
    assert described(output)["title"] == "A day out"
    assert described(output)["com.example.lens"] == "50 mm"
    with av.open(str(output)) as copy:
        told = {key.lower(): value for key, value in copy.streams.video[0].metadata.items()}
        assert told["timecode"] == "01:00:00:00"
    assert report.notes == (() if ending == "mp4" else ("Subtitle track 1 was converted from mov_text to subrip.",))


def test_everything_in_an_mkv_is_in_its_copy(mkv: Path, tmp_path: Path) -> None:
    report = bare(mkv, tmp_path / "out.mkv")
    check_copy(mkv, tmp_path / "out.mkv")
    assert report.notes == ()
    assert roles(tmp_path / "out.mkv") == roles(mkv)
    assert defaults(tmp_path / "out.mkv") == defaults(mkv)
    assert [read_lines(tmp_path / "out.mkv", track) for track in (0, 1)] == [list(LINES)] * 2
    assert chapters(tmp_path / "out.mkv") == chapters(mkv)
    with av.open(str(tmp_path / "out.mkv")) as copy:
        file = copy.streams.attachments[0]
        assert (file.metadata["filename"], file.mimetype, file.data) == ("note.txt", "text/plain", b"attached")


def test_what_another_container_cannot_hold_is_converted_or_left_out_and_said(mkv: Path, tmp_path: Path) -> None:
    report = bare(mkv, tmp_path / "out.mp4")
    check_copy(mkv, tmp_path / "out.mp4", Fraction(1, 44100))  # sound is counted in samples there
    assert report.notes == (
        "1 attached file left out: MP4 cannot hold them. Matroska can.",
        "Subtitle track 1 was converted from subrip to mov_text.",
        "Subtitle track 2 was converted from ass to mov_text.",
    )
    assert [read_lines(tmp_path / "out.mp4", track) for track in (0, 1)] == [list(LINES)] * 2
    assert chapters(tmp_path / "out.mp4") == chapters(mkv)


def test_webm_gets_vp9_opus_and_webvtt(mkv: Path, tmp_path: Path) -> None:
    report = bare(mkv, tmp_path / "out.webm", quality="draft")
    before, after = probe(mkv), probe(tmp_path / "out.webm")
    assert after.codecs == ["vp9", "opus", "opus"]
    assert after.pts_s == before.pts_s
    assert after.sound[0] == before.sound[0]  # Opus is copied
    assert "Sound track 2 was encoded as Opus: a WebM file cannot hold flac." in report.notes
    assert abs(after.sound[1][1][-1] - before.sound[1][1][-1]) < Fraction(1, 10)
    assert [read_lines(tmp_path / "out.webm", track) for track in (0, 1)] == [list(LINES)] * 2
    assert [read_frame_index(image) for image in decoded_frames(tmp_path / "out.webm")] == list(range(25))


def test_images_as_subtitles_need_matroska(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    plain = make_video(tmp_path / "plain.mp4", frames=5)
    with av.open(str(plain)) as original, av.open(str(source), "w") as copy:
        video = copy.add_stream_from_template(original.streams.video[0])
        drawn = copy.add_mux_stream("hdmv_pgs_subtitle", time_base=Fraction(1, 1000))
        for packet in original.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                copy.mux(packet)
        line = av.Packet(b"\x80\x00\x00")  # an end of display, all by itself
        line.pts = line.dts = 40
        line.time_base, line.stream = Fraction(1, 1000), drawn
        copy.mux(line)
    report = bare(source, tmp_path / "out.mp4")
    assert report.notes == (
        "Subtitle track 1 (hdmv_pgs_subtitle) is left out: MP4 cannot hold it. Matroska (.mkv) can.",
    )
    assert bare(source, tmp_path / "out.mkv").notes == ()
    with av.open(str(tmp_path / "out.mkv")) as container:
        (kept,) = container.streams.subtitles
        assert [(p.pts, bytes(p)) for p in container.demux(kept) if p.size] == [(40, b"\x80\x00\x00")]


EIGHT = [(t, x, y) for t in (False, True) for x in (1, -1) for y in (1, -1)]


@pytest.mark.parametrize(("exchanged", "x", "y"), EIGHT)
def test_each_of_the_eight_display_matrices_is_applied(tmp_path: Path, exchanged: bool, x: int, y: int) -> None:
    a, b, c, d = (0, y, x, 0) if exchanged else (x, 0, 0, y)
    matrix = [v << 16 for v in (a, b, 0, c, d, 0, 0, 0, 1 << 14)]
    upright = coded_image(3, (160, 96))
    stored = upright[:: y or 1, :: x or 1]
    stored = np.ascontiguousarray(stored.transpose(1, 0, 2) if exchanged else stored)
    assert np.array_equal(Orientation.from_display_matrix(matrix).apply(stored), upright)
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=25, options=QUICK)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = stored.shape[:2]
        stream.set_display_matrix(matrix)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(stored, format="bgr24").reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    if shutil.which("ffmpeg"):  # a second opinion on which way is up
        command = ["ffmpeg", "-v", "error", "-i", str(source), "-f", "rawvideo", "-pix_fmt", "bgr24", "-"]
        raw = subprocess.run(command, capture_output=True, check=True).stdout
        assert read_frame_index(np.frombuffer(raw, np.uint8).reshape(96, 160, 3)) == 3
    bare(source, tmp_path / "out.mp4")
    shown = probe(tmp_path / "out.mp4")
    assert (shown.size, shown.turned) == ((160, 96), False)
    assert read_frame_index(decoded_frames(tmp_path / "out.mp4")[0]) == 3


@pytest.mark.parametrize(("ending", "turned"), [("mp4", False), ("mp4", True), ("mkv", True)])
def test_the_shape_of_pixels_is_kept_and_turns_with_the_frame(tmp_path: Path, ending: str, turned: bool) -> None:
    turn = (90, False, False) if turned else None
    what = Rich(frames=2, size=(96, 96), options=QUICK, aspect=Fraction(4, 3), turn=turn)
    source = make_rich(tmp_path / "in.mp4", what, [np.full((96, 96, 3), 99, np.uint8)] * 2)
    bare(source, tmp_path / f"out.{ending}")
    with av.open(str(tmp_path / f"out.{ending}")) as copy:
        assert copy.streams.video[0].sample_aspect_ratio == (Fraction(3, 4) if turned else Fraction(4, 3))


def test_webm_gets_square_pixels(tmp_path: Path) -> None:
    source = make_rich(tmp_path / "in.mp4", Rich(frames=3, size=(96, 96), options=QUICK, aspect=Fraction(4, 3)))
    report = bare(source, tmp_path / "out.webm", quality="draft")
    assert probe(tmp_path / "out.webm").size == (128, 96)
    assert report.notes == ("The pixels were made square, 128 x 96: WebM cannot hold others here.",)
    assert [read_frame_index(image) for image in decoded_frames(tmp_path / "out.webm")] == [0, 1, 2]


def test_transparent_parts_lie_on_black(tmp_path: Path) -> None:
    image = np.full((64, 96, 4), 200, np.uint8)
    image[:, :48, 3], image[:, 48:, 3] = 0, 255
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgra"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgra")))
        container.mux(stream.encode(None))
    report = bare(source, tmp_path / "out.mp4")
    assert report.notes == ("Transparent parts are shown on black.",)
    shown = decoded_frames(tmp_path / "out.mp4")[0]
    assert shown[:, :40].max() < 8
    assert abs(int(shown[:, 56:].mean()) - 200) < 4


def test_a_gif_keeps_its_uneven_times_and_an_opaque_one_is_not_called_transparent(tmp_path: Path) -> None:
    source = tmp_path / "in.gif"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("gif", rate=100)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "rgb8"
        stream.codec_context.time_base = Fraction(1, 100)
        for index, stamp in enumerate((0, 10, 13, 50, 90)):
            frame = av.VideoFrame.from_ndarray(coded_image(index, (96, 64)), format="bgr24").reformat(format="rgb8")
            frame.pts, frame.time_base = stamp, Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    report = bare(source, tmp_path / "out.mp4")
    assert report.notes == ()
    assert probe(tmp_path / "out.mp4").pts_s == [Fraction(t, 100) for t in (0, 10, 13, 50, 90)]
    assert [read_frame_index(image) for image in decoded_frames(tmp_path / "out.mp4")] == list(range(5))


def test_numbered_images_become_a_video(tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    for index in range(12):
        cv2.imwrite(str(folder / f"shot_{index + 98:04d}.png"), coded_image(index, (101, 75)))
    (folder / "notes.txt").write_text("not a frame")
    (folder / "shot_0102.png").write_bytes(b"damaged")
    for source in (folder, folder / "shot_%04d.png"):
        report = bare(source, tmp_path / "out.mp4", images_per_s=Fraction(10))
        assert report.frames == 11
        assert any("Skipped: shot_0102.png" in note for note in report.notes)
        assert probe(tmp_path / "out.mp4").pts_s == [Fraction(i, 10) for i in range(11)]
        assert probe(tmp_path / "out.mp4").size == (102, 76)
        expected = [i for i in range(12) if i != 4]
        assert [read_frame_index(image) for image in decoded_frames(tmp_path / "out.mp4")] == expected
    with pytest.raises(AppError, match=r"There is no image shot_%09d\.png"):
        bare(folder / "shot_%09d.png", tmp_path / "out.mp4")


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_transparent_parts_of_images_lie_on_black(tmp_path: Path, depth: type) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    most = np.iinfo(depth).max
    for index in range(3):
        image = np.full((64, 96, 4), most, depth)
        image[:, :48, 3] = 0
        image[:, 48:72, 3] = most // 2
        cv2.imwrite(str(folder / f"{index}.png"), image if index else image[..., :3])
    report = bare(folder, tmp_path / "out.mp4")
    assert report.notes == ("Transparent parts are shown on black.",)
    opaque, clear, _ = decoded_frames(tmp_path / "out.mp4")
    assert opaque.min() > 245
    assert clear[:, :40].max() < 8
    assert abs(int(clear[:, 56:64].mean()) - 127) < 4
    assert clear[:, 80:].min() > 245


@pytest.mark.parametrize("ending", ["mkv", "ts"])
def test_subtitles_count_from_where_players_begin(tmp_path: Path, ending: str) -> None:
    """Sound that comes first is played first; a clock that begins anywhere is shown from 0 on."""
    whole = make_rich(tmp_path / "whole.mkv", replace(MKV_FILE, subtitles=(), chapters=False, attachment=""))
    late = tmp_path / f"late.{ending}"
    with av.open(str(whole)) as given, av.open(str(late), "w") as copy:
        streams = (given.streams.video[0], given.streams.audio[0])
        targets = {stream.index: copy.add_stream_from_template(stream) for stream in streams}
        for packet in given.demux(*streams):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            shift = round(Fraction(3 if packet.stream.type == "audio" else 4) / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, targets[packet.stream_index]
            copy.mux(packet)
    subtitles = tmp_path / "late.srt"
    request = ExportRequest(late, tmp_path / "out.mkv", (DataFile(subtitles, "srt"),), cache="drop")
    ExportJob(request, open_detector=open_fake).run()
    first = subtitles.read_text().splitlines()[1].split(" --> ")[0]
    hours, minutes, seconds = first.replace(",", ".").split(":")
    assert (hours, minutes) == ("00", "00")
    for file in (late, tmp_path / "out.mkv"):
        with av.open(str(file)) as container:
            video = container.streams.video[0]
            assert container.start_time is not None
            assert video.start_time is not None
            assert video.time_base is not None
            lead = float(video.start_time * video.time_base) - container.start_time / 1_000_000
        assert 0.9 < lead < 1.1
        assert abs(float(seconds) - lead) < 0.03, file.name


@pytest.mark.parametrize("name", ["-leading.mp4", "über日本 %d.mp4", "http:clip.mp4"])
def test_names_are_only_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "in.mp4", frames=3, audio=True).rename(tmp_path / name)
    report = bare(Path(name), Path(f"out {name}"))
    assert (report.frames, report.notes) == (3, ())
    assert len(decoded_frames(tmp_path / f"out {name}")) == 3


def test_every_quality_has_a_meaning_for_every_encoder(tmp_path: Path) -> None:
    for name in {name for names in ENCODERS.values() for name in names}:
        for quality in QUALITIES:
            assert name in BY_BIT_RATE or OPTIONS[name][quality]
    assert set(BITS_PER_PIXEL) == set(QUALITIES)
    noise = np.random.default_rng(0).integers(0, 255, (12, 96, 128, 3), dtype=np.uint8)
    source = make_rich(tmp_path / "in.mkv", Rich(size=(128, 96), codec="ffv1", pix_fmt="bgr0"), list(noise))
    for ending in ("mp4", "webm"):
        sizes = []
        for quality in QUALITIES:
            bare(source, tmp_path / f"out.{ending}", quality=quality)
            sizes.append((tmp_path / f"out.{ending}").stat().st_size)
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1]


def test_an_encoder_can_be_named(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=6, audio=True)
    assert bare(source, tmp_path / "out.mp4", encoder="mpeg4").encoder == "mpeg4"
    check_copy(source, tmp_path / "out.mp4")
    if encoder_opens("libsvtav1"):
        assert bare(source, tmp_path / "out.webm", encoder="libsvtav1", quality="draft").encoder == "libsvtav1"
        assert [read_frame_index(image) for image in decoded_frames(tmp_path / "out.webm")] == list(range(6))
    for wrong in ("no_such", "aac"):
        with pytest.raises(AppError, match="does not open here"):
            bare(source, tmp_path / "other.mp4", encoder=wrong)
    with pytest.raises(AppError, match="cannot be written"):
        bare(source, tmp_path / "other.webm", encoder="libx264")
    assert not any(path.name.startswith("other") for path in tmp_path.iterdir())


def test_the_ending_chooses_the_container() -> None:
    assert [container_of(Path(f"A{kind.suffixes[0].upper()}")) for kind in CONTAINERS] == list(CONTAINERS)
    assert container_of(Path("a.avi")) is None
