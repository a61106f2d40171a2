"""The live path as a whole, on files and on a camera on the loopback network, with a detector made of patience."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.errors import AppError
from app.core.frames import Frame, FrameResult, SourceInfo
from app.core.live import (
    DetectorTrouble,
    Ended,
    LiveSession,
    LiveState,
    ModelFailed,
    ModelLoading,
    ModelReady,
    ReplacementFailed,
    SourceNote,
    SourceOpened,
    SourceReplaced,
    SourceTrouble,
)
from app.core.live import capture as capture_module
from app.core.settings import DetectionSettings, ModelSettings
from app.core.sources.base import Source, SourceOptions, frame_from_bgr
from app.core.sources.uri import open_source
from detector.detections import Candidates
from detector.errors import DetectorError
from detector.runtime.base import ImageBGR
from tests.support.fake_detector import FakeDetector, FakeModels, busy_ms
from tests.support.live_probe import PATIENCE, LiveProbe, count_live_images
from tests.support.media import make_video
from tools.fixtures.coded_images import coded_image, read_frame_index
from tools.fixtures.mjpeg_server import MjpegServer

SOON_STALLED = SourceOptions(open_timeout_s=20, first_frame_s=20, stall_s=0.5)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("video") / "clip.mp4", frames=60, fps=Fraction(60))


@pytest.fixture
def no_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "BACK_OFF_S", (0.05,))


def write_image(path: Path, index: int) -> Path:
    good, data = cv2.imencode(".png", coded_image(index))
    assert good
    path.write_bytes(data.tobytes())
    return path


def shown(result: FrameResult) -> int:
    return read_frame_index(result.frame.image_bgr)


def boxed(result: FrameResult) -> int:
    """The index that the detector saw."""
    assert result.candidates is not None
    return int(result.candidates.class_ids[0])


# -- files ----------------------------------------------------------------------------------------------------------


def test_a_video_plays_in_order_with_its_boxes_and_ends(video: Path) -> None:
    with LiveProbe() as probe:
        probe.start(str(video))
        assert probe.wait_event(ModelReady).spec.name == "first"
        results = [probe.detected()]
        while shown(results[-1]) != 59:
            results.append(probe.next_result())
        probe.wait_event(Ended)
        probe.wait_state(LiveState.PAUSED)
        indices = [shown(result) for result in results]
        assert indices == sorted(set(indices))
        assert indices == [boxed(result) for result in results]
        assert [result.frame.index for result in results] == indices
        assert (results[-1].model, results[-1].labels) == ("first", ("thing",))
        assert probe.session.info == probe.wait_event(SourceOpened).info
        assert probe.session.position_s == Fraction(59, 60)
        probe.session.resume()
        assert probe.session.state is LiveState.RUNNING
        probe.result_where(lambda result: shown(result) < 10)
    assert probe.states[-2:] == [LiveState.STOPPING, LiveState.IDLE]


def test_paused_seek_and_step_show_and_detect_exactly_the_frame_asked_for(video: Path) -> None:
    with LiveProbe(FakeModels(busy_ms(10))) as probe:
        probe.start(str(video))
        probe.detected()
        probe.session.pause()
        assert probe.session.state is LiveState.PAUSED
        for index in (40, 3, 59, 0, 31):
            probe.session.seek(Fraction(index, 60))
            assert boxed(probe.result_where(lambda result, i=index: shown(result) == i)) == index  # type: ignore[misc] # bound now
        for pictures, index in ((1, 32), (-2, 30), (5, 35), (-1, 34)):
            probe.session.step(pictures)
            assert boxed(probe.result_where(lambda result, i=index: shown(result) == i)) == index  # type: ignore[misc] # bound now
        probe.session.seek(0.5)
        probe.result_where(lambda result: shown(result) == 30)
        assert probe.session.state is LiveState.PAUSED


def test_step_pauses_and_loop_goes_round(video: Path) -> None:
    with LiveProbe() as probe:
        probe.start(str(video))
        probe.detected()
        probe.session.step(1)
        assert probe.session.state is LiveState.PAUSED
        probe.session.set_loop(True)
        probe.session.seek(Fraction(58, 60))
        probe.result_where(lambda result: shown(result) == 58)
        probe.session.resume()
        probe.result_where(lambda result: shown(result) < 30)
        assert probe.of(Ended) == []
        assert probe.session.state is LiveState.RUNNING


def test_an_image_is_shown_and_detected_again_by_the_next_model(tmp_path: Path) -> None:
    with LiveProbe() as probe:
        probe.start(str(write_image(tmp_path / "one.png", 7)))
        assert boxed(probe.detected()) == 7
        probe.session.switch_model(ModelSettings(name="second"))
        result = probe.result_where(lambda result: result.model == "second")
        assert (shown(result), boxed(result)) == (7, 7)
        assert probe.session.state is LiveState.RUNNING
        assert probe.of(Ended) == []


def test_a_folder_goes_on_past_an_unreadable_image(tmp_path: Path) -> None:
    for index in range(3):
        write_image(tmp_path / f"{index}.png", index)
    (tmp_path / "1.png").write_bytes(b"broken")
    with LiveProbe() as probe:
        probe.start(str(tmp_path), SourceOptions(folder_fps=Fraction(50)))
        assert probe.result_where(lambda result: shown(result) == 0).frame.name == "0.png"
        assert probe.session.state is LiveState.PAUSED, "it waits to be leafed through"
        probe.session.resume()
        note = probe.wait_event(SourceNote)
        assert "1.png" in note.message
        probe.wait_event(Ended)
        probe.session.step(-1)
        assert probe.result_where(lambda result: shown(result) == 0).frame.name == "0.png"


def test_a_file_that_cannot_be_opened_leaves_the_present_one_playing(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", frames=30)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with LiveProbe() as probe:
        probe.start(str(video), SourceOptions(loop=True))
        probe.detected()
        probe.start(str(tmp_path / "broken.mp4"))
        failed = probe.wait_event(ReplacementFailed)
        assert failed.uri.endswith("broken.mp4")
        assert "broken.mp4" in failed.message
        assert probe.session.state is LiveState.RUNNING
        probe.detected()
        assert probe.of(SourceTrouble) == []
        assert len(probe.of(SourceOpened)) == 1


def test_the_present_source_goes_on_until_the_next_is_open(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", frames=30)
    photo = write_image(tmp_path / "photo.png", 7)
    let_open, asked = threading.Event(), threading.Event()

    def slowly(uri: str, options: SourceOptions) -> Source:
        if uri == str(photo):
            asked.set()
            assert let_open.wait(PATIENCE)
        return open_source(uri, options)

    with LiveProbe(source_factory=slowly) as probe:
        probe.start(str(video), SourceOptions(loop=True))
        probe.detected()
        probe.start(str(photo))
        assert asked.wait(PATIENCE)
        probe.result_where(lambda result: shown(result) == 20)
        assert probe.session.info is not None
        assert probe.session.info.name == "clip.mp4"
        let_open.set()
        assert probe.wait_event(SourceReplaced).uri == str(photo)
        probe.wait_event(SourceOpened, 2)
        assert shown(probe.result_where(lambda result: result.frame.name == "photo.png")) == 7


def test_the_present_source_is_kept_and_what_is_being_opened_given_up(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", frames=30)
    photo = write_image(tmp_path / "photo.png", 7)
    let_open, asked, opened = threading.Event(), threading.Event(), threading.Event()

    def slowly(uri: str, options: SourceOptions) -> Source:
        if uri != str(photo):
            return open_source(uri, options)
        asked.set()
        assert let_open.wait(PATIENCE)
        opened.set()
        return open_source(uri, options)

    with LiveProbe(source_factory=slowly) as probe:
        probe.start(str(video), SourceOptions(loop=True))
        probe.detected()
        probe.start(str(photo))
        assert asked.wait(PATIENCE)
        probe.session.keep_source()
        let_open.set()
        assert opened.wait(PATIENCE)
        for _ in range(5):
            probe.detected()
        assert probe.session.info is not None
        assert probe.session.info.name == "clip.mp4"
        assert probe.of(SourceReplaced) == probe.of(ReplacementFailed) == []
        assert probe.session.state is LiveState.RUNNING


# -- a camera on the network ------------------------------------------------------------------------------------------


def test_slow_detector_fast_camera_newest_wins_and_everything_is_counted() -> None:
    """60 frames a second, 300 ms each: order, drops and age are bounded by the detector's period, not the clock."""
    with MjpegServer(fps=60) as server, LiveProbe(FakeModels(busy_ms(300))) as probe:
        probe.start(server.url)
        probe.detected()
        results = [probe.detected() for _ in range(8)]
        indices = [shown(result) for result in results]
        assert indices == sorted(set(indices))
        assert indices == [boxed(result) for result in results]
        for result in results:
            # The newest is taken: fewer frames are newer than it than one detector period brings. (On an idle
            # machine none or one; counted by the server, so that a busy machine slows both sides alike.)
            taken_ns = result.detected_ns - int(result.detect_ms * 1e6)
            assert server.sent_between(shown(result), taken_ns) < 18
        route = probe.session._detection.route  # what waits for the detector is shown to nobody
        probe.session.pause()
        assert route.frames.put_count - route.frames.take_count - route.frames.dropped in (0, 1)
        stats = probe.session.stats()
        assert stats.drops > 5 * len(results)
        assert stats.camera_fps > 5 * stats.detector_fps > 0
        assert stats.frame_age_p95_ms >= stats.latency_p50_ms >= 300


def test_no_frame_is_kept_longer_than_needed() -> None:
    images: list[weakref.ref[object]] = []

    def watched(uri: str, options: SourceOptions) -> Source:
        source = open_source(uri, options)
        read = source.read

        def remember() -> Frame | None:
            frame = read()
            assert frame is not None
            images.append(weakref.ref(frame.image_bgr))
            return frame

        source.read = remember  # type: ignore[method-assign] # watched from outside
        return source

    with MjpegServer(fps=200) as server, LiveProbe(FakeModels(busy_ms(30)), source_factory=watched) as probe:
        probe.start(server.url)
        most = 0
        for _ in range(30):
            probe.next_result()
            most = max(most, count_live_images(list(images)))  # type: ignore[arg-type] # arrays, weakly
        assert len(images) > 60
        assert most <= 6
    gc.collect()
    assert count_live_images(list(images)) <= 1  # type: ignore[arg-type] # the last one, in this frame's locals


def test_a_wake_comes_only_when_the_slot_was_empty() -> None:
    with MjpegServer(fps=100) as server, LiveProbe() as probe:
        probe.start(server.url)
        probe.wait_event(ModelReady)
        probe.next_result()
        results = probe.session.results
        before = results.put_count
        server.wait_sent(40)
        assert results.put_count > before + 5
        assert probe.wakes <= results.take_count + 1


def test_a_stalled_camera_is_opened_again_and_counting_goes_on(no_back_off: None) -> None:
    with MjpegServer(fps=60) as server, LiveProbe() as probe:
        probe.start(server.url, SOON_STALLED)
        last = probe.detected().frame.index
        server.stall()
        trouble = probe.wait_event(SourceTrouble)
        assert trouble.retrying
        probe.wait_state(LiveState.STALLED)
        server.go_on()
        probe.wait_event(SourceOpened, 2)
        after = probe.result_where(lambda result: result.frame.index > last + 1)
        assert boxed(after) == shown(after)


def test_a_camera_that_dies_comes_back_with_another_size_after_being_refused(no_back_off: None) -> None:
    with MjpegServer(fps=60) as server, LiveProbe() as probe:
        probe.start(server.url)
        before = probe.detected().frame.index
        server.size = (320, 240)
        server.hang_up(refuse=True)
        probe.wait_event(SourceTrouble)
        server.go_on()
        opened = probe.wait_event(SourceOpened, 2)
        assert opened.info.width == 320
        after = probe.result_where(lambda result: result.frame.width == 320).frame.index
        assert before < opened.first_index <= after
        assert len(probe.of(SourceTrouble)) == 1
        assert server.connections == 2


def test_a_camera_paused_shows_the_present_when_resumed() -> None:
    with MjpegServer(fps=60) as server, LiveProbe() as probe:
        probe.start(server.url)
        probe.detected()
        probe.session.pause()
        route = probe.session._detection.route  # what a paused camera goes on to read is shown to nobody
        at_pause = server.wait_sent(0)
        server.wait_sent(30)
        assert route.last is not None
        assert read_frame_index(route.last.image_bgr) <= at_pause + 10
        probe.session.resume()
        probe.result_where(lambda result: shown(result) > at_pause + 20)


def test_nobody_answers() -> None:
    with MjpegServer() as server:
        address = server.address
    with LiveProbe() as probe:
        probe.start(f"http://admin:hunter2@{address}/camera?token=abc")
        trouble = probe.wait_event(SourceTrouble)
        assert not trouble.retrying
        assert "hunter2" not in str(probe.events)
        assert "abc" not in str(probe.events)
        probe.wait_state(LiveState.FAILED)


def test_user_and_password_are_sent_but_never_shown() -> None:
    with MjpegServer() as server, LiveProbe() as probe:
        probe.start(f"http://admin:hunter2@{server.address}/camera")
        assert "hunter2" not in str(probe.wait_event(SourceOpened))
        assert server.connections == 1


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Quiet."""


def test_a_recorded_video_on_a_web_server_is_played_at_its_pace_and_can_be_sought(tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4", frames=30, faststart=True)
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(tmp_path))) as server,
        LiveProbe() as probe,
    ):
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        probe.start(f"http://127.0.0.1:{server.server_address[1]}/clip.mp4")
        info = probe.wait_event(SourceOpened).info
        assert (info.kind, info.seekable, info.frame_count) == ("video", True, 30)
        probe.wait_event(Ended)
        probe.session.seek(Fraction(12, 30))
        probe.result_where(lambda result: shown(result) == 12)
        probe.session.stop(PATIENCE)
        server.shutdown()
        thread.join()


def test_the_session_is_light_to_import() -> None:
    """The window must be up before OpenCV, PyAV or torch are loaded."""
    heavy = "cv2 av torch openvino cv2_enumerate_cameras PySide6"
    code = (
        f"import sys, app.core.live, app.core.settings_store; print([m for m in '{heavy}'.split() if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


# -- models -----------------------------------------------------------------------------------------------------------


def test_frames_flow_while_a_model_loads_and_the_old_one_is_closed_after_the_swap() -> None:
    models = FakeModels()
    with MjpegServer(fps=60) as server, LiveProbe(models) as probe:
        models.gate.clear()
        probe.start(server.url)
        assert [probe.next_result().candidates for _ in range(5)] == [None] * 5
        models.gate.set()
        probe.detected()
        models.gate.clear()
        probe.session.switch_model(ModelSettings(name="second"))
        probe.wait_event(ModelLoading, 2)
        waiting = [probe.next_result() for _ in range(6)]
        assert [result.candidates for result in waiting[1:]] == [None] * 5
        assert not models.made[0].closed
        models.gate.set()
        result = probe.result_where(lambda result: result.model == "second")
        assert boxed(result) == shown(result)
        assert [detector.closed for detector in models.made] == [True, False]
    assert all(detector.closed for detector in models.made)
    assert [len(detector.threads) for detector in models.made] == [1, 1]


def test_a_model_that_cannot_be_opened_leaves_the_old_one_running(video: Path) -> None:
    models = FakeModels(errors={"absent": DetectorError("No model 'absent'.", "There are: first.")})
    with LiveProbe(models) as probe:
        probe.start(str(video), SourceOptions(loop=True))
        probe.detected()
        probe.session.switch_model(ModelSettings(name="absent"))
        failed = probe.wait_event(ModelFailed)
        assert (failed.message, failed.kept) == ("No model 'absent'.", "first")
        assert probe.detected().model == "first"
        assert not models.made[0].closed
        del models.errors["absent"]
        probe.session.switch_model(ModelSettings(name="absent"))
        probe.result_where(lambda result: result.model == "absent")


@pytest.mark.expects_log
def test_whatever_opening_a_model_throws_the_video_goes_on(video: Path) -> None:
    models = FakeModels(errors={"first": MemoryError()})
    with LiveProbe(models) as probe:
        probe.start(str(video), SourceOptions(loop=True))
        failed = probe.wait_event(ModelFailed)
        assert failed.kept == ""
        assert "\n" not in failed.message
        assert probe.next_result().candidates is None
        probe.session.switch_model(ModelSettings(name="second"))
        assert probe.detected().model == "second"


@pytest.mark.expects_log
def test_a_failing_detector_is_switched_off_after_three_frames_and_another_can_follow(video: Path) -> None:
    def work(count: int) -> None:
        if count >= 5:
            raise RuntimeError("CUDA error\nlots of advice")

    models = FakeModels(work)
    with LiveProbe(models) as probe:
        probe.start(str(video), SourceOptions(loop=True))
        probe.detected()
        assert "CUDA error" in probe.wait_event(DetectorTrouble).message
        failed = probe.wait_event(ModelFailed)
        assert "switched off after 3" in failed.message
        assert "\n" not in failed.message
        assert models.made[0].closed
        assert probe.next_result() is not None
        assert probe.result_where(lambda result: result.candidates is None)
        models.work = lambda count: None
        probe.session.switch_model(ModelSettings(name="second"))
        assert probe.detected().model == "second"
    assert len(probe.of(DetectorTrouble)) == 1


def test_a_detector_that_goes_on_elsewhere_says_so(video: Path) -> None:
    def work(count: int) -> None:
        if count == 5:
            models.made[0].device, models.made[0].notes = "elsewhere", ("The GPU failed.",)

    models = FakeModels(work)
    with LiveProbe(models) as probe:
        probe.start(str(video), SourceOptions(loop=True))
        assert probe.wait_event(ModelReady).device == "cpu"
        changed = probe.wait_event(ModelReady, 2)
        assert (changed.device, changed.notes) == ("elsewhere", ("The GPU failed.",))
        probe.detected()
    assert len(probe.of(ModelReady)) == 2


@pytest.mark.expects_log
def test_a_detector_that_cannot_even_be_closed_gives_way_to_the_next(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    models = FakeModels(lambda count: fail() if count >= 5 else None)
    monkeypatch.setattr(FakeDetector, "close", fail)
    with LiveProbe(models) as probe:
        probe.start(str(video), SourceOptions(loop=True))
        assert "switched off" in probe.wait_event(ModelFailed).message
        models.work = lambda count: None
        probe.session.switch_model(ModelSettings(name="second"))
        assert probe.detected().model == "second"


def test_another_source_with_another_model_after_one_that_failed(tmp_path: Path) -> None:
    image = write_image(tmp_path / "one.png", 1000)
    with LiveProbe(FakeModels(errors={"absent": DetectorError("No model 'absent'.")})) as probe:
        for number in range(1, 6):
            probe.start(str(image), model="absent")
            probe.wait_event(ModelFailed, number)
            # No frame goes to the detector now: only the request itself can wake its thread.
            probe.start(str(image), model=f"model {number}")
            probe.result_where(lambda result, n=number: result.model == f"model {n}")  # type: ignore[misc] # bound now
            probe.session.stop(PATIENCE)


def test_fifty_switches_leave_one_detector(video: Path) -> None:
    models = FakeModels()
    with LiveProbe(models) as probe:
        probe.start(str(video), SourceOptions(loop=True))
        for number in range(50):
            probe.session.switch_model(ModelSettings(name=f"model {number}"))
            if number % 10 == 9:
                probe.result_where(lambda result, n=number: result.model == f"model {n}")  # type: ignore[misc] # bound now
        assert sum(not detector.closed for detector in models.made) == 1
    assert all(detector.closed for detector in models.made)


# -- sources one after the other, and the end -------------------------------------------------------------------------


def test_another_source_keeps_the_model_and_shows_nothing_of_the_old_one(video: Path, tmp_path: Path) -> None:
    image = write_image(tmp_path / "one.png", 1000)
    with LiveProbe(FakeModels(busy_ms(20))) as probe:
        probe.start(str(video), SourceOptions(loop=True))
        probe.detected()
        for turn in range(3):
            probe.start(str(image))
            probe.wait_event(SourceOpened, 2 * turn + 2)
            results = probe.session.results
            first = probe.next_result()
            assert shown(first) == 1000
            probe.start(str(video), SourceOptions(loop=True))
            probe.wait_event(SourceOpened, 2 * turn + 3)
            assert probe.session.results is results
            assert shown(probe.next_result()) != 1000
        assert len(probe.models.made) == 1


def test_a_source_that_fails_can_be_followed_by_another(video: Path, tmp_path: Path) -> None:
    with LiveProbe() as probe:
        probe.start(str(tmp_path / "absent.mp4"))
        assert probe.wait_event(SourceTrouble).message == "absent.mp4: no such file."
        probe.wait_state(LiveState.FAILED)
        assert probe.session.info is None
        probe.start(str(video))
        probe.detected()
        assert probe.session.state is LiveState.RUNNING
    assert probe.states == [
        LiveState.STARTING,
        LiveState.FAILED,
        LiveState.STARTING,
        LiveState.RUNNING,
        LiveState.STOPPING,
        LiveState.IDLE,
    ]


def test_a_camera_is_let_go_before_it_is_opened_again() -> None:
    """Also by another session: a device belongs to the process."""
    held: list[str] = []
    most = 0

    class Camera:
        def __init__(self) -> None:
            nonlocal most
            held.append("camera")
            most = max(most, len(held))
            self.reopen_uri = "camera:0"
            self.info = SourceInfo("camera", "Webcam", 160, 120)
            self.count = 0

        def read(self) -> Frame:
            threading.Event().wait(0.02)
            self.count += 1
            return frame_from_bgr(coded_image(self.count), self.count, None, time.monotonic_ns())

        def take_notes(self) -> tuple[str, ...]:
            return ()

        def close(self) -> None:
            threading.Event().wait(0.1)
            held.remove("camera")

    def open_camera(uri: str, options: SourceOptions) -> Source:
        return Camera()

    with LiveProbe(source_factory=open_camera) as first, LiveProbe(source_factory=open_camera) as second:
        for _ in range(3):
            first.start("camera:0")
            first.detected()
        first.session.stop(0)
        second.start("camera:0")
        second.detected()
    assert (most, held) == (1, [])


@pytest.mark.expects_log
def test_a_camera_that_never_returns_strands_nothing() -> None:
    """Stuck in opening: reported, abandoned, and the session goes on with another source."""
    release = threading.Event()

    def stuck(uri: str, options: SourceOptions) -> Source:
        if uri == "camera:0":
            release.wait(PATIENCE)
            raise AppError("too late")
        return open_source(uri, options)

    with MjpegServer() as server, LiveProbe(source_factory=stuck) as probe:
        probe.start("camera:0", SourceOptions(open_timeout_s=0.2))
        trouble = probe.wait_event(SourceTrouble)
        assert "camera 0 does not answer" in trouble.message
        probe.wait_state(LiveState.FAILED)
        assert not probe.session.stop(0.2)
        assert probe.session.state is LiveState.IDLE
        probe.start(server.url)
        probe.detected()
        release.set()
        assert probe.session.stop(PATIENCE)
    assert all("too late" not in str(event) for event in probe.events)


def test_stop_without_waiting_then_start_again(video: Path) -> None:
    with LiveProbe() as probe:
        for _ in range(5):
            probe.start(str(video))
            probe.detected()
            probe.session.stop(0)
            assert probe.session.state is LiveState.IDLE
            assert probe.session.results.closed
        probe.start(str(video))
        probe.detected()


def test_stop_while_a_model_loads_closes_it(video: Path) -> None:
    models = FakeModels()
    models.gate.clear()
    with LiveProbe(models) as probe:
        probe.start(str(video))
        probe.next_result()
        probe.session.stop(0)
        models.gate.set()
        probe.start(str(video))
        probe.detected()
    assert models.made
    assert all(detector.closed for detector in models.made)


def test_calls_on_an_idle_session_do_nothing() -> None:
    session = LiveSession(lambda: None, lambda event: None, detector_factory=FakeModels())
    session.pause()
    session.resume()
    session.seek(Fraction(1))
    session.step(1)
    session.set_loop(True)
    session.set_iou(0.5)
    session.switch_model(ModelSettings())
    assert session.stop()
    assert session.state is LiveState.IDLE
    assert session.position_s is None
    assert session.stats().drops == 0


def test_iou_reaches_the_detector(video: Path) -> None:
    seen: list[float | None] = []
    models = FakeModels()

    def factory(model: ModelSettings) -> object:
        detector = models(model)
        run = detector.candidates_batch

        def spy(frames: object, iou_threshold: float | None = None, min_score: float = 0.0) -> object:
            seen.append(iou_threshold)
            return run(frames, iou_threshold, min_score)  # type: ignore[arg-type] # passed through

        detector.candidates_batch = spy  # type: ignore[method-assign, assignment] # watched from outside
        return detector

    with LiveProbe(factory=factory) as probe:
        probe.session.start(str(video), SourceOptions(loop=True), ModelSettings(), DetectionSettings(iou=0.3))
        probe.detected()
        probe.session.set_iou(0.7)
        probe.result_where(lambda result: seen[-1] == 0.7)
    assert seen[0] == 0.3


class Faint(FakeDetector):
    """Sees something faint as well, if somebody asks for it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.asked: list[float] = []

    def candidates_batch(
        self, frames: Sequence[ImageBGR], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        super().candidates_batch(frames)
        self.asked.append(min_score)
        scores = np.array([0.9, 0.03], np.float32)
        scores = scores[scores >= np.float32(min_score)]
        boxes = np.tile(np.array([0, 0, 9, 9], np.float32), (len(scores), 1))
        return [Candidates(boxes, scores, np.arange(len(scores), dtype=np.int32)) for _ in frames]


def test_a_paused_frame_is_looked_at_again_for_a_threshold_below_the_floor(video: Path) -> None:
    detectors: list[Faint] = []

    def factory(model: ModelSettings) -> Faint:
        detectors.append(Faint(model.name))
        return detectors[-1]

    def count(result: FrameResult) -> int:
        return -1 if result.candidates is None else len(result.candidates)

    with LiveProbe(factory=factory) as probe:
        probe.start(str(video))
        probe.wait_event(ModelReady)
        probe.session.pause()
        probe.session.seek(Fraction(59, 60))
        probe.result_where(lambda result: read_frame_index(result.frame.image_bgr) == 59 and count(result) == 1)
        for threshold in (0.3, 0.05, 0.9, 0.02):
            probe.session.set_threshold(threshold)
        again = probe.result_where(lambda result: count(result) == 2)
        assert read_frame_index(again.frame.image_bgr) == 59
        probe.session.set_threshold(0.5)
        probe.session.seek(0)
        probe.result_where(lambda result: count(result) == 1)
    (detector,) = detectors
    assert set(detector.asked) == {0.0, 0.05, 0.02}  # the first to warm up


def test_a_detector_that_rests_lets_frames_pass_and_takes_up_the_present_one(video: Path) -> None:
    with LiveProbe() as probe:
        probe.start(str(video))
        probe.detected()
        probe.session.rest(True)
        probe.result_where(lambda result: result.candidates is None)
        probe.session.pause()
        probe.session.seek(Fraction(30, 60))
        probe.result_where(lambda result: read_frame_index(result.frame.image_bgr) == 30)
        (detector,) = probe.models.made
        assert 30 not in detector.seen
        probe.session.switch_model(ModelSettings(name="second"))  # opened meanwhile, and it rests as well
        probe.wait_event(ModelReady, 2)
        probe.session.seek(Fraction(31, 60))
        probe.result_where(lambda result: read_frame_index(result.frame.image_bgr) == 31)
        assert 31 not in probe.models.made[1].seen
        probe.session.rest(False)
        again = probe.detected()
        assert (again.model, read_frame_index(again.frame.image_bgr)) == ("second", 31)
        assert len(probe.models.made) == 2
