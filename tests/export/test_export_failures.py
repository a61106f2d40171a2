"""Whatever goes wrong: the input is untouched, nothing incomplete bears a final name, and one clear line says why."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest

from app.core.detection_filter import check_classes, detection_filter
from app.core.errors import AppError
from app.core.export.job import ExportJob
from app.core.export.progress import ProgressMeter
from app.core.export.request import DataFile, ExportCancelledError, ExportProgress, ExportReport, ExportRequest
from app.core.export.targets import check_targets, default_output, free_name
from app.core.files.atomic_file import AtomicFile
from app.core.muxing.video_file import VideoFile
from app.core.settings import DetectionSettings, ModelSettings
from detector.errors import DetectorError
from tests.support.export_checks import fails, files, request_for
from tests.support.media import make_audio, make_video
from tests.support.probe import probe
from tests.support.steady_detector import FakeDetector, open_fake
from tools.fixtures.coded_images import ImageBGR


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_video(tmp_path / "in.mp4", frames=40, audio=True)


def write_text(path: Path) -> Path:
    path.write_text("not a video, but quite long enough to be looked at twice\n" * 50)
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda d: d / "gone.mp4", "no such file"),
        (lambda d: write_text(d / "notes.mp4"), "cannot be opened as a video"),
        (lambda d: make_audio(d / "sound.m4a"), "holds no video"),
        (lambda d: d, "holds no images"),
    ],
)
def test_what_is_no_video_gets_one_line_and_leaves_nothing(
    tmp_path: Path, make: Callable[[Path], Path], said: str
) -> None:
    folder = tmp_path / "out"
    fails(ExportJob(request_for(make(tmp_path), folder), open_detector=open_fake), said)
    assert not folder.exists() or files(folder) == set()


@pytest.mark.parametrize("kind", ["same", "dotted", "symlink", "hardlink"])
def test_the_input_is_never_overwritten_under_any_of_its_names(source: Path, kind: str) -> None:
    before = source.read_bytes()
    target = source.parent / "sub" / ".." / "in.mp4" if kind == "dotted" else source
    (source.parent / "sub").mkdir()
    if kind == "symlink":
        target = source.parent / "link.mp4"
        target.symlink_to(source)
    elif kind == "hardlink":
        target = source.parent / "link.mp4"
        target.hardlink_to(source)
    fails(ExportJob(ExportRequest(source, target), open_detector=open_fake), "never overwritten")
    data = DataFile(target, "csv")
    fails(ExportJob(ExportRequest(source, None, (data,)), open_detector=open_fake), "never overwritten")
    assert source.read_bytes() == before


def test_an_input_that_vanishes_at_the_start_is_one_line(source: Path) -> None:
    source.with_name("gone.mp4").write_bytes(b"no video")
    with pytest.raises(AppError, match="cannot be opened any more"):
        VideoFile(source.with_name("gone.mp4"), source.with_name("out.mp4"), Fraction(0), None)
    assert not source.with_name("out.mp4.part").exists()


def test_the_input_is_never_written_to_as_the_part_of_an_output(source: Path) -> None:
    download = source.rename(source.with_name("film.mp4.part"))
    before = download.read_bytes()
    for request in (
        ExportRequest(download, source.with_name("film.mp4")),
        ExportRequest(download, None, (DataFile(source.with_name("film.mp4"), "csv"),)),
    ):
        fails(ExportJob(request, open_detector=open_fake), "is the file to be read")
        assert download.read_bytes() == before


def test_a_folder_that_is_replaced_never_holds_the_input_or_another_output(tmp_path: Path) -> None:
    kept = tmp_path / "set.voc"
    kept.mkdir()
    data = DataFile(kept, "voc")
    for request in (
        ExportRequest(kept / "sub" / "in.mp4", tmp_path / "out.mp4", (data,)),
        ExportRequest(tmp_path / "in.mp4", kept / "out.mp4", (data,)),
    ):
        with pytest.raises(AppError, match="replaced as a whole"):
            check_targets(request)


def test_requests_that_cannot_be_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    twice = (DataFile(tmp_path / "a.csv", "csv"), DataFile(tmp_path / "." / "a.csv", "csv"))
    (tmp_path / "folder.mp4").mkdir()
    for request, said in (
        (ExportRequest(source, None), "nothing to write"),
        (ExportRequest(source, tmp_path / "out.avi"), "MP4, MKV or WebM"),
        (ExportRequest(source, None, twice), "named twice"),
        (ExportRequest(source, tmp_path / "folder.mp4"), "is a folder"),
    ):
        with pytest.raises(AppError, match=said):
            check_targets(request)


def test_default_names_never_hit_a_file_that_is_there(tmp_path: Path) -> None:
    source = tmp_path / "clip.v1.mov"
    assert default_output(source) == tmp_path / "clip.v1.annotated.mp4"
    (tmp_path / "clip.v1.annotated.mp4").touch()
    (tmp_path / "clip.v1.annotated (2).mp4").symlink_to("nowhere")
    assert default_output(source) == tmp_path / "clip.v1.annotated (3).mp4"
    assert free_name(tmp_path / "new.csv") == tmp_path / "new.csv"


def test_an_old_result_is_replaced_by_success_and_kept_by_failure(source: Path) -> None:
    request = request_for(source, source.parent)
    assert request.output is not None
    request.output.write_bytes(b"old")

    def break_down(_: Sequence[ImageBGR]) -> None:
        raise DetectorError("The GPU fell off the bus.")

    fails(ExportJob(request, open_detector=lambda _: FakeDetector(break_down)), "fell off", DetectorError)
    assert request.output.read_bytes() == b"old"
    assert files(source.parent) == {"in.mp4", "out.mp4"}
    ExportJob(request, open_detector=open_fake).run()
    assert len(probe(request.output).pts_s) == 40


def test_a_model_that_does_not_open_leaves_nothing(source: Path) -> None:
    def refuse(_: ModelSettings) -> FakeDetector:
        raise DetectorError("There is no model 'x'.")

    fails(ExportJob(request_for(source, source.parent), open_detector=refuse), "no model", DetectorError)
    assert files(source.parent) == {"in.mp4"}


def test_a_bug_keeps_its_type_and_leaves_nothing(source: Path) -> None:
    def bug(_: Sequence[ImageBGR]) -> None:
        raise ZeroDivisionError("a bug")

    job = ExportJob(request_for(source, source.parent), open_detector=lambda _: FakeDetector(bug))
    fails(job, "a bug", ZeroDivisionError)
    assert files(source.parent) == {"in.mp4"}


def test_cancel_in_the_middle_leaves_nothing(source: Path) -> None:
    jobs: list[ExportJob] = []
    fake = FakeDetector(lambda _: jobs[0].cancel() if len(fake.batches) == 20 else None)
    jobs.append(ExportJob(request_for(source, source.parent), open_detector=lambda _: fake))
    fails(jobs[0], "cancelled", ExportCancelledError)
    assert fake.closed
    assert len(fake.batches) < 40
    assert files(source.parent) == {"in.mp4", "in.mp4.ssdv.part"}  # what was found, for the next run


def test_cancel_before_the_start_starts_nothing(source: Path) -> None:
    job = ExportJob(request_for(source, source.parent), open_detector=open_fake)
    job.cancel()
    fails(job, "cancelled", ExportCancelledError)
    assert files(source.parent) == {"in.mp4"}


def test_cancel_after_the_end_changes_nothing(source: Path) -> None:
    job = ExportJob(request_for(source, source.parent), open_detector=open_fake)
    report = job.run()
    job.cancel()
    assert report.frames == 40
    assert files(source.parent) == {"in.mp4", "out.mp4", "out.jsonl", "in.mp4.ssdv"}


def test_pause_and_resume(source: Path) -> None:
    heard: list[ExportProgress] = []
    paused = threading.Event()

    def hear(progress: ExportProgress) -> None:
        heard.append(progress)
        if progress.stage == "paused":
            paused.set()

    fake = FakeDetector(lambda _: job.pause() if len(fake.batches) == 10 else None)
    job = ExportJob(request_for(source, source.parent), hear, lambda _: fake)
    thread = threading.Thread(target=lambda: reports.append(job.run()))
    reports: list[ExportReport] = []
    thread.start()
    assert paused.wait(60)
    assert len(fake.batches) == 10
    job.resume()
    thread.join(60)
    assert reports[0].frames == 40


@pytest.mark.parametrize("frame", [0, 20, 39])
def test_what_fails_in_encoding_fails_the_export(source: Path, monkeypatch: pytest.MonkeyPatch, frame: int) -> None:
    """On a thread of its own, and with the last frame when nothing more is drawn."""
    append, appended = VideoFile.append, []

    def breaks(video: VideoFile, drawn: av.VideoFrame, pts_s: Fraction) -> None:
        if len(appended) == frame:
            raise AppError("The encoder broke down.")
        appended.append(pts_s)
        append(video, drawn, pts_s)

    monkeypatch.setattr(VideoFile, "append", breaks)
    fails(ExportJob(request_for(source, source.parent), open_detector=open_fake), "broke down")
    assert len(appended) == frame
    assert files(source.parent) <= {"in.mp4", "in.mp4.ssdv", "in.mp4.ssdv.part"}


def test_a_file_size_limit_of_the_system_is_met_the_same_way(source: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, before[1]))
    try:
        fails(ExportJob(request_for(source, source.parent), open_detector=open_fake), "too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(source.parent) <= {"in.mp4", "in.mp4.ssdv.part", "in.mp4.ssdv"}


def test_a_folder_that_vanishes_is_one_line(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    fake = FakeDetector(lambda _: shutil.rmtree(folder) if len(fake.batches) == 5 else None)
    fails(ExportJob(request_for(source, folder), open_detector=lambda _: fake), "does not exist")
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_or_written_is_one_line(source: Path, tmp_path: Path) -> None:
    fails(ExportJob(request_for(source, source / "sub"), open_detector=open_fake), "cannot be created")
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):
        folder = Path("/proc/self/fd/none-of-ours")  # root may write anywhere but here
        if not folder.parent.exists():
            pytest.skip("no folder here refuses this user")
    with pytest.raises(AppError, match="cannot be"):
        ExportJob(request_for(source, folder), open_detector=open_fake).run()


@pytest.mark.parametrize("swap", [True, False])
def test_an_unfinished_video_that_is_swapped_or_removed_is_noticed(source: Path, tmp_path: Path, swap: bool) -> None:
    """Like ``rm *.part`` while it runs; what the network found is kept, if its own part was left alone."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    part = source.parent / "out.mp4.part"

    def meddle(_: Sequence[ImageBGR]) -> None:
        if len(fake.batches) == 30:
            opened.wait(60)
            part.unlink()
            if swap:
                part.symlink_to(precious)

    opened = threading.Event()
    fake = FakeDetector(meddle)

    def hear(progress: ExportProgress) -> None:
        if progress.frames_done:
            opened.set()

    job = ExportJob(request_for(source, source.parent), hear, lambda _: fake)
    fails(job, r"out\.mp4 is lost: its unfinished file was removed or replaced")
    assert precious.read_bytes() == b"precious"
    assert not (source.parent / "out.mp4").exists()
    assert not (source.parent / "out.jsonl").exists()
    assert (source.parent / "in.mp4.ssdv").exists()


def test_two_exports_never_write_one_file(source: Path) -> None:
    with AtomicFile(source.parent / "out.mp4"):
        fails(
            ExportJob(request_for(source, source.parent), open_detector=open_fake), "being written by another program"
        )


def test_progress_tells_rate_and_time_left() -> None:
    now = [0.0]
    heard: list[ExportProgress] = []
    meter = ProgressMeter(heard.append, clock=lambda: now[0])
    meter.opening(100)
    for frame in range(1, 51):
        now[0] = 10.0 + frame * 0.2
        meter.step()
    meter.finishing()
    assert heard[0] == ExportProgress("opening", 0, 100)
    assert heard[-2].frames_per_s == pytest.approx(5.0)
    assert heard[-2].eta_s == pytest.approx(10.0)
    assert heard[-1].stage == "finishing"


def test_progress_is_told_a_few_times_a_second_only() -> None:
    now = [0.0]
    heard: list[ExportProgress] = []
    meter = ProgressMeter(heard.append, clock=lambda: now[0])
    for frame in range(1000):
        now[0] = frame / 1000
        meter.step()
    assert 9 <= len(heard) <= 12
    assert all(progress.eta_s is None for progress in heard)  # the total is unknown


def test_settings_become_a_filter_as_in_the_window() -> None:
    labels = ("car", "person", "dog")
    wanted = detection_filter(DetectionSettings(0.3, 0.6, ("dog", "car", "unicorn"), 7), labels)
    assert (wanted.score_threshold, wanted.iou_threshold, wanted.max_detections) == (0.3, 0.6, 7)
    assert wanted.class_ids == frozenset({0, 2})
    assert detection_filter(DetectionSettings(classes=("unicorn",)), labels).class_ids is None
    check_classes(("dog",), labels, "demo")
    with pytest.raises(
        AppError, match=r"demo knows no class 'perso'\. Did you mean person\? It knows: car, person, dog"
    ):
        check_classes(("dog", "perso"), labels, "demo")
