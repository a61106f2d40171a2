"""Stands in for pyvirtualcam and the driver below it: a camera that keeps what it is sent."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

PATIENCE_S = 60.0
NAME = "/dev/video7"


class Device:
    """What other programs would see.

    Attributes:
        images: All images, UInt8[H, W, 3] BGR; one that is sent again and again is here once.
        sent: How often one was sent.
        broken: Whether nothing can be sent any more.
        closed: How many cameras were closed.
    """

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []
        self.broken = False
        self.opened = self.closed = self.sent = 0
        self.changed = threading.Condition()

    def take(self, image: np.ndarray) -> None:
        """Is sent an image."""
        if self.broken:
            raise OSError("the device is gone")
        with self.changed:
            self.sent += 1
            if not self.images or not np.array_equal(image, self.images[-1]):
                self.images.append(image.copy())
            self.changed.notify_all()

    def wait(self, count: int) -> None:
        """Until so many images have come."""
        self.wait_until(lambda: len(self.images) >= count)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Until something holds of what was sent."""
        with self.changed:
            assert self.changed.wait_for(ready, PATIENCE_S)


def install_virtual_camera(monkeypatch: pytest.MonkeyPatch, device: Device | None) -> None:
    """Installs a pyvirtualcam whose driver is ``device``; None for a system without one."""

    class Camera:
        def __init__(self, width: int, height: int, fps: float, *, fmt: str) -> None:
            assert (fmt, fps) == ("BGR", 30)
            if device is None:
                raise RuntimeError("'v4l2loopback' backend: No v4l2 loopback device found")
            self.width, self.height, self.device = width, height, NAME
            device.opened += 1

        def send(self, image: np.ndarray) -> None:
            assert device is not None
            if image.shape != (self.height, self.width, 3):
                raise ValueError("unexpected frame shape")
            device.take(image)

        def close(self) -> None:
            assert device is not None
            device.closed += 1

    module: Any = SimpleNamespace(Camera=Camera, PixelFormat=SimpleNamespace(BGR="BGR"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
