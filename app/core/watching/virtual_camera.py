"""The drawn view as a camera that other programs can open: ``ssdv-virtual-camera``. Needs the extra ``virtual-camera``.

A driver of the system's makes the camera: v4l2loopback on Linux, OBS on Windows and macOS.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from app.core.channels import LatestSlot
from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.core.sources.fitting import fitted
from app.core.watching.virtual_camera_driver import no_virtual_camera
from app.core.workers import Worker

log = logging.getLogger(__name__)

_FPS = 30
"""What is announced; frames come when they come."""
_AGAIN_S = 0.2
"""After so long without another the last image is sent again: programs that begin to look wait for one."""
_TRIED = 640, 480
_MOST = 3840, 2160
"""Width and height; who looks at cameras takes no more."""
_PACKAGED = "The packaged program is without it. Run ssd-viewer by a Python of yours, with: pip install pyvirtualcam."


class VirtualCamera:
    """Shows images to other programs, each as soon as it is made; what comes faster than that is left out.

    Args:
        on_open: Told once, on the camera's thread, what the camera is called that other programs see.
        on_failure: Told once, on the camera's thread, when nothing can be shown any more.
    """

    def __init__(self, on_open: Callable[[str], None], on_failure: Callable[[AppError], None]) -> None:
        self._on_open, self._on_failure = on_open, on_failure
        self._images: LatestSlot[Callable[[], ImageBGR]] = LatestSlot()
        self.worker = Worker("virtual-camera", self._run, self._broken)
        self.worker.start()

    def show(self, make: Callable[[], ImageBGR]) -> None:
        """Takes the next image; returns at once.

        Args:
            make: Returns it, UInt8[H, W, 3], on the camera's thread.
        """
        self._images.put(make)

    def close(self, deadline_s: float) -> bool:
        """Ends; True when that was done within ``deadline_s``."""
        self.worker.stop()
        self._images.close()
        return self.worker.join(deadline_s)

    def _run(self, stop: threading.Event) -> None:
        camera: Any = None
        image: ImageBGR | None = None
        try:
            while not stop.is_set() and not self._images.closed:
                make = self._images.take(None if image is None else _AGAIN_S)
                if make is not None:
                    made = make()
                    if camera is None:
                        camera = _open(*_size_for(made))
                        self._on_open(str(camera.device))
                    image = _within(made, (camera.width, camera.height))
                if image is not None and not self._images.closed:
                    _send(camera, image)
        finally:
            if camera is not None:
                camera.close()

    def _broken(self, error: BaseException) -> None:
        if not isinstance(error, AppError):
            log.error("the virtual camera failed", exc_info=error)
            error = AppError("The virtual camera failed.", "Everything else goes on without it.")
        self._images.close()
        self._on_failure(error)


def check_virtual_camera() -> None:
    """Opens a virtual camera for a moment.

    Raises:
        AppError: There can be none here; says what is missing.
    """
    _open(*_TRIED).close()


def _send(camera: Any, image: ImageBGR) -> None:
    try:
        camera.send(image)
    except (RuntimeError, OSError) as error:
        log.info("the virtual camera failed: %s", error)
        raise AppError("The virtual camera takes no more frames.", "Everything else goes on without it.") from error


def _size_for(image: ImageBGR) -> tuple[int, int]:
    """Returns the width and height of a camera for images like this one, which may be a photo of any size."""
    height, width = image.shape[:2]
    scale = min(1.0, _MOST[0] / width, _MOST[1] / height)
    return round(width * scale), round(height * scale)


def _within(image: ImageBGR, size: tuple[int, int]) -> ImageBGR:
    """Returns the image scaled to lie in (width, height), black beside it where its shape is another."""
    width, height = size
    scale = min(width / image.shape[1], height / image.shape[0])
    inner_width, inner_height = (max(1, round(side * scale)) for side in (image.shape[1], image.shape[0]))
    scaled = fitted(image, (inner_width, inner_height))
    if (inner_width, inner_height) == size:
        return scaled
    whole = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    whole[top : top + inner_height, left : left + inner_width] = scaled
    return whole


def _open(width: int, height: int) -> Any:
    """Returns pyvirtualcam's camera, which is not typed; in an even size, as two rows or columns share their colours.

    Raises:
        AppError: The package or the driver is missing, or the camera is in use.
    """
    try:
        import pyvirtualcam
    except ImportError:
        hint = _PACKAGED if getattr(sys, "frozen", False) else "Install it: pip install pyvirtualcam."
        raise AppError("A virtual camera needs the package pyvirtualcam.", hint) from None
    try:
        size = max(2, width // 2 * 2), max(2, height // 2 * 2)
        return pyvirtualcam.Camera(*size, _FPS, fmt=pyvirtualcam.PixelFormat.BGR)
    except RuntimeError as error:
        log.info("no virtual camera: %s", error)
        raise no_virtual_camera() from error
