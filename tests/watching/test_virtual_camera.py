"""The drawn view as a camera: what the device is sent, and what is said where there is none."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.errors import AppError
from app.core.watching import virtual_camera_driver
from app.core.watching.virtual_camera import VirtualCamera, check_virtual_camera
from tests.support.virtual_camera import NAME, PATIENCE_S, Device, install_virtual_camera


def grey(level: int, height: int = 24, width: int = 32) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


class Failures:
    """Waits for one."""

    def __init__(self) -> None:
        self.all: list[AppError] = []
        self.came = threading.Event()

    def __call__(self, error: AppError) -> None:
        self.all.append(error)
        self.came.set()


def test_images_arrive_in_the_size_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    device, failures, names = Device(), Failures(), list[str]()
    install_virtual_camera(monkeypatch, device)
    camera = VirtualCamera(names.append, failures)
    for count, image in enumerate((grey(10), grey(20), grey(30, 48, 64)), 1):
        camera.show(lambda image=image: image)  # type: ignore[misc] # bound now
        device.wait(count)
    assert camera.close(PATIENCE_S)
    assert [(image.shape, int(image.mean())) for image in device.images] == [((24, 32, 3), n) for n in (10, 20, 30)]
    assert (device.opened, device.closed, names, failures.all) == (1, 1, [NAME], [])


def test_a_camera_has_an_even_size(monkeypatch: pytest.MonkeyPatch) -> None:
    device, failures, names = Device(), Failures(), list[str]()
    install_virtual_camera(monkeypatch, device)
    camera = VirtualCamera(names.append, failures)
    camera.show(lambda: grey(10, 25, 33))
    device.wait(1)
    assert camera.close(PATIENCE_S)
    assert (device.images[0].shape, failures.all) == ((24, 32, 3), [])


def test_another_shape_lies_within_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    device, failures, names = Device(), Failures(), list[str]()
    install_virtual_camera(monkeypatch, device)
    camera = VirtualCamera(names.append, failures)
    for count, image in enumerate((grey(10), grey(20, 48, 32), grey(30, 12, 64)), 1):
        camera.show(lambda image=image: image)  # type: ignore[misc] # bound now
        device.wait(count)
    assert camera.close(PATIENCE_S)
    _, tall, wide = (image[..., 0] for image in device.images)
    assert (np.unique(tall[:, 8:24]).tolist(), tall[:, :8].max(), tall[:, 24:].max()) == ([20], 0, 0)
    assert (np.unique(wide[9:15]).tolist(), wide[:9].max(), wide[15:].max()) == ([30], 0, 0)


def test_a_photo_is_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    device, failures, names = Device(), Failures(), list[str]()
    install_virtual_camera(monkeypatch, device)
    camera = VirtualCamera(names.append, failures)
    camera.show(lambda: grey(10, 4320, 4320))
    device.wait(1)
    assert camera.close(PATIENCE_S)
    assert device.images[0].shape == (2160, 2160, 3)
    assert failures.all == []


def test_a_frame_that_stays_is_sent_again_for_programs_that_begin_later(monkeypatch: pytest.MonkeyPatch) -> None:
    device, failures, names = Device(), Failures(), list[str]()
    install_virtual_camera(monkeypatch, device)
    camera = VirtualCamera(names.append, failures)
    camera.show(lambda: grey(10))
    device.wait_until(lambda: device.sent == 3)
    assert camera.close(PATIENCE_S)
    assert len(device.images) == 1


def test_a_device_that_breaks_is_said_once_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    device, failures, names = Device(), Failures(), list[str]()
    install_virtual_camera(monkeypatch, device)
    camera = VirtualCamera(names.append, failures)
    camera.show(lambda: grey(10))
    device.wait(1)
    device.broken = True
    camera.show(lambda: grey(20))
    assert failures.came.wait(PATIENCE_S)
    camera.show(lambda: grey(30))
    assert camera.close(PATIENCE_S)
    assert (len(failures.all), len(device.images), device.closed) == (1, 1, 1)


@pytest.mark.parametrize(
    ("platform", "loaded", "allowed", "said"),
    [
        ("linux", False, True, "sudo modprobe v4l2loopback exclusive_caps=1 (package"),
        ("linux", True, False, "usermod"),
        ("linux", True, True, "modprobe -r"),
        ("win32", False, True, "OBS"),
        ("darwin", False, True, "OBS"),
    ],
)
def test_what_is_wrong_with_the_driver_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, loaded: bool, allowed: bool, said: str
) -> None:
    install_virtual_camera(monkeypatch, None)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(virtual_camera_driver, "LOOPBACK_NODES", tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: allowed)
    if loaded:
        (tmp_path / "video7").mkdir()
    with pytest.raises(AppError) as raised:
        check_virtual_camera()
    assert said in raised.value.hint


@pytest.mark.parametrize("packaged", [False, True])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, packaged: bool) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    monkeypatch.setattr(sys, "frozen", packaged, raising=False)
    with pytest.raises(AppError) as raised:
        check_virtual_camera()
    assert "pip install pyvirtualcam" in raised.value.hint
    assert ("packaged program" in raised.value.hint) == packaged


def test_the_package_itself_takes_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    library: Any = pytest.importorskip("pyvirtualcam", reason="the extra virtual-camera is not installed")
    device, names = Device(), list[str]()

    class Backend:
        def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None) -> None:
            self.shape = height, width, 3

        def send(self, frame: np.ndarray) -> None:
            device.take(frame.reshape(self.shape))

        def device(self) -> str:
            return NAME

        def close(self) -> None:
            device.closed += 1

    monkeypatch.setattr(library.camera, "BACKENDS", {"fake": Backend})
    failures = Failures()
    camera = VirtualCamera(names.append, failures)
    camera.show(lambda: np.tile(np.array([1, 2, 3], np.uint8), (24, 32, 1)))
    device.wait(1)
    assert camera.close(PATIENCE_S)
    assert device.images[0][0, 0].tolist() == [1, 2, 3]
    assert (device.closed, failures.all) == (1, [])
