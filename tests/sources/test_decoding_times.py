"""Containers that keep only decoding times: every frame at FFmpeg's best-effort time, read, sought and exported."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportCancelledError, ExportRequest
from app.core.sources.video import VideoReader
from tests.support.frame_checks import check_export, check_seeks, read_through
from tests.support.media import make_video, read_frame_index
from tests.support.retimed import best_effort_s
from tests.support.shared_data import shared
from tests.support.steady_detector import FakeDetector, open_fake
from tools.fixtures.rich_media import Rich, make_rich

SMALL = (160, 120)
B_FRAMES = {"bf": "3", "g": "20", "preset": "veryfast"}
OPEN = {"preset": "veryfast", "x264-params": "open-gop=1:bframes=3:keyint=20:b-pyramid=normal:scenecut=0"}
KINDS = {
    "x264.avi": Rich(60, SMALL, options=B_FRAMES, sound=(("libmp3lame", 44100),)),
    "open.avi": Rich(60, SMALL, options=OPEN),
    "mpeg4.avi": Rich(60, SMALL, "mpeg4", options={"bf": "2", "g": "12", "q": "2"}),
    "mpeg2.avi": Rich(60, SMALL, "mpeg2video", options={"bf": "2", "g": "12", "q": "2"}),
    "x264.wmv": Rich(60, SMALL, options=B_FRAMES, sound=(("libmp3lame", 44100),)),
    "mpeg4.asf": Rich(60, SMALL, "mpeg4", options={"bf": "2", "g": "12", "q": "2"}),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("kinds")
    return {name: make_rich(folder / name, kind) for name, kind in KINDS.items()}


def shown_numbers(path: Path) -> list[int]:
    reader = VideoReader(path)
    numbers = []
    while (frame := reader.read_frame()) is not None:
        numbers.append(read_frame_index(frame.image_bgr))
    reader.close()
    return numbers


def check_times(path: Path, seen: list[tuple[Fraction, int]]) -> None:
    """Equal to FFmpeg's best-effort times; it has none of the last frames, which follow as the ones before them."""
    told = best_effort_s(path)
    assert len(told) == len(seen)
    for number, (time_s, (pts_s, _)) in enumerate(zip(told, seen, strict=True)):
        if time_s is not None and (number == 0 or told[number - 1] is not None):
            assert pts_s == time_s


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_at_its_time_whichever_way_it_is_reached(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    seen = read_through(files[name])
    assert shown_numbers(files[name]) == list(range(60))
    assert all(abs(pts_s - Fraction(number, 25)) <= Fraction(1, 500) for number, (pts_s, _) in enumerate(seen))
    check_seeks(files[name], seen)
    report = check_export(files[name], tmp_path, seen)
    assert not [note for note in report.notes if "Sound track 1 was encoded" not in note]


@pytest.mark.parametrize("name", KINDS)
def test_times_are_ffmpegs_best_effort(files: dict[str, Path], name: str) -> None:
    check_times(files[name], read_through(files[name]))


@pytest.mark.parametrize("name", ["x264.avi", "mpeg4.avi", "x264.wmv"])
def test_whole_frames_made_of_interlaced_ones_keep_the_times(files: dict[str, Path], name: str) -> None:
    seen, whole = read_through(files[name]), []
    reader = VideoReader(files[name], deinterlace=True)
    while (frame := reader.read_frame()) is not None:
        whole.append(frame.pts_s)
    reader.close()
    assert whole == [pts_s for pts_s, _ in seen]


def test_an_interrupted_export_goes_on_with_the_same_times(files: dict[str, Path], tmp_path: Path) -> None:
    source = files["x264.avi"]

    def request(folder: str) -> ExportRequest:
        (tmp_path / folder).mkdir(exist_ok=True)
        return ExportRequest(source, None, (DataFile(tmp_path / folder / "out.jsonl", "jsonl"),))

    ExportJob(request("whole"), open_detector=open_fake).run()
    fake = FakeDetector(lambda _: job.cancel() if len(fake.batches) == 30 else None)
    job = ExportJob(request("resumed"), open_detector=lambda _: fake)
    with pytest.raises(ExportCancelledError):
        job.run()
    report = ExportJob(request("resumed"), open_detector=open_fake).run()
    assert report.frames_known >= 28
    assert (tmp_path / "resumed/out.jsonl").read_bytes() == (tmp_path / "whole/out.jsonl").read_bytes()


@pytest.mark.parametrize("name", ["no_offsets.mp4", "no_offsets.flv"])
def test_files_that_lost_their_offsets(tmp_path: Path, name: str) -> None:
    """As some recorders write them: B-frames, and nothing that tells when they are shown."""
    path = make_video(tmp_path / name, frames=60, fps=Fraction(25), audio=True, gop=20)
    content = bytearray(path.read_bytes())
    if name.endswith("mp4"):
        for tag in (b"ctts", b"elst"):
            while tag in content:
                at = content.index(tag)
                content[at : at + 4] = b"free"
    else:
        at = 13
        while at + 11 < len(content):
            if content[at] == 9 and content[at + 12] == 1:
                content[at + 13 : at + 16] = bytes(3)  # CompositionTime
            at += 15 + int.from_bytes(content[at + 1 : at + 4], "big")
    path.write_bytes(content)
    seen = read_through(path)
    assert shown_numbers(path) == list(range(60))
    check_seeks(path, seen)
    assert check_export(path, tmp_path, seen).notes == ()
    told = best_effort_s(path)
    assert [pts_s for pts_s, _ in seen[:57]] == told[:57]


def test_the_real_case(tmp_path: Path) -> None:
    path = shared("cases/x264b.avi")
    seen = read_through(path)
    assert [pts_s for pts_s, _ in seen] == [Fraction(number, 25) for number in range(29)]
    check_seeks(path, seen)
    assert check_export(path, tmp_path, seen).notes == ()
    check_times(path, seen)
