"""An exported file is the original plus boxes: every frame, every time stamp, the same sound, the right way up."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportProgress, ExportReport, ExportRequest
from app.core.highlights.options import HighlightOptions
from app.core.muxing import encoder
from app.core.muxing.video_options import MP4
from app.core.palette import SINGLE
from app.core.settings import DetectionSettings, OverlaySettings
from tests.support.media import damage, make_video, truncate
from tests.support.probe import decoded_frames, probe
from tests.support.shared_data import shared
from tests.support.steady_detector import FakeDetector, open_fake
from tools.fixtures.coded_images import ImageBGR, coded_image, read_frame_index

NTSC = Fraction(30000, 1001)
BARE = DetectionSettings(threshold=1.0)  # paints nothing, so that coded frames can be read back


def export(request: ExportRequest) -> ExportReport:
    return ExportJob(request, open_detector=open_fake).run()


def bare(source: Path, output: Path) -> ExportReport:
    return export(ExportRequest(source, output, detection=BARE))


def check_twin(source: Path, output: Path, same_duration: bool = True) -> None:
    """Frames, times, duration and sound of ``output`` are those of ``source``; frames in order and upright."""
    before, after = probe(source), probe(output)
    assert after.pts_s == before.pts_s
    assert after.duration_s == before.duration_s or not same_duration
    assert after.sound == before.sound
    assert not after.turned
    assert [read_frame_index(image) for image in decoded_frames(output)] == list(range(len(before.pts_s)))


@pytest.mark.parametrize("rate", [Fraction(30), NTSC, Fraction(25, 2), Fraction(24000, 1001)])
def test_constant_rates_keep_every_time_stamp_and_the_sound(tmp_path: Path, rate: Fraction) -> None:
    source = make_video(tmp_path / "in.mp4", frames=24, fps=rate, audio=True)
    report = bare(source, tmp_path / "out.mp4")
    check_twin(source, tmp_path / "out.mp4")
    assert (report.frames, report.damaged_packets, report.notes) == (24, 0, ())
    assert probe(tmp_path / "out.mp4").codecs == ["h264", "aac"]


def test_a_variable_rate_keeps_every_time_stamp(tmp_path: Path) -> None:
    steps = [0, 1501, 3003, 3090, 12000, 90000, 90123, 120001, 121001, 300000]
    source = make_video(tmp_path / "in.mp4", frames=10, pts=[Fraction(t, 90_000) for t in steps], audio=True)
    bare(source, tmp_path / "out.mp4")
    check_twin(source, tmp_path / "out.mp4", same_duration=False)  # the source states one that ends before its frames
    assert probe(tmp_path / "out.mp4").duration_s == Fraction(300_000 + 300_000 - 121_001, 90_000)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_turned_videos_come_out_upright(tmp_path: Path, rotation: int, container: str) -> None:
    source = make_video(tmp_path / f"in.{container}", frames=6, size=(160, 96), rotation=rotation)
    bare(source, tmp_path / "out.mp4")
    check_twin(source, tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").size == (160, 96)


def test_odd_sizes_gain_a_repeated_row_and_column_and_say_so(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mkv", frames=4, size=(161, 121), codec="ffv1")
    report = bare(source, tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").size == (162, 122)
    assert any("161 x 121 pixels became 162 x 122" in note for note in report.notes)
    assert [read_frame_index(image) for image in decoded_frames(tmp_path / "out.mp4")] == [0, 1, 2, 3]


def test_the_smallest_video_that_can_be(tmp_path: Path) -> None:
    for size, becomes in (((2, 3), (2, 4)), ((1, 1), (2, 2))):
        source = make_video(tmp_path / "in.mkv", frames=2, size=size, codec="ffv1")
        assert bare(source, tmp_path / "out.mp4").frames == 2
        assert probe(tmp_path / "out.mp4").size == becomes


def add_sound(source: Path, target: Path, codecs: Sequence[str]) -> Path:
    """``source`` with more sound tracks, each a tone in its own language."""
    with av.open(str(source)) as original, av.open(str(target), "w") as copy:
        video = original.streams.video[0]
        stream = copy.add_stream_from_template(video)
        tones = [copy.add_stream(codec, rate=8000, layout="mono") for codec in codecs]
        for tone, language in zip(tones, ("eng", "deu", "fra"), strict=False):
            tone.metadata["language"] = language
        for packet in original.demux(video):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
        wave = (np.sin(np.arange(8000) / 3) * 8000).astype(np.int16)
        for tone in tones:
            assert isinstance(tone, av.AudioStream)
            for start in range(0, len(wave), 800):
                sound = av.AudioFrame.from_ndarray(wave[None, start : start + 800], format="s16", layout="mono")
                sound.sample_rate, sound.pts, sound.time_base = 8000, start, Fraction(1, 8000)
                copy.mux(tone.encode(sound))
            copy.mux(tone.encode(None))
    return target


def test_every_sound_track_is_copied_with_its_language(tmp_path: Path) -> None:
    plain = make_video(tmp_path / "plain.mp4", frames=30)
    source = add_sound(plain, tmp_path / "in.mkv", ["pcm_s16le", "flac"])
    report = bare(source, tmp_path / "out.mp4")
    before, after = probe(source), probe(tmp_path / "out.mp4")
    assert [digest for digest, _ in after.sound] == [digest for digest, _ in before.sound]
    assert after.codecs == ["h264", "pcm_s16le", "flac"]
    assert after.languages[1:] == ["eng", "deu"]
    assert report.notes == ()


def test_sound_an_mp4_cannot_hold_is_encoded_and_said_so(tmp_path: Path) -> None:
    plain = make_video(tmp_path / "plain.mp4", frames=30)
    source = add_sound(plain, tmp_path / "in.mov", ["pcm_mulaw"])
    report = bare(source, tmp_path / "out.mp4")
    assert report.notes == ("Sound track 1 was encoded as AAC: an MP4 file cannot hold pcm_mulaw.",)
    with av.open(str(tmp_path / "out.mp4")) as copy:
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in copy.decode(audio=0)])
    assert 8000 <= len(samples) <= 8000 + 3 * 1024  # one second, and what AAC pads
    assert 0.1 < np.abs(samples[2000:6000]).max() < 0.5  # the tone has an amplitude of 8000 / 32768


def test_a_clock_that_starts_anywhere_starts_at_zero_with_sound_in_step(tmp_path: Path) -> None:
    """MPEG-TS counts from an arbitrary time."""
    plain = make_video(tmp_path / "plain.mp4", frames=20, audio=True)
    source = tmp_path / "in.ts"
    with av.open(str(plain)) as original, av.open(str(source), "w", options={"output_ts_offset": "100"}) as copy:
        streams = {s.index: copy.add_stream_from_template(s) for s in original.streams}
        for packet in original.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                copy.mux(packet)
    bare(source, tmp_path / "out.mp4")
    before, after = probe(source), probe(tmp_path / "out.mp4")
    assert before.pts_s[0] > 90
    start = min(before.pts_s[0], before.sound[0][1][0])
    assert after.pts_s == [time - start for time in before.pts_s]
    tolerance = Fraction(1, 48_000)  # MPEG-TS counts sound in 1/90000 s, the copy in samples
    assert abs(after.sound[0][1][5] - (before.sound[0][1][5] - start)) <= tolerance


def test_colour_tags_and_pixel_shape_are_carried(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, 14, 9, 2
        context.sample_aspect_ratio = Fraction(4, 3)
        grey = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 128, np.uint8), format="bgr24")
        for _ in range(3):
            container.mux(stream.encode(grey.reformat(format="yuv420p", dst_colorspace=9, dst_color_range=2)))
        container.mux(stream.encode(None))
    bare(source, tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").colour == probe(source).colour == (9, 14, 9, 2)
    with av.open(str(tmp_path / "out.mp4")) as copy:
        assert copy.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
    before, after = decoded_frames(source)[0].astype(int), decoded_frames(tmp_path / "out.mp4")[0].astype(int)
    assert np.abs(after - before).max() <= 3


def test_boxes_are_painted_where_the_objects_are(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    make_video(source, frames=5, size=(320, 240))
    look = OverlaySettings(palette="single", show_labels=False, show_scores=False, line_width=6.0)
    export(ExportRequest(source, tmp_path / "out.mp4", overlay=look))
    clean, painted = decoded_frames(source)[3], decoded_frames(tmp_path / "out.mp4")[3]
    ink = np.array(SINGLE[::-1])
    for y, x in ((48, 160), (120, 64), (191, 200), (144, 60), (216, 60)):  # edges of the car and the person
        assert np.abs(painted[y, x] - ink).max() < 70, (y, x)
    assert np.abs(painted[60:130, 110:240].astype(int) - clean[60:130, 110:240]).mean() < 6


def test_data_files_hold_every_frame_and_the_settings_decide_what_is_in_them(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=7, fps=NTSC)
    data = (DataFile(tmp_path / "out.jsonl", "jsonl"), DataFile(tmp_path / "out.csv", "csv"))
    settings = DetectionSettings(threshold=0.5, iou=0.45, classes=("car",))
    report = export(ExportRequest(source, None, data, detection=settings))
    lines = [json.loads(line) for line in data[0].path.read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(7))
    assert [line["time"] for line in lines] == [float(i / NTSC) for i in range(7)]
    assert [[d["label"] for d in line["detections"]] for line in lines] == [["car"]] * 7
    assert lines[0]["detections"][0]["box"] == pytest.approx([32, 24, 128, 96])
    assert len(data[1].path.read_text().splitlines()) == 1 + 7
    assert (report.output, report.encoder, report.detections, report.counts) == (None, "", 7, {"car": 7})

    unlimited = replace(settings, classes=(), iou=1.0, threshold=0.56)
    assert export(ExportRequest(source, None, data, detection=unlimited)).counts == {"car": 7, "person": 7}


def test_a_class_that_the_model_does_not_have_is_said_to_filter_nothing(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=3)
    data = (DataFile(tmp_path / "out.csv", "csv"),)
    report = export(ExportRequest(source, None, data, detection=DetectionSettings(0.56, 1.0, ("vehicle",))))
    assert report.counts == {"car": 3, "person": 3}
    assert any("knows no class 'vehicle'; all classes are shown." in note for note in report.notes)


def test_a_gpu_gets_full_batches_and_the_order_stays(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=19)
    seen: list[int] = []

    def watch(frames: Sequence[ImageBGR]) -> None:
        seen.extend(read_frame_index(frame) for frame in frames)

    fake = FakeDetector(watch, engine="torch_cuda", batch=8)
    report = ExportJob(ExportRequest(source, tmp_path / "out.mp4", detection=BARE), open_detector=lambda _: fake).run()
    assert fake.batches == [8, 8, 3]
    assert seen == list(range(19))
    assert fake.closed
    assert report.frames == 19
    check_twin(source, tmp_path / "out.mp4")


def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=12)
    heard: list[ExportProgress] = []
    ExportJob(ExportRequest(source, tmp_path / "out.mp4"), heard.append, open_fake).run()
    assert heard[0].stage == "opening"
    assert heard[-1].stage == "finishing"
    assert heard[-1].frames_done == 12
    assert {p.frames_total for p in heard} == {12}
    done = [p.frames_done for p in heard]
    assert done == sorted(done)


def test_progress_tells_what_was_found_and_shows_the_frame_just_written(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=12, size=(1280, 720))
    look = OverlaySettings(palette="single", show_labels=False, show_scores=False, line_width=12.0)
    heard: list[ExportProgress] = []
    asked = ExportRequest(source, tmp_path / "out.mp4", overlay=look, highlights=HighlightOptions(tracks=True))
    report = ExportJob(asked, heard.append, open_fake, preview=True).run()
    assert heard[0].seen is None
    assert heard[-1].found == report.found == "1 car, 1 person"
    seen = heard[-1].seen
    assert seen is not None
    assert seen.frame is not None
    assert seen.frame.shape == (360, 640, 4)
    y, x = 180, 128  # the left edge of the car is painted
    assert np.abs(seen.frame[y, x, :3].astype(int) - SINGLE[::-1]).max() < 70
    assert report.telling_frame is not None
    assert np.abs(report.telling_frame[y, x, :3].astype(int) - SINGLE[::-1]).max() < 70
    ExportJob(replace(asked, highlights=HighlightOptions()), heard.append, open_fake).run()
    unwatched = heard[-1].seen
    assert unwatched is not None
    assert (unwatched.detections, unwatched.objects, unwatched.frame) == (24, None, None)


def test_preview_of_data_alone_shows_boxes_and_keeps_the_images_clean(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=4, size=(640, 360))
    look = OverlaySettings(palette="single", show_labels=False, show_scores=False, line_width=12.0)
    heard: list[ExportProgress] = []
    shots = HighlightOptions(frames_every_s=Fraction(0))
    asked = ExportRequest(source, None, (DataFile(tmp_path / "set", "voc"),), overlay=look, highlights=shots)
    report = ExportJob(asked, heard.append, open_fake, preview=True).run()
    seen = heard[-1].seen
    assert seen is not None
    for frame in (seen.frame, report.telling_frame):
        assert frame is not None
        assert np.abs(frame[180, 128, :3].astype(int) - SINGLE[::-1]).max() < 70, "the left edge of the car is painted"
    written = sorted((tmp_path / "set").rglob("*.jpg"))
    assert [read_frame_index(cv2.imread(str(image))) for image in written] == [0, 1, 2, 3]
    for image in written:
        assert np.abs(cv2.imread(str(image))[180, 128].astype(int) - SINGLE[::-1]).max() > 100


def test_without_x264_another_encoder_writes_the_video_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "ENCODERS", {MP4: ("no_such_encoder", "mpeg4")})
    source = make_video(tmp_path / "in.mp4", frames=8, audio=True)
    report = bare(source, tmp_path / "out.mp4")
    assert report.encoder == "mpeg4"
    assert any("mpeg4 encoded the video" in note for note in report.notes)
    check_twin(source, tmp_path / "out.mp4")


def test_a_truncated_video_is_exported_as_far_as_it_goes_and_says_so(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", frames=60, size=(320, 240), faststart=True, audio=True)
    source = truncate(whole, tmp_path / "in.mp4", 0.6)
    report = bare(source, tmp_path / "out.mp4")
    assert 10 < report.frames < 60
    assert any(f"Of 60 frames {report.frames} could be decoded" in note for note in report.notes)
    shown = decoded_frames(tmp_path / "out.mp4")
    assert len(shown) == report.frames
    assert [read_frame_index(image) for image in shown[:10]] == list(range(10))


def test_damage_in_the_middle_costs_only_what_is_damaged(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", frames=60, size=(320, 240), faststart=True)
    source = damage(whole, tmp_path / "in.mp4", 0.5, 0.6)
    report = bare(source, tmp_path / "out.mp4")
    assert 20 < report.frames <= 60
    assert report.damaged_packets > 0
    assert report.notes
    assert len(decoded_frames(tmp_path / "out.mp4")) == report.frames


def test_a_frame_that_changes_its_size_midway_is_scaled(tmp_path: Path) -> None:
    source = tmp_path / "in.h264"  # a bare stream: no clock, and free to change
    content = b""
    for size in ((160, 120), (240, 180)):
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = *size, "yuv420p"
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
        context.options = {"preset": "ultrafast", "tune": "zerolatency"}
        frames = [av.VideoFrame.from_ndarray(coded_image(i, size), format="bgr24") for i in range(4)]
        content += b"".join(bytes(p) for f in [*frames, None] for p in context.encode(f))
    source.write_bytes(content)
    report = bare(source, tmp_path / "out.mp4")
    assert report.frames == 8
    assert "The video changes its size; frames are scaled to 160 x 120." in report.notes
    shown = decoded_frames(tmp_path / "out.mp4")
    assert {image.shape for image in shown} == {(120, 160, 3)}
    assert [read_frame_index(image) for image in shown] == [0, 1, 2, 3, 0, 1, 2, 3]


def test_ffprobe_agrees(tmp_path: Path) -> None:
    """A second opinion, by a program that shares no Python with us."""
    ffprobe = shutil.which("ffprobe")
    if ffprobe is None:
        pytest.skip("no ffprobe on this system")
    source = make_video(tmp_path / "in.mp4", frames=24, fps=NTSC, audio=True, rotation=90, size=(96, 160))
    bare(source, tmp_path / "out.mp4")

    def ask(path: Path, *entries: str) -> list[str]:
        command = [ffprobe, "-v", "error", "-show_data_hash", "md5", "-of", "csv=p=0", *entries, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.replace(",", " ").split()

    for entries in (
        ("-select_streams", "v", "-show_entries", "frame=pts_time"),
        ("-select_streams", "a", "-show_packets", "-show_entries", "packet=pts,dts,data_hash"),
        ("-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames,duration"),
    ):
        assert ask(tmp_path / "out.mp4", *entries) == ask(source, *entries)
    size = ask(tmp_path / "out.mp4", "-select_streams", "v", "-show_entries", "stream=width,height")
    assert size == ["96", "160"]


@pytest.mark.parametrize("name", ["video_90.mov", "var_fps_video.mp4", "h265_10bits.mp4", "flipping_a_pancake.mkv"])
def test_real_files_keep_times_and_sound(tmp_path: Path, name: str) -> None:
    source = shared(f"videos/{name}")
    export(ExportRequest(source, tmp_path / "out.mp4"))
    before, after = probe(source), probe(tmp_path / "out.mp4")
    assert after.pts_s == before.pts_s
    assert [digest for digest, _ in after.sound] == [digest for digest, _ in before.sound]
