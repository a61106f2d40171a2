"""Exports that were cut short are known at the next start: to go on with as they were asked for, or to give up."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from app.core.errors import AppError
from app.core.export.job import ExportJob
from app.core.export.outputs import Outputs
from app.core.export.request import DataFile, ExportCancelledError, ExportRequest
from app.core.export.request_json import request_from_json, request_to_json
from app.core.export_queue.interrupted import (
    MarkedJob,
    discard,
    goes_on_with,
    interrupted_export_of,
    interrupted_exports,
    marks_dir,
    resume_request,
)
from app.core.highlights.options import HighlightOptions
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings, ModelSettings, OverlaySettings
from app.ui.export.unfinished_exports import UnfinishedExports, UnfinishedWork, summary
from app.ui.services.background import Background
from app.ui.services.queue_runner import QueueRunner
from app.ui.widgets.banner import Banner
from app.ui.widgets.theme import Theme
from detector.file_lock import open_locked
from tests.support.media import make_video
from tests.support.qt_fakes import FakeJob, application
from tests.support.steady_detector import FakeDetector

EVERYTHING = ExportRequest(
    Path("/videos/in é.mp4"),
    Path("/out/in.mkv"),
    (DataFile(Path("/out/in.csv"), "csv"),),
    ModelSettings("voc", "cpu", "bf16"),
    DetectionSettings(0.3, 0.6, ("dog", "person"), 17),
    OverlaySettings(line_width=3.5, palette="single"),
    VideoOptions("best", deinterlace=True, images_per_s=Fraction(30000, 1001)),
    "drop",
    HighlightOptions(tracks=True, frames_every_s=Fraction(1, 2), clips=Path("/out/clips"), clip_classes=("dog",)),
)


def cut_short(request: ExportRequest, after: int = 20) -> None:
    """The window's job, stopped when its network has run ``after`` times."""
    fake = FakeDetector(lambda _: job.cancel() if len(fake.batches) == after else None)
    job = ExportJob(request, open_detector=lambda _: fake)
    with pytest.raises(ExportCancelledError):
        MarkedJob(request, job).run()


@pytest.fixture
def request_(tmp_path: Path) -> ExportRequest:
    source = make_video(tmp_path / "in.mp4", frames=40)
    return ExportRequest(source, tmp_path / "out.mp4", detection=DetectionSettings(threshold=0.37))


def test_all_that_was_asked_for_survives() -> None:
    for request in (EVERYTHING, ExportRequest(Path("/a.mp4"), None)):
        stored = request_to_json(request)
        assert request_from_json(stored) == request
        assert "evidence" in json.loads(stored)  # files of earlier versions are read, and theirs read ours


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_a_damaged_description_is_refused_in_one_line(value: object) -> None:
    whole = json.loads(request_to_json(EVERYTHING))
    stored_as = {"highlights": "evidence"}
    for name in ("source", "data", "model", "video", "cache", "highlights"):
        with_damage = json.dumps({**whole, stored_as.get(name, name): value}).encode()
        try:
            request = request_from_json(with_damage)
        except AppError:
            continue
        assert dataclasses.replace(request, **{name: getattr(EVERYTHING, name)}) == EVERYTHING
    for nonsense in (b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b" " * 2_000_000):
        with pytest.raises(AppError):
            request_from_json(nonsense)


def test_what_was_cut_short_is_found_and_done_is_forgotten(request_: ExportRequest) -> None:
    assert interrupted_exports() == ()
    cut_short(request_)
    (begun,) = interrupted_exports()
    assert begun.request == request_
    assert begun.part_done is not None
    assert 0.4 < begun.part_done < 0.7
    assert summary(UnfinishedWork((begun,))).startswith("The export of in.mp4 was interrupted at ")
    MarkedJob(resume_request(begun), ExportJob(begun.request, open_detector=lambda _: FakeDetector())).run()
    assert interrupted_exports() == ()


def test_what_was_cut_short_when_every_frame_was_looked_at_is_found_too(
    request_: ExportRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(_: Outputs) -> None:
        job.cancel()
        raise ExportCancelledError("The export was cancelled.")

    with monkeypatch.context() as patch:
        patch.setattr(Outputs, "finish", cancelled)
        job = ExportJob(request_, open_detector=lambda _: FakeDetector())
        with pytest.raises(ExportCancelledError):
            MarkedJob(request_, job).run()
    (begun,) = interrupted_exports()
    assert (begun.request, begun.store, begun.part_done) == (request_, tmp_path / "in.mp4.ssdv", None)
    assert summary(UnfinishedWork((begun,))) == "The export of in.mp4 was interrupted."
    discard(begun)
    assert interrupted_exports() == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "in.mp4.ssdv"]  # worth keeping


def test_a_mark_that_is_removed_is_closed_and_empty_and_failing_to_remove_it_costs_nothing(
    request_: ExportRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def refuse(path: Path, missing_ok: bool = False) -> None:
        os.close(open_locked(path))  # raises where its job still has it
        sizes.append(path.stat().st_size)
        raise PermissionError("in use")

    with monkeypatch.context() as patch:
        remembered = MarkedJob(request_, Done())  # type: ignore[arg-type] # as much of a job as is needed
        patch.setattr(Path, "unlink", refuse)
        remembered.run()
    assert sizes == [0]
    assert interrupted_exports() == ()


class Done:
    """A job that is done at once."""

    def run(self) -> None: ...

    pause = resume = cancel = run


def test_begun_twice_is_offered_once(request_: ExportRequest) -> None:
    cut_short(request_, 10)
    cut_short(request_, 10)
    assert len(interrupted_exports()) == 1


def test_what_was_asked_for_once_more_and_done_is_not_offered(request_: ExportRequest) -> None:
    cut_short(request_)
    ExportJob(request_, open_detector=lambda _: FakeDetector()).run()
    assert interrupted_exports() == ()
    assert not list(marks_dir().iterdir())


def test_a_file_that_came_since_is_not_replaced_and_one_that_was_there_is(
    request_: ExportRequest, tmp_path: Path
) -> None:
    (tmp_path / "out.mp4").write_text("to be replaced: that was agreed to")
    os.utime(tmp_path / "out.mp4", (1, 1))
    cut_short(request_)
    (begun,) = interrupted_exports()
    assert begun.again == begun.request == request_
    os.utime(begun.mark, (2, 2))
    other = dataclasses.replace(request_, detection=DetectionSettings(0.9))
    ExportJob(other, open_detector=lambda _: FakeDetector()).run()
    (begun,) = interrupted_exports()
    assert begun.request == request_
    assert resume_request(begun) == dataclasses.replace(request_, output=tmp_path / "out (2).mp4")


def test_what_runs_in_another_window_is_not_offered(request_: ExportRequest) -> None:
    cut_short(request_)
    heard = []

    class Looking:
        def run(self) -> object:
            heard.append(len(interrupted_exports()))
            raise ExportCancelledError("Stopped.")

        def cancel(self) -> None: ...

        pause = resume = cancel

    (begun,) = interrupted_exports()
    with pytest.raises(ExportCancelledError):
        MarkedJob(resume_request(begun), Looking()).run()  # type: ignore[arg-type] # as much of a job as is needed
    assert heard == [0]
    assert len(interrupted_exports()) == 1


def test_a_source_that_is_gone_or_changed_is_not_offered(request_: ExportRequest) -> None:
    cut_short(request_)
    make_video(request_.source, frames=20)
    assert interrupted_exports() == ()


def test_discarded_is_gone(request_: ExportRequest, tmp_path: Path) -> None:
    cut_short(request_)
    (tmp_path / "out.mp4.part").write_bytes(b"what a crash left")
    (begun,) = interrupted_exports()
    discard(begun)
    assert interrupted_exports() == ()
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


class Booth:
    """A banner over a queue whose jobs the test steers."""

    def __init__(self) -> None:
        self.jobs: list[FakeJob] = []
        self.shown = 0
        self.background = Background()
        self.runner = QueueRunner(self.background, self._make)
        self.banner = Banner(Theme(application(), "dark"))
        self.unfinished = UnfinishedExports(self.banner, self.background, self.runner, self.banner)
        self.unfinished.resumed.connect(self._show)

    def _make(self, request, progress):  # type: ignore[no-untyped-def] # as MakeJob
        self.jobs.append(FakeJob(request, progress))
        return self.jobs[-1]

    def _show(self) -> None:
        self.shown += 1


@pytest.fixture
def booth(qtbot: QtBot) -> Iterator[Booth]:
    made = Booth()
    yield made
    assert made.runner.close(20.0)
    assert made.background.close(20.0)
    made.banner.deleteLater()


def test_the_window_goes_on_with_all_settings(booth: Booth, request_: ExportRequest, qtbot: QtBot) -> None:
    cut_short(request_)
    booth.unfinished.look()
    qtbot.waitUntil(lambda: booth.banner.words[0].startswith("The export of in.mp4 was interrupted at "))
    booth.banner._button.click()  # as the user does
    qtbot.waitUntil(lambda: bool(booth.jobs) and booth.jobs[0].started.is_set())
    assert booth.jobs[0].request == request_
    assert booth.shown == 1
    qtbot.waitUntil(lambda: interrupted_exports() == ())


def test_the_window_gives_it_up(booth: Booth, request_: ExportRequest, qtbot: QtBot, tmp_path: Path) -> None:
    cut_short(request_)
    booth.unfinished.look()
    qtbot.waitUntil(lambda: booth.banner.words[0] != "")
    booth.banner._other.click()  # as the user does
    qtbot.waitUntil(lambda: [path.name for path in tmp_path.iterdir()] == ["in.mp4"])
    assert booth.jobs == []


def test_an_export_of_that_video_is_found_and_only_the_same_work_goes_on(request_: ExportRequest) -> None:
    cut_short(request_)
    found = interrupted_export_of(request_.source)
    assert found is not None
    assert (found.again, found.part_done) == (request_, 0.5)
    assert interrupted_export_of(request_.source.with_name("other.mp4")) is None
    replace = dataclasses.replace
    assert goes_on_with(replace(request_, video=VideoOptions("best"), cache="drop"), request_)
    for other in (
        replace(request_, model=ModelSettings("voc")),
        replace(request_, detection=DetectionSettings(threshold=0.2)),
        replace(request_, video=VideoOptions(deinterlace=True)),
        replace(request_, highlights=HighlightOptions(tracks=True)),
        replace(request_, output=request_.source.parent / "elsewhere" / "out.mp4"),
    ):
        assert not goes_on_with(other, request_)
