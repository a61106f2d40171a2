"""The drawn view as a camera that other programs can open: ``ssdv-virtual-camera``. Needs the extra ``virtual-camera``.

A driver of the system's makes the camera: v4l2loopback on Linux, OBS on Windows and macOS.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from app.core.channels import LatestSlot
from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.core.sources.fitting import fitted
from app.core.watching.virtual_camera_driver import no_virtual_camera
from app.core.workers import Worker

log = logging.getLogger(__name__)

_FPS = 30
"""What is announced; frames come when they come."""
_TRIED = 640, 480


class VirtualCamera:
    """Shows images to other programs, each as soon as it is made; what comes faster than that is left out.

    Args:
        on_failure: Told once, on the camera's thread, when nothing can be shown any more.
    """

    def __init__(self, on_failure: Callable[[AppError], None]) -> None:
        self._on_failure = on_failure
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
        try:
            while not stop.is_set() and not self._images.closed:
                make = self._images.take()
                if make is None:
                    continue
                image = make()
                if camera is None:
                    camera = _open(image.shape[1], image.shape[0])
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
        camera.send(fitted(image, (camera.width, camera.height)))
    except (RuntimeError, OSError) as error:
        log.info("the virtual camera failed: %s", error)
        raise AppError("The virtual camera takes no more frames.", "Everything else goes on without it.") from error


def _open(width: int, height: int) -> Any:
    """Returns pyvirtualcam's camera, which is not typed; in an even size, as two rows or columns share their colours.

    Raises:
        AppError: The package or the driver is missing, or the camera is in use.
    """
    try:
        import pyvirtualcam
    except ImportError:
        raise AppError(
            "A virtual camera needs the package pyvirtualcam.", "Install it: pip install pyvirtualcam."
        ) from None
    try:
        size = max(2, width // 2 * 2), max(2, height // 2 * 2)
        return pyvirtualcam.Camera(*size, _FPS, fmt=pyvirtualcam.PixelFormat.BGR)
    except RuntimeError as error:
        log.info("no virtual camera: %s", error)
        raise no_virtual_camera() from error
