"""A camera through OpenCV. Opened, read and closed on ``ssdv-capture``.

Any call may block for as long as the driver likes, so whoever waits for one has a deadline (``app.core.live.capture``).
"""

from __future__ import annotations

import logging
import os
import sys
import time
from fractions import Fraction
from pathlib import Path

from app.core.errors import AppError
from app.core.frames import Frame, SourceInfo
from app.core.sources.base import SourceLostError, SourceOptions, frame_from_bgr
from app.core.sources.cameras import CameraInfo, find_camera, list_cameras
from app.core.workers import Deadline

# Read by OpenCV when it is loaded or opens a device: MSMF's hardware transforms make opening take a minute, and the
# V4L2 reader should give up on a dead device long before its 10 s.
os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "3")
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")

import cv2

log = logging.getLogger(__name__)

_MISSES = 3  # reads in a row without a frame, after which the camera is gone; an unplugged one fails at once


class CameraSource:
    """A camera's frames.

    Args:
        query: Number, name or stable id.
        options: Resolution and rate to ask for; the camera may choose others.

    Raises:
        AppError: No such camera, no permission, in use.
    """

    def __init__(self, query: str, options: SourceOptions) -> None:
        camera = find_camera(query, list_cameras())
        self.reopen_uri = camera.uri
        self._name = camera.name
        self._capture = _open(camera, options)
        self._notes: list[str] = []
        self._timeout_s = options.first_frame_s
        self._index = 0
        self._first: Frame | None = None
        self._first = self._grab()
        self._timeout_s = options.stall_s
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        fps = Fraction(rate).limit_denominator(1001) if 1.0 <= rate <= 1000.0 else None
        self.info = SourceInfo("camera", camera.name, self._first.width, self._first.height, fps)
        asked = options.resolution
        if asked is not None and asked != (self.info.width, self.info.height):
            self._notes.append(
                f"{camera.name} gives {self.info.width} x {self.info.height} instead of {asked[0]} x {asked[1]}."
            )

    def read(self) -> Frame:
        """The next frame; waits for it.

        Raises:
            SourceLostError: Unplugged, or the driver gave up.
        """
        first, self._first = self._first, None
        return first or self._grab()

    def take_notes(self) -> tuple[str, ...]:
        """A line if the camera gives another size than was asked for."""
        notes, self._notes = tuple(self._notes), []
        return notes

    def close(self) -> None:
        """Release the device."""
        self._capture.release()

    def _grab(self) -> Frame:
        give_up = Deadline(self._timeout_s)
        for _ in range(_MISSES):
            good, image = self._capture.read()
            captured_ns = time.monotonic_ns()
            if good and image is not None and image.size:
                index, self._index = self._index, self._index + 1
                return frame_from_bgr(image, index, None, captured_ns)  # type: ignore[arg-type] # CONVERT_RGB is on
            if give_up.left_s == 0:
                break
        if self._index == 0:
            self._capture.release()
            raise AppError(
                f"{self._name} is not sending video; another program may be using it.",
                "Close that program and try again.",
            )
        raise SourceLostError(f"{self._name} stopped sending video.", "Was it unplugged? Reconnecting…")


def _open(camera: CameraInfo, options: SourceOptions) -> cv2.VideoCapture:
    check_device(camera)
    for backend, index in ((camera.backend, camera.index), *camera.other_places):
        capture = _open_place(index, backend, _asked(backend, options))
        if capture is not None:
            return capture
    if sys.platform == "darwin":
        raise AppError(f"{camera.name} cannot be opened.", "Allow camera access in System Settings, Privacy.")
    raise AppError(
        f"{camera.name} cannot be opened; another program may be using it.", "Close that program and try again."
    )


def check_device(camera: CameraInfo) -> None:
    """Tells, on Linux, why a camera cannot be opened before OpenCV only says that it cannot.

    Raises:
        AppError: The device is not there, or this user may not read it.
    """
    if sys.platform != "linux":
        return
    device = Path(f"/dev/video{camera.index}")
    if not device.exists():
        others = ", ".join(f"{other.number} ({other.name})" for other in list_cameras())
        raise AppError(
            f"There is no camera {camera.index}.", f"There are: {others}." if others else "No camera is connected."
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise AppError(
            f"No permission to use camera {camera.index} ({camera.name}).", "Add yourself to the group 'video'."
        )


def _open_place(index: int, backend: int, asked: dict[int, int]) -> cv2.VideoCapture | None:
    """Open a device and ask for resolution, rate and format.

    DirectShow builds its graph when it opens a device, and ignores a pixel format that is set later. Other interfaces
    refuse to open at all where the camera cannot do what it is asked at once, so they are asked afterwards.
    """
    if backend == cv2.CAP_DSHOW and asked:
        capture = cv2.VideoCapture(index, backend, [number for pair in asked.items() for number in pair])
        if capture.isOpened():
            return capture
        capture.release()
    capture = cv2.VideoCapture(index, backend)
    if not capture.isOpened():
        capture.release()
        return None
    for prop, value in asked.items():
        capture.set(prop, value)
    return capture


def _asked(backend: int, options: SourceOptions) -> dict[int, int]:
    """Values to ask for, by property. MJPG comes first: most cameras send few uncompressed frames a second."""
    asked: dict[int, int] = {}
    wants_something = options.resolution is not None or options.fps > 0
    if backend in (cv2.CAP_V4L2, cv2.CAP_DSHOW) or (backend == cv2.CAP_MSMF and wants_something):
        asked[cv2.CAP_PROP_FOURCC] = cv2.VideoWriter.fourcc(*"MJPG")
    if options.resolution is not None:
        asked[cv2.CAP_PROP_FRAME_WIDTH], asked[cv2.CAP_PROP_FRAME_HEIGHT] = options.resolution
    if options.fps > 0:
        asked[cv2.CAP_PROP_FPS] = options.fps
    return asked
