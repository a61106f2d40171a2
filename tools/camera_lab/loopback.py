"""Checks the view as a camera of other programs on the driver v4l2loopback; runs inside the machine, as root.

Only where ``build/camera_lab`` has ``v4l2loopback.ko`` and, in ``python``, pyvirtualcam: docs/cameras.md.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from app.core.errors import AppError
from app.core.watching.virtual_camera import check_virtual_camera
from tools.fixtures.coded_images import ImageBGR
from tools.watch_hour.cameras import SIZES, HttpCamera
from tools.watch_hour.clock import SetClock
from tools.watch_hour.picture import Picture, is_there
from tools.watch_hour.program import LABEL, MODEL, read_number

MODULE = Path("/run/lab/v4l2loopback.ko")
PACKAGE = Path("build/camera_lab/python")
BUSYBOX = MODULE.with_name("busybox")
FPS, FRAMES = 5, 40
SLIGHT = 50  # of 255: what JPEG and the driver's halved colours make of a pixel
LABEL_PX, LINE_PX = 40, 6  # what is drawn reaches no further above an object, and beside it


def checks() -> tuple[Callable[[], str], ...]:
    """Returns the checks, none where driver or package are missing."""
    if not (MODULE.exists() and PACKAGE.is_dir()):
        return ()
    sys.path.insert(0, str(PACKAGE.resolve()))
    return no_driver_is_said, the_view_is_a_camera_with_its_boxes


def no_driver_is_said() -> str:
    return _refused("missing")


def the_view_is_a_camera_with_its_boxes() -> str:
    subprocess.run([BUSYBOX, "ifconfig", "lo", "up"], check=True)
    subprocess.run([BUSYBOX, "insmod", MODULE, "exclusive_caps=1"], check=True)
    camera = HttpCamera(0, FPS)
    with _watched(camera.url):
        frames = _read()
        busy = _refused("in use")
    camera.unplug()
    subprocess.run([BUSYBOX, "rmmod", "v4l2loopback"], check=True)
    numbers = [read_number(frame)[1] for frame in frames]
    assert numbers == sorted(numbers), numbers
    assert len(set(numbers)) > FRAMES // 4, numbers
    picture = Picture(0, SIZES[0], FPS)
    drawn = [_check_drawn(frame, picture, number) for frame, number in zip(frames, numbers, strict=True)]
    assert any(drawn), numbers
    return f"a box on {sum(drawn)} of {FRAMES} frames, those with an object; another program: {busy}"


def _refused(why: str) -> str:
    """Returns what is said when there is no virtual camera to be had."""
    said = ""
    try:
        check_virtual_camera()
    except AppError as error:
        said = str(error)
    assert why in said, said or "there is one to be had"
    return said


@contextlib.contextmanager
def _watched(url: str) -> Iterator[None]:
    """Lets the program show the view of ``url``; entered when an object was seen."""
    clock = SetClock(MODULE.with_name("clock"))
    command = [sys.executable, "-m", "tools.watch_hour.program", os.devnull, str(clock.file), "watch", url]
    command += ["--virtual-camera", "--model", MODEL, "--on", LABEL]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.resolve())}
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert program.stdout is not None
        assert any('"began"' in line for line in program.stdout)
        yield
    finally:
        program.terminate()
        assert program.wait(60) == 0


def _read() -> list[ImageBGR]:
    """Returns what OpenCV sees."""
    capture = cv2.VideoCapture(0, cv2.CAP_V4L2)
    try:
        read = [capture.read() for _ in range(FRAMES)]
    finally:
        capture.release()
    assert all(good and (frame.shape[1], frame.shape[0]) == SIZES[0] for good, frame in read)
    return [frame.astype(np.uint8, copy=False) for _, frame in read]


def _check_drawn(frame: ImageBGR, picture: Picture, number: int) -> bool:
    """Returns whether there is an object on a frame, after checking that it has a box and nothing else is drawn."""
    width, height = SIZES[0]
    plain = np.frombuffer(picture.frame(number), np.uint8).reshape(height, width, 3)
    other = np.abs(frame.astype(int) - plain).max(axis=2) > SLIGHT
    if is_there(number, FPS):
        red = plain[..., 2].astype(int) - plain[..., 1] > 100
        left, top, across, down = cv2.boundingRect(red.astype(np.uint8))
        inside = other[top + LINE_PX : top + down - LINE_PX, left + LINE_PX : left + across - LINE_PX]
        assert inside.mean() < 0.01, f"frame {number}: its colours are not those it had"
        beside = slice(max(0, left - LINE_PX), left + across + LINE_PX)
        rim = other[top - LABEL_PX : top + down + LINE_PX, beside].sum()
        assert rim > across, f"frame {number}: no box"
        other[top - LABEL_PX : top + down + LINE_PX, max(0, left - LINE_PX) : left + across + 3 * LABEL_PX] = False
    assert other.sum() < 50, f"frame {number}: {other.sum()} pixels are not as they were"
    return is_there(number, FPS)
