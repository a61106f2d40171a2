"""Cameras on Windows, where two interfaces list the same ones under different numbers; with pretended devices."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import cv2_enumerate_cameras
import pytest

from app.core.errors import AppError
from app.core.sources import camera as camera_module
from app.core.sources import cameras as cameras_module
from app.core.sources.base import SourceOptions
from app.core.sources.camera import CameraSource
from app.core.sources.cameras import CameraInfo, find_camera, list_cameras
from tests.support.fake_camera import FakeCapture, Listed

_MF = "#{e5323777-f976-4f5b-9b55-b94699c46e44}\\global"
_DS = "#{65e8773d-8f56-11d0-a3b9-00a0c9223196}\\global"
_FRONT, _REAR = r"\\?\usb#vid_046d&pid_0825#7&1a", r"\\?\usb#vid_046d&pid_0825#7&2b"


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Listed], list[Listed]], type[FakeCapture]]:
    """Lists of Media Foundation and DirectShow; the fake devices open where the test allows."""

    class Capture(FakeCapture):
        made: list[FakeCapture] = []  # noqa: RUF012 - fresh for each test
        opens: Callable[[FakeCapture], bool] = staticmethod(lambda capture: True)

        def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
            return type(self).opens(self)

    def pretend(media_foundation: list[Listed], direct_show: list[Listed]) -> type[FakeCapture]:
        lists = {cv2.CAP_MSMF: media_foundation, cv2.CAP_DSHOW: direct_show}
        monkeypatch.setattr(cv2_enumerate_cameras, "enumerate_cameras", lists.__getitem__)
        monkeypatch.setattr(cameras_module, "system_backends", partial(cameras_module.system_backends, "win32"))
        monkeypatch.setattr(camera_module, "check_device", lambda camera: None)
        monkeypatch.setattr(cv2, "VideoCapture", Capture)
        return Capture

    return pretend


def _places(camera: CameraInfo) -> tuple[tuple[int, int], ...]:
    return (camera.backend, camera.index), *camera.other_places


def test_a_camera_has_a_number_with_each_interface(windows: Callable[..., type[FakeCapture]]) -> None:
    windows(
        [Listed(0, "Webcam", _FRONT + _MF, 0x46D, 0x825), Listed(1, "Webcam", _REAR + _MF, 0x46D, 0x825)],
        [Listed(0, "OBS"), Listed(1, "Webcam", _REAR.upper() + _DS), Listed(2, "Webcam", _FRONT + _DS)],
    )
    front, rear, obs = list_cameras()
    assert _places(front) == ((cv2.CAP_MSMF, 0), (cv2.CAP_DSHOW, 2))
    assert _places(rear) == ((cv2.CAP_MSMF, 1), (cv2.CAP_DSHOW, 1))
    assert _places(obs) == ((cv2.CAP_DSHOW, 0),)
    assert [camera.number for camera in (front, rear, obs)] == [0, 1, 700]
    assert find_camera("0", list_cameras()) == front
    assert find_camera("700", list_cameras()) == obs
    assert len({camera.stable_id for camera in list_cameras()}) == 3


def test_twins_that_cannot_be_told_apart_are_opened_with_one_interface_only(
    windows: Callable[..., type[FakeCapture]],
) -> None:
    twins = [Listed(0, "Webcam", None, 1, 2), Listed(1, "Webcam", None, 1, 2)]
    windows(twins, list(reversed(twins)))
    assert [_places(camera) for camera in list_cameras()] == [((cv2.CAP_MSMF, 0),), ((cv2.CAP_MSMF, 1),)]


def test_without_media_foundation_direct_show_remains(windows: Callable[..., type[FakeCapture]]) -> None:
    windows([], [Listed(0, "Webcam", _FRONT + _DS)])
    (camera,) = list_cameras()
    assert _places(camera) == ((cv2.CAP_DSHOW, 0),)
    assert camera.number == 0
    assert find_camera(_FRONT + _MF, [camera]) == camera  # as Media Foundation called it before


@pytest.mark.parametrize("options", [SourceOptions(), SourceOptions(resolution=(1280, 720), fps=30)])
def test_the_other_interface_is_tried_with_its_own_number(
    windows: Callable[..., type[FakeCapture]], options: SourceOptions
) -> None:
    capture: Any = windows([Listed(0, "Webcam", _FRONT + _MF)], [Listed(0, "OBS"), Listed(1, "Webcam", _FRONT + _DS)])
    capture.opens = staticmethod(lambda tried: tried.place == (cv2.CAP_DSHOW, 1))
    source = CameraSource("Webcam", options)
    assert [made.place for made in capture.made] == [(cv2.CAP_MSMF, 0), (cv2.CAP_DSHOW, 1)]
    params = dict(zip(capture.made[1].params[::2], capture.made[1].params[1::2], strict=True))
    assert capture.made[1].params[:2] == (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    assert params.get(cv2.CAP_PROP_FRAME_WIDTH) == (options.resolution[0] if options.resolution else None)
    assert capture.made[1].asked == {}
    assert capture.made[0].released
    source.close()


def test_a_camera_of_direct_show_that_refuses_what_is_asked_opens_without(
    windows: Callable[..., type[FakeCapture]],
) -> None:
    capture: Any = windows([], [Listed(0, "OBS")])
    capture.opens = staticmethod(lambda tried: not tried.params)
    source = CameraSource("OBS", SourceOptions(fps=30))
    assert [(made.place, bool(made.params)) for made in capture.made] == [
        ((cv2.CAP_DSHOW, 0), True),
        ((cv2.CAP_DSHOW, 0), False),
    ]
    assert capture.made[0].released
    assert capture.made[1].asked[cv2.CAP_PROP_FPS] == 30
    source.close()


def test_a_camera_that_opens_nowhere_opens_no_other(windows: Callable[..., type[FakeCapture]]) -> None:
    capture: Any = windows([Listed(0, "Webcam", _FRONT + _MF)], [Listed(0, "Other", _REAR + _DS)])
    capture.opens = staticmethod(lambda tried: False)
    with pytest.raises(AppError, match="Webcam cannot be opened"):
        CameraSource("Webcam", SourceOptions())
    assert {made.place for made in capture.made} == {(cv2.CAP_MSMF, 0)}
