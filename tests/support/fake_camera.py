"""Cameras without a camera: what the system lists, and what OpenCV opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np


@dataclass
class Listed:
    """One entry of cv2_enumerate_cameras."""

    index: int
    name: str | None
    path: str | None = None
    vid: int | None = None
    pid: int | None = None


class FakeCapture:
    """``cv2.VideoCapture`` of a camera that gives ``frames`` and then nothing, at once, as after an unplug."""

    opened = True
    frames = 3
    size = (640, 480)
    made: list[FakeCapture]

    def __init__(self, index: int, backend: int, params: Sequence[int] = ()) -> None:
        self.index = index
        self.place = backend, index
        self.params = tuple(params)
        self.asked: dict[int, float] = {}
        self.left = type(self).frames
        self.released = False
        self.reads = 0
        type(self).made.append(self)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return type(self).opened

    def set(self, prop: int, value: float) -> bool:
        self.asked[prop] = value
        return True

    def get(self, prop: int) -> float:
        return 29.97 if prop == cv2.CAP_PROP_FPS else 0.0

    def read(self) -> tuple[bool, Any]:
        self.reads += 1
        if self.left <= 0:
            return False, None
        self.left -= 1
        width, height = type(self).size
        return True, np.full((height, width, 3), self.left, np.uint8)

    def release(self) -> None:
        self.released = True
