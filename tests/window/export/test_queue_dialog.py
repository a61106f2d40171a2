"""The dialog of several exports: what was found, the list and its actions, progress and end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QModelIndex, QPersistentModelIndex, QRect, Qt
from pytestqt.qtbot import QtBot

from app.core.errors import AppError
from app.core.export.request import AUTO, ExportProgress
from app.core.export_queue.state import QueueItem, QueueSnapshot
from app.core.export_queue.video_search import FoundVideo, SearchResult
from app.core.settings import Settings
from app.core.thresholds import ModelThreshold
from app.ui.export.export_models import ExportModels
from app.ui.export.queue_dialog import QueueDialog
from app.ui.export.queue_model import ITEM, QueueModel
from app.ui.export.queue_text import detail_text, search_text, spoken, state_text, summary_text
from app.ui.services.background import Background
from app.ui.services.queue_runner import QueueRunner, VideoSearch
from app.ui.widgets.theme import Theme
from tests.support.contrast import LEAST, strongest
from tests.support.qt_checks import cut_texts, outside, overlaps, settle, show_active
from tests.support.qt_fakes import application
from tests.support.queue_jobs import StepJobs, report_for, request_for, touch


class Booth:
    """A dialog over jobs that the test steers."""

    def __init__(self, qtbot: QtBot, folder: Path, theme: str = "dark") -> None:
        self.qtbot, self.folder = qtbot, folder
        self.jobs = StepJobs()
        self.background = Background()
        self.runner = QueueRunner(self.background, self.jobs)
        self.dialog = QueueDialog(
            Settings(),
            ExportModels(
                (("demo", "demo"), ("faces", "faces")),
                lambda name: ModelThreshold(0.4 if name == "faces" else 0.5, None),
                lambda name: ("face", "vehicle") if name == "faces" else (),
                {"faces": ("face",)},
                lambda name: ModelThreshold(0.3 if name == "faces" else 0.45, None),
            ),
            Theme(application(), theme),
            self.background,
            self.runner,
            str(folder),
        )

    def export(self, *names: str) -> None:
        """Find these files, and press the button."""
        touch(*(self.folder / name for name in names))
        self.dialog.add([self.folder / name for name in names])
        form, view = self.dialog.form, self.dialog.view
        before = len(view.model.items)
        self.qtbot.waitUntil(form.start.isEnabled)
        form.start.click()
        self.qtbot.waitUntil(lambda: len(view.model.items) == before + len(names))

    def states(self) -> list[str]:
        return [item.state for item in self.dialog.view.model.items]

    def wait(self, *states: str) -> None:
        self.qtbot.waitUntil(lambda: self.states() == list(states))

    def choose(self, row: int) -> None:
        view = self.dialog.view
        view.list.setCurrentIndex(view.model.index(row))


@pytest.fixture
def booth(qtbot: QtBot, tmp_path: Path) -> Iterator[Booth]:
    made = Booth(qtbot, tmp_path)
    show_active(qtbot, made.dialog)
    yield made
    assert made.runner.close(20.0)
    made.dialog.hide()
    assert made.background.close(20.0)
    made.dialog.deleteLater()


def test_folder_is_searched_and_wishes_reach_the_jobs(booth: Booth, qtbot: QtBot, tmp_path: Path) -> None:
    touch(*(tmp_path / "in" / name for name in ("b.mp4", "sub/a.mov", "notes.txt")))
    form = booth.dialog.form
    assert not form.start.isEnabled()
    booth.dialog.add([tmp_path / "in"])
    qtbot.waitUntil(form.start.isEnabled)
    assert form.facts.text() == "2 videos in 2 folders"
    assert form.start.text() == "Export 2 videos"
    form.output.line.setText(str(tmp_path / "out"))
    form.options.data["csv"].setChecked(True)
    form.detector.model.combo.setCurrentIndex(form.detector.model.combo.findData("faces"))
    form.detector.model.combo.activated.emit(form.detector.model.combo.currentIndex())
    form.options.key_frames.combo.setCurrentIndex(1)
    form.masked.setChecked(True)
    assert form.batch_options().masked
    form.start.click()
    job = booth.jobs.get("b.mp4")
    assert job.request.output == tmp_path / "out" / "b.annotated.mp4"
    assert [data.path.name for data in job.request.data] == ["b.annotated.csv"]
    assert (job.request.model.name, job.request.detection.threshold) == ("faces", 0.4)
    assert job.request.detection.classes == ("face",)
    assert job.request.detection.iou == 0.3
    assert job.request.detect_every == AUTO
    assert booth.dialog.pages.currentWidget() is booth.dialog.view
    job.finish()
    assert booth.jobs.get("a.mov").request.output == tmp_path / "out" / "sub" / "a.annotated.mp4"


def test_nothing_to_find_and_nothing_to_write(booth: Booth, qtbot: QtBot, tmp_path: Path) -> None:
    form = booth.dialog.form
    booth.dialog.add([tmp_path])
    qtbot.waitUntil(lambda: "No video" in form.facts.text())
    assert not form.start.isEnabled()
    touch(tmp_path / "a.mp4")
    booth.dialog.add([tmp_path / "a.mp4"])
    qtbot.waitUntil(form.start.isEnabled)
    form.options.want_video.setChecked(False)
    assert not form.start.isEnabled()
    form.options.data["jsonl"].setChecked(True)
    assert form.start.isEnabled()


def test_what_cannot_even_be_added_is_said(
    booth: Booth, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AppError("The folder cannot be looked into.", "Choose another.")

    monkeypatch.setattr("app.ui.services.queue_runner.batch_requests", refuse)
    touch(tmp_path / "a.mp4")
    booth.dialog.add([tmp_path / "a.mp4"])
    qtbot.waitUntil(booth.dialog.form.start.isEnabled)
    booth.dialog.form.start.click()
    qtbot.waitUntil(lambda: "cannot be looked into" in booth.dialog.form.facts.text())
    assert booth.dialog.pages.currentWidget() is booth.dialog.form
    qtbot.waitUntil(lambda: not booth.runner.running)


def test_search_of_a_huge_folder_leaves_the_window_alive_and_ends_with_it(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(paths: object, on_count: Callable[[int], None], stopped: Callable[[], bool]) -> SearchResult:
        on_count(1200)
        begun.set()
        while not stopped():
            threading.Event().wait(0.001)
        ended.set()
        return SearchResult((FoundVideo(Path("late.mp4")),), (), complete=False)

    monkeypatch.setattr("app.ui.services.queue_runner.find_videos", endless)
    background = Background()
    search = VideoSearch(background)
    counts: list[int] = []
    came: list[SearchResult] = []
    search.counted.connect(counts.append)
    search.found.connect(came.append)
    search.start([Path("/")])
    qtbot.waitUntil(lambda: counts == [1200])
    search.stop()
    assert ended.wait(60)
    assert background.close(20.0)
    settle()
    assert came == []


def test_list_shows_progress_failure_and_end(booth: Booth) -> None:
    booth.export("a.mp4", "b.mp4")
    summary = booth.dialog.view.summary
    booth.wait("running", "waiting")
    booth.jobs.get("a.mp4").step(25)
    booth.qtbot.waitUntil(lambda: booth.dialog.view.model.items[0].part_done == 0.25)
    assert detail_text(booth.dialog.view.model.items[0]) == "25 of 100 frames  ·  10.0 fps  ·  10 s left"
    assert summary.text() == "0 of 2 done  ·  20 s left"
    booth.jobs.get("a.mp4").fail(AppError("The disk is full.", "Free some space."))
    booth.wait("failed", "running")
    assert detail_text(booth.dialog.view.model.items[0]) == "The disk is full. Free some space."
    booth.jobs.get("b.mp4").finish()
    booth.wait("failed", "done")
    assert summary.text() == "Finished: 1 of 2 done, 1 failed. 7 detections in 100 frames."
    booth.dialog.view.clear.click()
    booth.qtbot.waitUntil(lambda: booth.states() == [])


def test_actions_by_button_and_by_key(booth: Booth, qtbot: QtBot) -> None:
    booth.export("a.mp4", "b.mp4", "c.mp4")
    view = booth.dialog.view
    job = booth.jobs.get("a.mp4")
    assert job.started.wait(60)
    booth.wait("running", "waiting", "waiting")
    booth.choose(0)
    view.buttons["pause"].click()
    booth.wait("paused", "waiting", "waiting")
    assert view.buttons["pause"].text() == "Resume"
    assert job.held
    view.list.setFocus()
    qtbot.keyClick(view.list, Qt.Key.Key_Space)
    booth.wait("running", "waiting", "waiting")
    assert not job.held
    booth.choose(2)
    qtbot.keyClick(view.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: [i.request.source.name for i in view.model.items] == ["a.mp4", "c.mp4", "b.mp4"])
    assert view.current is not None
    assert view.current.request.source.name == "c.mp4", "the row that moved stays chosen"
    qtbot.keyClick(view.list, Qt.Key.Key_Delete)
    booth.wait("running", "cancelled", "waiting")
    assert view.buttons["retry"].isEnabled()
    assert not view.buttons["cancel"].isEnabled()
    qtbot.keyClick(view.list, Qt.Key.Key_R)
    booth.wait("running", "waiting", "waiting")
    view.pause_all.click()
    booth.wait("paused", "paused", "paused")
    assert view.pause_all.text() == "Resume all"
    view.pause_all.click()
    booth.wait("running", "waiting", "waiting")
    view.cancel_all.click()
    booth.wait("cancelled", "cancelled", "cancelled")
    assert view.summary.text() == "Finished: 0 of 3 done, 3 cancelled."


def test_jobs_at_once(booth: Booth) -> None:
    booth.export("a.mp4", "b.mp4", "c.mp4")
    booth.dialog.view.jobs.setValue(2)
    booth.wait("running", "running", "waiting")


def test_rows_are_dragged_between_others(booth: Booth) -> None:
    booth.export("a.mp4", "b.mp4", "c.mp4")
    model = booth.dialog.view.model
    carried = model.mimeData([model.index(0)])
    assert not model.dropMimeData(carried, Qt.DropAction.MoveAction, 3, 0, QModelIndex())
    booth.qtbot.waitUntil(lambda: [i.request.source.name for i in model.items] == ["b.mp4", "c.mp4", "a.mp4"])
    carried = model.mimeData([model.index(2)])
    model.dropMimeData(carried, Qt.DropAction.MoveAction, 1, 0, QModelIndex())
    booth.qtbot.waitUntil(lambda: [i.request.source.name for i in model.items] == ["b.mp4", "a.mp4", "c.mp4"])
    assert not model.dropMimeData(QMimeData(), Qt.DropAction.MoveAction, 0, 0, QModelIndex())


def test_closing_the_dialog_leaves_the_queue_alone(booth: Booth, qtbot: QtBot) -> None:
    booth.export("a.mp4")
    booth.wait("running")
    booth.dialog.close()
    assert not booth.dialog.isVisible()
    assert not booth.jobs.get("a.mp4").cancelled
    assert booth.runner.running
    booth.jobs.get("a.mp4").finish()
    booth.wait("done")
    qtbot.waitUntil(lambda: not booth.runner.running)  # the list of what is left is written first


def test_thousands_of_rows_are_told_of_singly(qtbot: QtBot) -> None:
    model = QueueModel()
    items = [QueueItem(number, request_for(Path(f"/{number}.mp4"))) for number in range(5000)]
    model.show(QueueSnapshot(tuple(items), None))
    changed: list[int] = []
    model.dataChanged.connect(lambda first, _last: changed.append(first.row()))
    items[4321] = QueueItem(4321, items[4321].request, state="running", begun=True)
    model.show(QueueSnapshot(tuple(items), None))
    assert changed == [4321]
    assert model.index(4321).data(ITEM).state == "running"
    assert "Loading" in model.index(4321).data(Qt.ItemDataRole.AccessibleTextRole)
    chosen = QPersistentModelIndex(model.index(4321))
    model.show(QueueSnapshot(tuple(items[4000:]), None))
    assert chosen.row() == 321


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [(760, 500), (600, 400)])
def test_nothing_is_cut_or_covered(qtbot: QtBot, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    made = Booth(qtbot, tmp_path, theme)
    made.dialog.show()
    made.dialog.resize(*size)
    settle()
    faults = overlaps(made.dialog) + cut_texts(made.dialog) + outside(made.dialog)
    made.export("a rather long name of a film from the helmet camera, the second try.mp4", "b.mp4")
    qtbot.waitUntil(lambda: bool(made.jobs.made))
    made.jobs.made[0].step(30)
    settle()
    faults += overlaps(made.dialog) + cut_texts(made.dialog) + outside(made.dialog)
    assert made.runner.close(20.0)
    made.dialog.hide()
    assert made.background.close(20.0)
    made.dialog.deleteLater()
    assert faults == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_state_of_a_row_can_be_read(qtbot: QtBot, tmp_path: Path, theme: str) -> None:
    made = Booth(qtbot, tmp_path, theme)
    made.dialog.show()
    made.export("a.mp4")
    made.wait("running")
    view = made.dialog.view.list
    row = view.visualRect(view.model().index(0, 0))
    corner = QRect(row.right() - 80, row.top() + 8, 70, 20)
    image = view.viewport().grab().toImage()
    assert strongest(image, corner) >= LEAST
    assert made.runner.close(20.0)
    made.dialog.hide()
    assert made.background.close(20.0)


def test_text() -> None:
    request = request_for(Path("/films/a.mp4"))

    def item(state: str = "running", stage: str = "running", **more: object) -> QueueItem:
        progress = ExportProgress(stage, 10, 0, 5.0, None, "The disk is full.")  # type: ignore[arg-type] # a stage
        return QueueItem(1, request, 0, state, state == "running", progress, **more)  # type: ignore[arg-type] # a state

    assert state_text(item(stage="opening")) == "Loading"
    assert state_text(item(stage="finishing")) == "Finishing"
    assert (state_text(item(stage="paused")), detail_text(item(stage="paused"))) == ("Held up", "The disk is full.")
    assert detail_text(item()) == "10 frames  ·  5.0 fps"
    done = QueueItem(1, request, 0, "done", report=report_for(request))
    assert detail_text(done) == "a.annotated.mp4  ·  7 detections in 100 frames  ·  took 0:02"
    assert summary_text(QueueSnapshot((), None)) == ""
    assert summary_text(QueueSnapshot((done, done), 0.0)) == "All 2 done. 14 detections in 200 frames."
    assert summary_text(QueueSnapshot((done, item("paused")), None)) == "1 of 2 done  ·  paused"
    troubles = ("The folder x cannot be looked into: no.", "y")
    assert search_text(SearchResult((), troubles)).endswith("no. And 1 more.")
    assert state_text(done) == "Done"
    damaged = "Of 150 frames 100 could be decoded."
    noted = replace(done, report=replace(report_for(request), notes=(damaged,)))
    assert state_text(noted) == "Done, with a note"
    assert detail_text(noted).startswith(damaged)
    assert damaged in spoken(noted)
    assert summary_text(QueueSnapshot((done, noted), 0.0)).startswith("All 2 done, 1 with notes.")
