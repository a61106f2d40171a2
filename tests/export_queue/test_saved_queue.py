"""What a window's queue has not done is known at the next start: after closing it, a crash, and whatever lies there."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.events.scene import IgnoreMask, Scene
from app.core.events.scene_store import SceneStore
from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportCancelledError, ExportRequest
from app.core.export.request_json import MAX_REQUESTS, request_to_json, requests_from_json, requests_to_json
from app.core.export_queue.batch import BatchOptions, batch_requests
from app.core.export_queue.interrupted import MarkedJob, interrupted_exports, marks_dir
from app.core.export_queue.saved_queue import AbandonedQueue, SavedQueue, abandoned_queue, forget_lists
from app.core.export_queue.video_search import FoundVideo
from app.core.highlights.options import HighlightOptions
from app.core.muxing.video_options import VideoOptions
from app.ui.export.unfinished_exports import UnfinishedExports, UnfinishedWork, summary
from app.ui.services.background import Background
from app.ui.services.queue_runner import QueueRunner
from app.ui.widgets.banner import Banner
from app.ui.widgets.theme import Theme
from tests.support.media import make_video
from tests.support.qt_fakes import application
from tests.support.queue_jobs import StepJobs
from tests.support.steady_detector import FakeDetector


@pytest.fixture
def requests_(tmp_path: Path) -> list[ExportRequest]:
    films = tmp_path / "films"
    films.mkdir()
    return [
        ExportRequest(make_video(films / f"{name}.mp4", frames=20, size=(64, 48)), tmp_path / f"{name}.annotated.mp4")
        for name in ("ä", "b", "c")
    ]


def left_by(*lists: list[ExportRequest]) -> None:
    """Windows that are gone."""
    for requests in lists:
        waiting = SavedQueue()
        waiting.keep(requests)
        waiting.close()


@pytest.mark.parametrize(
    "address", ["rtsp://cam:hunter2@host/live", "http://host/a.mp4?token=hunter2", "HTTPS://u:hun/hunter2@host:8443/x"]
)
def test_no_password_of_an_address_is_written_down(address: str, tmp_path: Path) -> None:
    request = ExportRequest(Path(address), tmp_path / "a.mp4", (DataFile(Path(address + ".csv"), "csv"),))
    for content in (requests_to_json([request]), request_to_json(request)):
        assert b"hunter2" not in content
        assert b"host" in content


def test_the_list_of_a_window_is_left_to_the_next_when_it_is_gone(requests_: list[ExportRequest]) -> None:
    waiting = SavedQueue()
    waiting.keep(requests_)
    waiting.keep(requests_[1:])
    assert abandoned_queue() == AbandonedQueue()  # its window is open
    waiting.close()
    waiting.keep([])  # what comes late changes nothing
    left = abandoned_queue()
    assert left.requests == tuple(requests_[1:])
    assert abandoned_queue() == left  # looking takes nothing away
    forget_lists(left.files)
    assert abandoned_queue() == AbandonedQueue()
    assert list(marks_dir().iterdir()) == []


def test_a_list_that_is_done_leaves_nothing(requests_: list[ExportRequest]) -> None:
    waiting = SavedQueue()
    waiting.keep(requests_)
    waiting.keep([])
    assert list(marks_dir().iterdir()) == []
    waiting.close()


def test_a_crash_leaves_the_list(requests_: list[ExportRequest], tmp_path: Path, repository: Path) -> None:
    wanted = tmp_path / "wanted.json"
    wanted.write_bytes(requests_to_json(requests_))
    script = (
        "import os, signal, sys; from pathlib import Path;"
        "from app.core.export.request_json import requests_from_json;"
        "from app.core.export_queue.saved_queue import SavedQueue;"
        "kept = SavedQueue(); kept.keep(requests_from_json(Path(sys.argv[1]).read_bytes()));"
        "os.kill(os.getpid(), signal.SIGKILL if os.name != 'nt' else signal.SIGTERM)"
    )
    ended = subprocess.run([sys.executable, "-c", script, wanted], cwd=repository, check=False)
    assert os.name == "nt" or ended.returncode == -signal.SIGKILL
    assert abandoned_queue().requests == tuple(requests_)


def test_the_same_of_two_windows_is_offered_once(requests_: list[ExportRequest]) -> None:
    left_by(requests_[:2], requests_[1:], requests_[1:2])
    assert abandoned_queue().requests == tuple(requests_)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"exports": 3}', b'{"exports": [{"source": 5}]}', b"\xff\0", b"[" * 100_000]
)
def test_a_damaged_list_is_counted_and_put_away(requests_: list[ExportRequest], content: bytes) -> None:
    left_by(requests_[:1], requests_[1:])
    (first,) = (file for file in abandoned_queue().files if b"/b.mp4" not in file.read_bytes())
    first.write_bytes(content)
    left = abandoned_queue()
    assert (left.requests, left.damaged) == (tuple(requests_[1:]), 1)
    assert abandoned_queue().damaged == 0


@pytest.mark.parametrize("path", ["/", "", "in.mp4", "/a\0.mp4", "/\ud800.mp4", "/" + "a" * 20_000])
def test_a_place_where_no_file_can_be_is_damage(path: str) -> None:
    whole = json.loads(requests_to_json([ExportRequest(Path("/a.mp4"), Path("/b.mp4"))]))
    for name in ("source", "output"):
        (file,) = _list_of({"exports": [whole["exports"][0] | {name: path}]})
        assert abandoned_queue() == AbandonedQueue(damaged=1)
        assert not file.exists()


@pytest.mark.parametrize("number", ["1e999999999", "1/0", "0.5", " 1", "٣"])
def test_a_number_that_would_take_for_ever_is_damage(number: str) -> None:
    (whole,) = json.loads(requests_to_json([ExportRequest(Path("/a.mp4"), Path("/b.mp4"))]))["exports"]
    _list_of({"exports": [whole | {"video": whole["video"] | {"images_per_s": number}}]})
    assert abandoned_queue() == AbandonedQueue(damaged=1)


def _list_of(content: object) -> tuple[Path, ...]:
    left_by([ExportRequest(Path("/a.mp4"), Path("/b.mp4"))])
    (file,) = abandoned_queue().files
    file.write_text(json.dumps(content))
    return (file,)


def test_a_list_is_bounded() -> None:
    request = ExportRequest(Path("/a.mp4").absolute(), Path("/b.mp4").absolute())
    assert len(requests_from_json(requests_to_json([request] * (MAX_REQUESTS + 5)))) == MAX_REQUESTS


def test_what_is_done_is_not_offered_and_no_file_that_came_meanwhile_is_replaced(
    requests_: list[ExportRequest], tmp_path: Path
) -> None:
    asked = dataclasses.replace(requests_[1], data=(DataFile(tmp_path / "b.annotated.csv", "csv"),))
    left_by([requests_[0], asked])
    ExportJob(requests_[0], open_detector=lambda _: FakeDetector()).run()
    (tmp_path / "b.annotated.csv").write_text("mine")
    (left,) = abandoned_queue().requests
    assert left.output == tmp_path / "b.annotated (2).mp4"
    assert left.data == (DataFile(tmp_path / "b.annotated (2).csv", "csv"),)


class Booth:
    """A banner over a queue whose jobs the test steers."""

    def __init__(self) -> None:
        self.jobs = StepJobs()
        self.background = Background()
        self.runner = QueueRunner(self.background, self.jobs)
        self.banner = Banner(Theme(application(), "dark"))
        self.unfinished = UnfinishedExports(self.banner, self.background, self.runner, self.banner)

    def close(self) -> None:
        assert self.runner.close(20.0)
        assert self.background.close(20.0)


@pytest.fixture
def booth(qtbot: QtBot) -> Iterator[Booth]:
    made = Booth()
    yield made
    made.close()
    made.banner.deleteLater()


def test_the_window_remembers_what_it_has_not_done(
    booth: Booth, requests_: list[ExportRequest], qtbot: QtBot, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    booth.runner.add([FoundVideo(request.source) for request in requests_], BatchOptions(folder=out, data=("csv",)))
    qtbot.waitUntil(lambda: len(booth.jobs.made) == 1)
    booth.jobs.made[0].finish()
    qtbot.waitUntil(lambda: len(booth.jobs.made) == 2)
    third = booth.runner.queue.snapshot().items[2].number
    booth.runner.queue.move(third, 0)
    qtbot.waitUntil(lambda: not booth.background.busy)
    booth.close()
    left = abandoned_queue().requests
    assert [request.source.stem for request in left] == ["c", "b"]
    assert left[0].output == out / "c.annotated.mp4"
    assert left[0].data == (DataFile(out / "c.annotated.csv", "csv"),)


def test_it_offers_them_after_what_was_begun_and_goes_on_in_that_order(
    booth: Booth, requests_: list[ExportRequest], qtbot: QtBot
) -> None:
    fake = FakeDetector(lambda _: job.cancel() if len(fake.batches) == 10 else None)
    job = ExportJob(requests_[0], open_detector=lambda _: fake)
    with pytest.raises(ExportCancelledError):
        MarkedJob(requests_[0], job).run()
    left_by(requests_)  # with the one that had begun
    booth.unfinished.look()
    qtbot.waitUntil(lambda: booth.banner.words[0].endswith("; 2 more were waiting."))
    assert booth.banner.words[0].startswith("The export of ä.mp4 was interrupted at ")
    assert booth.banner.words[1].endswith("Resuming uses the settings they began with.")
    booth.banner._button.click()  # as the user does
    qtbot.waitUntil(lambda: len(booth.runner.queue.snapshot().items) == 3)
    assert [item.request for item in booth.runner.queue.snapshot().items] == requests_
    qtbot.waitUntil(lambda: not booth.background.busy)
    assert (interrupted_exports(), abandoned_queue()) == ((), AbandonedQueue())  # they are this window's now
    booth.close()
    assert abandoned_queue().requests == tuple(requests_)


def test_what_is_gone_on_with_while_the_window_closes_is_still_left(
    booth: Booth, requests_: list[ExportRequest], qtbot: QtBot
) -> None:
    left_by(requests_)
    booth.unfinished.look()
    qtbot.waitUntil(lambda: booth.banner.words[0].startswith("3 exports were still waiting"))
    booth.runner.close(20.0)  # before what the click begins can write anything down
    booth.banner._button.click()  # as the user does
    qtbot.waitUntil(lambda: not booth.background.busy)
    assert abandoned_queue().requests == tuple(requests_)


def test_it_gives_them_up(booth: Booth, requests_: list[ExportRequest], qtbot: QtBot) -> None:
    left_by(requests_)
    booth.unfinished.look()
    qtbot.waitUntil(lambda: booth.banner.words[0] == "3 exports were still waiting, of ä.mp4 and others.")
    booth.banner._other.click()  # as the user does
    qtbot.waitUntil(lambda: abandoned_queue() == AbandonedQueue())
    assert booth.jobs.made == []


def test_a_damaged_list_is_told(booth: Booth, qtbot: QtBot) -> None:
    left_by([ExportRequest(Path("/a.mp4"), Path("/b.mp4"))])
    (file,) = abandoned_queue().files
    file.write_bytes(b"nonsense")
    booth.unfinished.look()
    qtbot.waitUntil(lambda: "damaged" in booth.banner.words[0])
    assert booth.banner.words[1] == "Add those videos again."


def test_text() -> None:
    request = ExportRequest(Path("/a.mp4"), None)
    assert summary(UnfinishedWork(abandoned=AbandonedQueue((request,)))) == "The export of a.mp4 was still waiting."


def test_each_video_has_the_masks_drawn_on_it_if_that_is_asked(tmp_path: Path) -> None:
    clock = IgnoreMask("clock", ((0.0, 0.0), (0.3, 0.0), (0.3, 0.1)))
    SceneStore().save(str(tmp_path / "a.mp4"), Scene(masks=(clock,)))
    videos = [FoundVideo(tmp_path / "a.mp4"), FoundVideo(tmp_path / "b.mp4")]
    assert [request.masks for request in batch_requests(videos, BatchOptions(masked=True))] == [(clock,), ()]
    assert [request.masks for request in batch_requests(videos, BatchOptions())] == [(), ()]


def test_wishes_of_several_videos_reach_each(tmp_path: Path) -> None:
    highlights = HighlightOptions(
        tracks=True, clips=Path("any.clips"), clip_classes=("dog",), snapshots=Path("x.snapshots")
    )
    recipe = BatchOptions(folder=tmp_path, options=VideoOptions("draft"), cache="drop", highlights=highlights)
    first, second = batch_requests([FoundVideo(Path("/a.mov")), FoundVideo(Path("/b.mp4"), Path("sub"))], recipe)
    assert (first.video.quality, first.cache, second.cache) == ("draft", "drop", "drop")
    assert first.highlights.clips == tmp_path / "a.annotated.clips"
    assert second.highlights.snapshots == tmp_path / "sub" / "b.annotated.snapshots"
    assert second.highlights.clip_classes == ("dog",)
