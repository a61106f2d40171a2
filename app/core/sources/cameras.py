"""Which cameras there are, without starting any: asking the system is quick, starting blocks and lights their lamps.

Safe to call from any thread; it may take some hundred milliseconds, so not from the GUI's.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import AppError
from app.core.sources.base import CAMERA
from app.core.sources.v4l2 import formats_of

log = logging.getLogger(__name__)

_BY_ID = Path("/dev/v4l/by-id")


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera the system knows.

    Attributes:
        index: What OpenCV calls it with ``backend``; changes when cameras come and go.
        name: For people.
        stable_id: The same after a reboot or when plugged in again, as far as the system allows.
        backend: OpenCV's number of the interface (``cv2.CAP_V4L2``...).
        formats: Sizes with their pixel formats and rates, a line each, largest first; empty unless asked for, and where
            the system tells them only to a program that starts the camera.
    """

    index: int
    name: str
    stable_id: str
    backend: int
    formats: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """The name that ``open_source`` and the settings use."""
        return CAMERA + self.stable_id


def list_cameras(ask_formats: bool = False) -> list[CameraInfo]:
    """Cameras in the system's order; empty where there is none or the system cannot say.

    Args:
        ask_formats: Fill in ``formats``; on Linux only.
    """
    import cv2_enumerate_cameras

    backend = _backend()
    try:
        found = sorted(cv2_enumerate_cameras.enumerate_cameras(backend), key=lambda camera: camera.index)
    except (OSError, NotImplementedError, RuntimeError) as error:
        log.info("cameras cannot be listed: %s", error)
        return []
    cameras: list[CameraInfo] = []
    taken: set[str] = set()
    for camera in found:
        stable_id = _stable_id(camera.path, camera.vid, camera.pid, camera.name, camera.index)
        if stable_id in taken:  # two of one model, told apart by their place only
            stable_id = f"{stable_id}#{camera.index}"
        taken.add(stable_id)
        formats = formats_of(camera.path) if ask_formats and camera.path else ()
        cameras.append(CameraInfo(camera.index, camera.name or f"Camera {camera.index}", stable_id, backend, formats))
    return cameras


def find_camera(wanted: str, cameras: list[CameraInfo]) -> CameraInfo:
    """The camera called ``wanted``: a number, a stable id, a name, or the one name that contains it.

    A number that is not listed is taken at its word, since some drivers are not listed.

    Raises:
        AppError: No such camera, or several.
    """
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 5:
        index = int(wanted)
        listed = next((camera for camera in cameras if camera.index == index), None)
        return listed or CameraInfo(index, f"Camera {index}", wanted, _backend())
    folded = wanted.casefold()
    rules = (
        lambda camera: camera.stable_id == wanted,
        lambda camera: camera.name.casefold() == folded,
        lambda camera: folded in camera.name.casefold(),
    )
    for rule in rules:
        matches = [camera for camera in cameras if rule(camera)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            numbers = ", ".join(str(camera.index) for camera in matches)
            raise AppError(f"Several cameras are called {wanted!r}.", f"Use a number: {numbers}.")
    names = ", ".join(f"{camera.index} ({camera.name})" for camera in cameras)
    raise AppError(f"No camera {wanted!r}.", f"There are: {names}." if names else "No camera is connected.")


def _backend() -> int:
    import cv2

    if sys.platform == "win32":
        return cv2.CAP_MSMF
    return cv2.CAP_AVFOUNDATION if sys.platform == "darwin" else cv2.CAP_V4L2


def _stable_id(path: str | None, vid: int | None, pid: int | None, name: str, index: int) -> str:
    """Linux: the udev link of the device. Elsewhere: the device path without its changing parts, else vid:pid."""
    if path and path.startswith("/dev/"):
        if _BY_ID.is_dir():
            for link in sorted(_BY_ID.iterdir()):
                if link.resolve() == Path(path).resolve():
                    return link.name
    elif path:
        return path
    if vid is not None and pid is not None:
        return f"{vid:04x}:{pid:04x}"
    return name or str(index)
