"""Lists cameras without starting any: asking the system is quick, starting blocks and lights their lamps.

Safe to call from any thread; it may take some hundred milliseconds, so not from the GUI's.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path

from app.core.errors import AppError
from app.core.sources.base import CAMERA
from app.core.sources.v4l2 import formats_of

log = logging.getLogger(__name__)

BY_ID = Path("/dev/v4l/by-id")


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera the system knows.

    Attributes:
        index: OpenCV's number for it with ``backend``, and with no other; changes when cameras come and go.
        name: For people.
        stable_id: The same after a reboot or when plugged in again, as far as the system allows.
        backend: OpenCV's number of the interface (``cv2.CAP_V4L2``...).
        formats: Sizes with their pixel formats and rates, a line each, largest first; empty unless asked for, and where
            the system tells them only to a program that starts the camera.
        other_places: The same device with other interfaces: (backend, index) each.
        first_number: Added to the index for people, so that cameras of several interfaces have different numbers.
    """

    index: int
    name: str
    stable_id: str
    backend: int
    formats: tuple[str, ...] = ()
    other_places: tuple[tuple[int, int], ...] = ()
    first_number: int = 0

    @property
    def number(self) -> int:
        """The number people use."""
        return self.first_number + self.index

    @property
    def uri(self) -> str:
        """The name that ``open_source`` and the settings use."""
        return CAMERA + self.stable_id


def list_cameras(ask_formats: bool = False) -> list[CameraInfo]:
    """Cameras in the system's order; empty where there is none or the system cannot say.

    Args:
        ask_formats: Fill in ``formats``; on Linux only.
    """
    cameras: list[CameraInfo] = []
    taken: set[str] = set()
    for entry in _merged([_entries(backend) for backend in system_backends()]):
        stable_id = _stable_id(entry)
        if stable_id in taken:  # two of one model, told apart by their place only
            stable_id = f"{stable_id}#{entry.index}"
        taken.add(stable_id)
        formats = formats_of(entry.path) if ask_formats and entry.path else ()
        name = entry.name or f"Camera {entry.index}"
        places = tuple(entry.other_places)
        cameras.append(CameraInfo(entry.index, name, stable_id, entry.backend, formats, places, entry.first_number))
    return cameras


def find_camera(query: str, cameras: list[CameraInfo]) -> CameraInfo:
    """The camera called ``query``: a number, a stable id, a name, or the one name that contains it.

    A number that is not listed is taken at its word, since some drivers are not listed.

    Raises:
        AppError: No such camera, or several.
    """
    if query.isascii() and query.isdigit() and len(query) < 5:
        index = int(query)
        listed = next((camera for camera in cameras if camera.number == index), None)
        return listed or CameraInfo(index, f"Camera {index}", query, system_backends()[0])
    folded = query.casefold()
    rules = (
        lambda camera: camera.stable_id == query,
        lambda camera: _without_interface(camera.stable_id) == _without_interface(query),
        lambda camera: camera.name.casefold() == folded,
        lambda camera: folded in camera.name.casefold(),
    )
    for rule in rules:
        matches = [camera for camera in cameras if rule(camera)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            numbers = ", ".join(str(camera.number) for camera in matches)
            raise AppError(f"Several cameras are called {query!r}.", f"Use a number: {numbers}.")
    names = ", ".join(f"{camera.number} ({camera.name})" for camera in cameras)
    raise AppError(f"No camera {query!r}.", f"There are: {names}." if names else "No camera is connected.")


def system_backends(platform: str = sys.platform) -> tuple[int, ...]:
    """OpenCV's numbers of the interfaces that cameras have on this system, the preferred one first."""
    import cv2

    if platform == "win32":
        return cv2.CAP_MSMF, cv2.CAP_DSHOW
    return (cv2.CAP_AVFOUNDATION,) if platform == "darwin" else (cv2.CAP_V4L2,)


@dataclass(slots=True)
class _Entry:
    """A camera as one interface lists it, and where others list it."""

    index: int
    backend: int
    name: str
    path: str
    vid: int | None
    pid: int | None
    other_places: list[tuple[int, int]] = field(default_factory=list)
    first_number: int = 0

    def is_same(self, other: _Entry) -> bool:
        """Returns whether both are one device."""
        if self.path and other.path:
            return _without_interface(self.path) == _without_interface(other.path)
        return (self.name, self.vid, self.pid) == (other.name, other.vid, other.pid)


def _without_interface(path: str) -> str:
    """The part of Windows' path of a device that is the same with each interface; they end in "#{...}"."""
    return path.casefold().partition("#{")[0]


def _entries(backend: int) -> list[_Entry]:
    import cv2_enumerate_cameras

    try:
        found = sorted(cv2_enumerate_cameras.enumerate_cameras(backend), key=lambda camera: camera.index)
    except (OSError, NotImplementedError, RuntimeError) as error:
        log.info("cameras cannot be listed: %s", error)
        return []
    return [_Entry(c.index, backend, c.name or "", c.path or "", c.vid, c.pid) for c in found]


def _merged(lists: list[list[_Entry]]) -> list[_Entry]:
    """Each device once. Interfaces number devices differently, so an index must not be tried with another interface."""
    usual, *others = lists
    for entries in others:
        alone = []
        for entry in entries:
            matches = [known for known in usual if known.is_same(entry)]
            if not matches:
                entry.first_number = entry.backend if usual else 0  # as OpenCV itself tells interfaces apart
                alone.append(entry)
            elif len(matches) == 1 and sum(matches[0].is_same(other) for other in entries) == 1:
                matches[0].other_places.append((entry.backend, entry.index))
        usual = usual + alone
    return usual


def _stable_id(entry: _Entry) -> str:
    """Linux: the udev link of the device. Elsewhere: the device path without its changing parts, else vid:pid."""
    if entry.path.startswith("/dev/"):
        if BY_ID.is_dir():
            for link in sorted(BY_ID.iterdir()):
                if link.resolve() == Path(entry.path).resolve():
                    return link.name
    elif entry.path:
        return entry.path
    if entry.vid is not None and entry.pid is not None:
        return f"{entry.vid:04x}:{entry.pid:04x}"
    return entry.name or str(entry.index)
