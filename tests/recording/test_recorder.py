"""Recordings and clips of drawn frames and of packets: all that was given is there, at its time, in the right file."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.core.errors import AppError
from app.core.files.disk import DiskSpace
from app.core.media.packets import SOUND
from app.core.recording import room as room_module
from app.core.recording.folder import SIGNATURE, finish_interrupted
from app.core.recording.packet_clock import PacketClock
from app.core.recording.recording_file import RecordingFile
from app.core.recording.reports import (
    ClipFailed,
    FileBegun,
    FileFinished,
    RecorderPlan,
    RecorderReport,
    RecordingPaused,
    RecordingResumed,
)
from app.core.records.frame_record import FrameRecord
from app.core.sources.base import SourceOptions
from app.core.sources.packet_tap import PacketTap
from app.core.sources.stream import StreamSource
from detector.detections import Detections
from tests.support.hls_site import Site
from tests.support.media import make_video
from tests.support.recorder_probe import PATIENCE_S, STEP_NS, T0_NS, Kept, Probe, feed, fill_disk_after, shown, times
from tools.fixtures.coded_images import coded_image
from tools.kill_recording import MAX_LOSS_S, kill_recording


def test_segments_hold_every_frame_at_its_time(encoded: Kept, tmp_path: Path) -> None:
    probe = Probe(RecorderPlan("bird table", tmp_path / "new", segment_s=6, min_free=0))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded)
    probe.close()
    finished = probe.of(FileFinished)
    assert [shown(each.path) for each in finished] == [[*range(150)], [*range(150, 300)], [*range(300, 400)]]
    assert [each.began_ns for each in finished] == [T0_NS + first * STEP_NS for first in (0, 150, 300)]
    for each in finished:
        found = times(each.path)
        assert all(abs(time - Fraction(i, 25)) < Fraction(1, 1000) for i, time in enumerate(found))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(each.path.name for each in finished)


def test_a_segment_ends_when_it_is_large_enough(encoded: Kept, tmp_path: Path) -> None:
    whole = sum(len(packet.content) for packet in encoded.packets)
    probe = Probe(RecorderPlan("x", tmp_path, segment_bytes=whole // 3, min_free=0))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded)
    probe.close()
    assert 3 <= len(probe.of(FileFinished)) <= 4
    assert [i for each in probe.of(FileFinished) for i in shown(each.path)] == [*range(400)]


def test_a_clip_begins_before_its_event_and_ends_after_it(encoded: Kept, tmp_path: Path) -> None:
    probe = Probe(RecorderPlan("door", clips=tmp_path, pre_roll_s=4, min_free=0))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 210)
    probe.recorder.begin_clip(7, "person", T0_NS + 110 * STEP_NS)  # 4 s before
    feed(probe, encoded, 210, 260)
    probe.recorder.end_clip(7, T0_NS + 280 * STEP_NS)
    feed(probe, encoded, 260)
    probe.close()
    (clip,) = probe.of(FileFinished)
    assert (clip.kind, clip.events) == ("clip", (7,))
    assert shown(clip.path) == [*range(100, 281)]  # from the key frame before
    assert clip.path.name.startswith("door-person-")


def test_a_clip_is_named_by_its_first_frame_where_less_is_kept_than_it_should_show(
    encoded: Kept, tmp_path: Path
) -> None:
    probe = Probe(RecorderPlan("door", clips=tmp_path, pre_roll_s=7200, min_free=0))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 60)
    probe.recorder.begin_clip(1, "person", T0_NS - 3600 * 25 * STEP_NS)
    feed(probe, encoded, 60)
    probe.close()
    (clip,) = probe.of(FileFinished)
    named = datetime.strptime(clip.path.stem, "door-person-%Y%m%d-%H%M%S")
    began_s = time.time() - (time.monotonic_ns() - T0_NS) / 1e9
    assert abs(named.timestamp() - began_s) < 60
    assert shown(clip.path) == [*range(400)]


def test_events_that_touch_share_a_clip_and_others_do_not(encoded: Kept, tmp_path: Path) -> None:
    probe = Probe(RecorderPlan("door", clips=tmp_path, pre_roll_s=2, min_free=0))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 60)
    probe.recorder.begin_clip(1, "person", T0_NS + 25 * STEP_NS)
    feed(probe, encoded, 60, 80)
    probe.recorder.end_clip(1, T0_NS + 100 * STEP_NS)
    feed(probe, encoded, 80, 140)  # the clip is over, but may still be touched
    probe.recorder.begin_clip(2, "dog", T0_NS + 99 * STEP_NS)
    feed(probe, encoded, 140, 150)
    probe.recorder.end_clip(2, T0_NS + 150 * STEP_NS)
    feed(probe, encoded, 150, 260)
    probe.recorder.begin_clip(3, "dog", T0_NS + 250 * STEP_NS)
    feed(probe, encoded, 260, 300)
    probe.recorder.end_clip(3, T0_NS + 320 * STEP_NS)
    feed(probe, encoded, 300)
    probe.close()
    first, second = probe.of(FileFinished)
    assert (first.events, second.events) == ((1, 2), (3,))
    assert shown(first.path) == [*range(25, 151)]
    assert shown(second.path) == [*range(250, 321)]


def test_data_lies_beside_the_recording_that_has_its_frame(encoded: Kept, tmp_path: Path) -> None:
    probe = Probe(RecorderPlan("x", tmp_path, segment_s=6, min_free=0))
    probe.recorder.begin(encoded.media[0])
    boxes = np.array([[1, 2, 3, 4]], np.float32)
    for first in range(0, 400, 20):
        feed(probe, encoded, first, first + 20)
        if first:  # looked at late: a second of the file that has begun meanwhile has passed
            found = Detections(boxes, np.array([0.5], np.float32), np.array([0], np.int32))
            probe.recorder.data(T0_NS + (first - 10) * STEP_NS, FrameRecord(0, Fraction(0), found, ("dog",), (first,)))
    probe.close()
    whole: list[int] = []
    for each, begin in zip(probe.of(FileFinished), (0, 150, 300), strict=True):
        lines = [json.loads(line) for line in each.path.with_suffix(".jsonl").read_text().splitlines()]
        assert [line["frame"] for line in lines] == [*range(len(lines))]
        assert [line["time"] for line in lines] == pytest.approx(
            [(line["detections"][0]["track"] - 10 - begin) / 25 for line in lines]
        )
        whole += [line["detections"][0]["track"] for line in lines]
    assert whole == [*range(20, 400, 20)]


def test_a_lost_source_ends_files_and_another_format_begins_new_ones(encoded: Kept, tmp_path: Path) -> None:
    probe = Probe(RecorderPlan("x", tmp_path, min_free=0))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 30)
    probe.recorder.ended()
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 25, 60)
    probe.close()
    assert [shown(each.path) for each in probe.of(FileFinished)] == [[*range(30)], [*range(25, 60)]]


def test_a_full_disk_pauses_with_one_line_and_it_goes_on_by_itself(
    encoded: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([10**9] * 3 + [10] * 2)
    monkeypatch.setattr(room_module, "disk_space", lambda folder: DiskSpace(next(free, 10**9), 10**10))
    probe = Probe(RecorderPlan("x", tmp_path, min_free=1000))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded)
    probe.close()
    assert [type(r) for r in probe.reports if isinstance(r, RecordingPaused | RecordingResumed)] == [
        RecordingPaused,
        RecordingResumed,
    ]
    first, second = probe.of(FileFinished)
    assert shown(first.path) == [*range(75)]  # all but the second that had no room
    assert shown(second.path) == [*range(325, 400)]


def test_a_disk_that_refuses_keeps_what_was_written(
    encoded: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk_after(sum(len(packet.content) for packet in encoded.packets) // 2, monkeypatch)
    begun = threading.Event()

    def tell(report: RecorderReport) -> None:
        probe.reports.append(report)
        if isinstance(report, FileBegun):
            begun.set()

    probe = Probe(RecorderPlan("x", tmp_path, min_free=0), tell)
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 30)
    assert begun.wait(PATIENCE_S)
    other = tmp_path / "y-20261130-080000.mp4.part"  # which another recorder has just let go of
    other.write_bytes((600).to_bytes(4, "big") + b"mdat" + SIGNATURE.encode() + bytes(592 - len(SIGNATURE)))
    feed(probe, encoded, 30)
    probe.close()
    assert len(probe.of(RecordingPaused)) >= 1
    first = probe.of(FileFinished)[0]
    kept = shown(first.path)
    assert kept == [*range(len(kept))]
    assert 100 < len(kept) < 300
    assert first.began_ns == T0_NS
    assert other.exists()


def test_a_clip_that_the_disk_cuts_short_is_whole_for_events_that_were_over(
    encoded: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk_after(sum(len(packet.content) for packet in encoded.packets) // 2, monkeypatch)
    probe = Probe(RecorderPlan("x", clips=tmp_path, pre_roll_s=3, min_free=0))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 60)
    probe.recorder.begin_clip(1, "dog", T0_NS + 10 * STEP_NS)
    probe.recorder.end_clip(1, T0_NS + 70 * STEP_NS)
    feed(probe, encoded, 60, 100)
    probe.recorder.begin_clip(2, "dog", T0_NS + 65 * STEP_NS)
    feed(probe, encoded, 100)
    probe.close()
    (finished,) = [report for report in probe.of(FileFinished) if report.events]
    assert (finished.kind, finished.events) == ("clip", (1, 2))
    assert probe.of(ClipFailed) == [ClipFailed((2,))]
    kept = shown(finished.path)
    assert kept == [*range(kept[0], kept[-1] + 1)]
    assert kept[0] <= 10
    assert kept[-1] >= 70


def test_a_file_that_cannot_be_ended_says_so_once(
    encoded: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file, clock = RecordingFile(tmp_path / "x-20261130-080000", encoded.media[0], "x"), PacketClock()
    for packet in encoded.packets[:60]:
        file.write(clock.timed(packet))
    fill_disk_after(0, monkeypatch)
    with pytest.raises(AppError):
        file.finish()
    file.abandon()
    assert capfd.readouterr().err == ""  # where PyAV prints exceptions that it cannot pass on
    (finished,) = finish_interrupted(tmp_path)
    assert len(shown(finished)) >= 60 - MAX_LOSS_S * 25


def test_a_folder_that_is_removed_is_made_anew(encoded: Kept, tmp_path: Path) -> None:
    begun: threading.Event = threading.Event()

    def tell(report: RecorderReport) -> None:
        probe.reports.append(report)
        if isinstance(report, FileBegun):
            begun.set()

    probe = Probe(RecorderPlan("x", tmp_path / "r", min_free=0), tell)
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 60)
    assert begun.wait(PATIENCE_S)
    shutil.rmtree(tmp_path / "r")
    feed(probe, encoded, 60)
    probe.close()
    assert len(probe.of(RecordingPaused)) == len(probe.of(RecordingResumed)) == 1
    (finished,) = probe.of(FileFinished)
    kept = shown(finished.path)
    assert kept == [*range(kept[0], 400)]


def test_a_folder_that_cannot_be_made_is_said_once(encoded: Kept, tmp_path: Path) -> None:
    (tmp_path / "r").write_text("a file in its way")
    probe = Probe(RecorderPlan("x", tmp_path / "r", min_free=0))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded)
    probe.close()
    (paused,) = probe.reports
    assert isinstance(paused, RecordingPaused)
    assert str(tmp_path / "r") in paused.message


KINDS = pytest.mark.parametrize(
    ("source_ending", "video_codec", "sound_codec", "ending"),
    [(".mov", "mpeg4", "pcm_mulaw", ".mov"), (".mkv", "libvpx", "libopus", ".mkv"), (".mkv", "mpeg4", "aac", ".mp4")],
)


def packets_of_new(source: Path, video_codec: str, sound_codec: str) -> Kept:
    """Makes a video of 75 frames, 25 a second, with sound; returns its packets."""
    rate = 8000 if sound_codec == "pcm_mulaw" else 48_000
    with av.open(str(source), "w") as container:
        video, sound = container.add_stream(video_codec, rate=25), container.add_stream(sound_codec, rate=rate)
        assert isinstance(video, av.VideoStream)
        assert isinstance(sound, av.AudioStream)
        video.width, video.height, video.pix_fmt, sound.layout = 64, 48, "yuv420p", "mono"  # type: ignore[assignment] # a name will do
        for index in range(75):
            container.mux(video.encode(av.VideoFrame.from_ndarray(coded_image(index, (64, 48)), format="bgr24")))
            heard = av.AudioFrame.from_ndarray(np.full((1, rate // 25), index, np.int16), format="s16", layout="mono")
            heard.rate = rate
            container.mux(sound.encode(heard))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    kept = Kept()
    with av.open(str(source)) as media:
        tap = PacketTap(media, media.streams.video[0], kept)
        for packet in media.demux(*tap.streams):
            tap.take(packet, time.monotonic_ns())
    return kept


@KINDS
def test_the_container_is_one_that_holds_what_comes(
    tmp_path: Path, source_ending: str, video_codec: str, sound_codec: str, ending: str
) -> None:
    source = (tmp_path / "in").with_suffix(source_ending)
    kept = packets_of_new(source, video_codec, sound_codec)
    probe = Probe(RecorderPlan("x", tmp_path / "out", min_free=0))
    probe.recorder.begin(kept.media[0])
    feed(probe, kept, 0, len(kept.packets))
    probe.close()
    (finished,) = probe.of(FileFinished)
    assert finished.path.suffix == ending
    assert shown(finished.path) == [*range(75)]
    assert b"".join(_packets(finished.path, "audio")) == b"".join(_packets(source, "audio"))


@KINDS
def test_what_is_on_the_disk_plays_though_the_file_never_ended(
    tmp_path: Path, source_ending: str, video_codec: str, sound_codec: str, ending: str
) -> None:
    kept = packets_of_new((tmp_path / "in").with_suffix(source_ending), video_codec, sound_codec)
    file, clock = RecordingFile(tmp_path / "x-20261130-080000", kept.media[0], "x"), PacketClock()
    for packet in kept.packets:
        file.write(clock.timed(packet))
    killed = tmp_path / "killed"
    killed.mkdir()
    shutil.copy(tmp_path / f"x-20261130-080000{ending}.part", killed)
    file.discard()
    (finished,) = finish_interrupted(killed)
    frames = shown(finished)
    assert frames == [*range(len(frames))]
    assert len(frames) >= 75 - MAX_LOSS_S * 25


def test_a_clip_waits_for_an_encoder_that_is_being_opened(encoded: Kept, tmp_path: Path) -> None:
    probe = Probe(RecorderPlan("x", clips=tmp_path, pre_roll_s=2, min_free=0))
    probe.recorder.begin_clip(1, "dog", T0_NS - STEP_NS)
    probe.recorder.begin_clip(2, "dog", T0_NS)
    probe.recorder.end_clip(1, T0_NS + 10 * STEP_NS)
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 60)
    probe.recorder.end_clip(2, T0_NS + 70 * STEP_NS)
    feed(probe, encoded, 60)
    probe.close()
    (finished,) = probe.of(FileFinished)
    assert finished.events == (1, 2)
    assert shown(finished.path) == [*range(71)]
    assert probe.of(ClipFailed) == []


def test_clips_of_a_source_that_gives_nothing_fail(tmp_path: Path) -> None:
    probe = Probe(RecorderPlan("x", clips=tmp_path, pre_roll_s=2, min_free=0))
    probe.recorder.begin_clip(5, "dog", T0_NS)
    probe.close()
    assert probe.reports == [ClipFailed((5,))]


def _packets(path: Path, kind: str) -> Iterator[bytes]:
    with av.open(str(path)) as media:
        stream = media.streams.video[0] if kind == "video" else media.streams.audio[0]
        yield from (bytes(packet) for packet in media.demux(stream) if packet.size)


def test_a_stream_is_copied_as_it_came_with_its_sound(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.ts", frames=60, fps=Fraction(25), audio=True, gop=10)
    kept = Kept()
    with Site({"/live": ("video/mp2t", source.read_bytes())}) as site:
        stream = StreamSource(site.url("/live"), SourceOptions(tap=_Tap(kept)))
        while stream.info and (frame := _read(stream)) is not None:
            assert frame >= 0
        stream.close()
    assert kept.media[0].has_sound
    probe = Probe(RecorderPlan("stream", tmp_path / "out", min_free=0))
    probe.recorder.begin(kept.media[0])
    feed(probe, kept, 0, len(kept.packets))
    probe.close()
    (finished,) = probe.of(FileFinished)
    assert shown(finished.path) == [*range(60)]
    found, truth = times(finished.path), times(source)
    assert all(abs((a - found[0]) - (b - truth[0])) < Fraction(1, 1000) for a, b in zip(found, truth, strict=True))
    sound = [packet.content for packet in kept.packets if packet.track == SOUND]
    assert len([*_packets(finished.path, "audio")]) == len(sound) > 50


class _Tap(Kept):
    def __init__(self, kept: Kept) -> None:
        self.media, self.packets = kept.media, kept.packets

    def frame(self, frame: object) -> None:
        raise AssertionError("a stream has packets")


def _read(stream: StreamSource) -> int | None:
    from app.core.sources.base import SourceLostError

    try:
        frame = stream.read()
    except SourceLostError:
        return None
    return None if frame is None else frame.index


def test_a_killed_recording_plays_and_lacks_little(tmp_path: Path) -> None:
    outcome = kill_recording(tmp_path, after_frames=55, segment_s=1.0, files=2)
    assert outcome.wrong == ()
    assert outcome.lost_s <= MAX_LOSS_S
    assert outcome.files >= 2
