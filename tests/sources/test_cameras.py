"""Cameras without a camera: names, stable ids, and what is said when one is absent, busy, forbidden or pulled out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import cv2_enumerate_cameras
import pytest

from app.cli import main
from app.core.errors import AppError
from app.core.frames import Frame
from app.core.sources import camera as camera_module
from app.core.sources import cameras as cameras_module
from app.core.sources.base import SourceLostError, SourceOptions
from app.core.sources.camera import CameraSource
from app.core.sources.cameras import CameraInfo, find_camera, list_cameras
from tests.support.fake_camera import FakeCapture, Listed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the pretended devices are Linux's")


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def pretend(*listed: Listed) -> None:
        monkeypatch.setattr(cv2_enumerate_cameras, "enumerate_cameras", lambda backend: list(listed))

    pretend()
    return pretend


@pytest.fixture
def capture(
    monkeypatch: pytest.MonkeyPatch, devices: Callable[..., None], tmp_path: Path
) -> Iterator[type[FakeCapture]]:
    """One camera "Webcam" at index 0 that can be opened; the class is the test's to change."""

    class Capture(FakeCapture):
        made: list[FakeCapture] = []  # noqa: RUF012 - fresh for each test

    devices(Listed(0, "Webcam", "/dev/video0", 0x046D, 0x0825))
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    monkeypatch.setattr(camera_module, "check_device", lambda camera: None)
    yield Capture
    assert all(made.released for made in Capture.made)


def test_cameras_have_names_and_stable_ids(devices: Callable[..., None]) -> None:
    devices(Listed(2, "Desk", "/dev/video2", 0x1234, 0xABCD), Listed(0, "Webcam", "/dev/video0"), Listed(4, None))
    assert [(camera.index, camera.name, camera.stable_id) for camera in list_cameras()] == [
        (0, "Webcam", "Webcam"),
        (2, "Desk", "1234:abcd"),
        (4, "Camera 4", "4"),
    ]


def test_formats_are_asked_for_only_on_request(devices: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def formats_of(path: str) -> tuple[str, ...]:
        asked.append(path)
        return ("640x480: MJPG 30 fps",)

    monkeypatch.setattr(cameras_module, "formats_of", formats_of)
    devices(Listed(0, "Webcam", "/dev/video0"), Listed(4, "Odd"))
    assert [camera.formats for camera in list_cameras()] == [(), ()]
    assert asked == []
    assert [camera.formats for camera in list_cameras(ask_formats=True)] == [("640x480: MJPG 30 fps",), ()]
    assert asked == ["/dev/video0"]


def test_the_command_line_tells_formats_or_that_they_are_unknown(
    devices: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cameras_module, "formats_of", lambda path: ("1280x720: MJPG 30 fps", "640x480: YUYV 30 fps"))
    devices(Listed(0, "Webcam", "/dev/video0", 0x046D, 0x0825), Listed(4, "Odd"))
    assert main(["cameras"]) == 0
    assert [line.strip() for line in capsys.readouterr().out.splitlines()][1:] == [
        "0  Webcam  046d:0825",
        "1280x720: MJPG 30 fps",
        "640x480: YUYV 30 fps",
        "4  Odd     Odd",
        "formats unknown until the camera runs",
    ]
    assert main(["cameras", "--json", "-"]) == 0
    first = json.loads(capsys.readouterr().out)["cameras"][0]
    assert first == {
        "index": 0,
        "name": "Webcam",
        "stable_id": "046d:0825",
        "formats": ["1280x720: MJPG 30 fps", "640x480: YUYV 30 fps"],
    }


def test_two_of_one_model_are_told_apart(devices: Callable[..., None]) -> None:
    devices(Listed(0, "Webcam", None, 1, 2), Listed(2, "Webcam", None, 1, 2))
    assert len({camera.stable_id for camera in list_cameras()}) == 2


def test_linux_ids_are_udevs(devices: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "usb-Acme_Webcam-video-index0").symlink_to("/dev/null")
    monkeypatch.setattr(cameras_module, "BY_ID", tmp_path)
    devices(Listed(0, "Webcam", "/dev/null", 1, 2))
    assert list_cameras()[0].uri == "camera:usb-Acme_Webcam-video-index0"


def test_a_system_that_cannot_list_cameras_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(backend: int) -> list[Listed]:
        raise OSError("no such service")

    monkeypatch.setattr(cv2_enumerate_cameras, "enumerate_cameras", fail)
    assert list_cameras() == []


@pytest.mark.parametrize(
    ("wanted", "index"), [("2", 2), ("7", 7), ("1:a", 2), ("front", 0), ("FRONT CAMERA", 0), ("rear", 2), ("cam 3", 3)]
)
def test_finding_a_camera(wanted: str, index: int) -> None:
    cameras = [
        CameraInfo(0, "Front Camera", "1:b", 200),
        CameraInfo(2, "Rear Camera", "1:a", 200),
        CameraInfo(3, "Cam 3", "x", 200),
    ]
    assert find_camera(wanted, cameras).index == index


def test_names_that_fit_none_or_several_say_what_there_is() -> None:
    cameras = [CameraInfo(0, "Cam A", "a", 200), CameraInfo(2, "Cam B", "b", 200)]
    with pytest.raises(AppError, match="Several") as several:
        find_camera("cam", cameras)
    assert "0, 2" in several.value.hint
    with pytest.raises(AppError, match="No camera 'Dog'") as none:
        find_camera("Dog", cameras)
    assert "0 (Cam A), 2 (Cam B)" in none.value.hint
    with pytest.raises(AppError) as absent:
        find_camera("Dog", [])
    assert absent.value.hint == "No camera is connected."


def test_frames_until_it_is_pulled_out(capture: type[FakeCapture]) -> None:
    source = CameraSource("0", SourceOptions(resolution=(640, 480), fps=30))
    info = source.info
    assert (info.kind, info.name, info.width, info.height, info.seekable) == ("camera", "Webcam", 640, 480, False)
    assert info.fps is not None
    assert float(info.fps) == pytest.approx(29.97)
    frames: list[Frame] = [source.read() for _ in range(3)]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert all(frame.pts_s is None for frame in frames)
    with pytest.raises(SourceLostError, match="Webcam stopped sending video"):
        source.read()
    assert capture.made[0].reads < 10
    assert source.reopen_uri == "camera:046d:0825"
    source.close()


def test_what_is_asked_of_the_camera_and_what_it_does_instead(capture: type[FakeCapture]) -> None:
    source = CameraSource("Webcam", SourceOptions(resolution=(1920, 1080), fps=60))
    asked = capture.made[0].asked
    assert asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert (asked[cv2.CAP_PROP_FRAME_WIDTH], asked[cv2.CAP_PROP_FRAME_HEIGHT]) == (1920, 1080)
    assert asked[cv2.CAP_PROP_FPS] == 60
    assert next(iter(asked)) == cv2.CAP_PROP_FOURCC
    assert source.take_notes() == ("Webcam gives 640 x 480 instead of 1920 x 1080.",)
    source.close()


def test_a_busy_camera_is_named(capture: type[FakeCapture]) -> None:
    capture.frames = 0
    with pytest.raises(AppError, match="Webcam is not sending video; another program may be using it"):
        CameraSource("0", SourceOptions())
    capture.opened = False
    with pytest.raises(AppError, match="Webcam cannot be opened; another program may be using it"):
        CameraSource("0", SourceOptions())


def test_absent_and_forbidden_devices(devices: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    devices(Listed(5, "Webcam"))
    with pytest.raises(AppError, match="There is no camera 93") as absent:
        CameraSource("93", SourceOptions())
    assert "5 (Webcam)" in absent.value.hint
    monkeypatch.setattr(Path, "exists", lambda path: True)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(AppError, match="No permission to use camera 5") as forbidden:
        CameraSource("5", SourceOptions())
    assert "'video'" in forbidden.value.hint
