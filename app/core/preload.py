"""Loads native libraries so that the window stays alive. Called on workers, before the packages are used.

Importing a package maps its libraries while the interpreter's lock is held, which stops the GUI thread: up to a second
for torch. Asking the system's loader directly (a foreign call, made without that lock) takes most of it away; the
import that follows finds the libraries in memory. And two threads must not load at once: the second waits for the
system's loader with the interpreter's lock in hand. So everything heavy is loaded here, one package at a time, what
the image needs first. Where it cannot be done ahead nothing is lost.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from app.core.models import user_library
from app.core.settings import ModelSettings
from detector.errors import DetectorError

log = logging.getLogger(__name__)

_ENDING = {"linux": ".so", "darwin": ".dylib"}
_TORCH = ("libtorch_cpu", "libtorch", "libtorch_python")
_lock = threading.Lock()


def preload_media() -> None:
    """Load what reads images: OpenCV and PyAV. Returns when that is done; never raises."""
    with _lock:
        _load_media()


def preload_for(model: ModelSettings) -> None:
    """Load what runs ``model``: torch's libraries or OpenVINO. What is wrong with it its opening will say."""
    from detector.runtime.open import needs_torch

    try:
        if needs_torch(user_library().find(model.name), model.device):
            preload_torch()
        else:
            preload_openvino()
    except DetectorError as error:
        log.info("not loaded ahead: %s", error)


def preload_openvino() -> None:
    """Load OpenVINO, once; returns when that is done. Never raises."""
    from detector.runtime import openvino_runtime

    with _lock:
        _load_media()
        if "openvino" not in sys.modules:
            _map("openvino", "_pyopenvino*")
            try:
                openvino_runtime.load_openvino()
            except DetectorError as error:
                log.info("not loaded ahead: %s", error)


def preload_torch() -> None:
    """Map torch's libraries into memory, once; returns when that is done. Never raises."""
    ending = _ENDING.get(sys.platform)
    with _lock:
        if ending is not None and "torch" not in sys.modules:
            _load_media()
            _map("torch", *(f"lib/{name}{ending}" for name in _TORCH))


def _load_media() -> None:
    if "cv2" not in sys.modules:
        _map("cv2", "cv2*.so")
    if "av" not in sys.modules:
        _map("av", "_core*.so")
    try:
        import av  # noqa: F401  # the import is what is wanted
        import cv2  # noqa: F401
    except ImportError as error:
        log.info("not loaded ahead: %s", error)  # opening a source will say what is missing


def _map(package: str, *patterns: str) -> None:
    """Have the system's loader map the libraries of ``package`` that match, with all they need."""
    found = importlib.util.find_spec(package)
    if sys.platform not in _ENDING or found is None or found.origin is None:
        return
    folder = Path(found.origin).parent
    _map_files(path for pattern in patterns for path in sorted(folder.glob(pattern)))


def _map_files(paths: Iterable[Path]) -> None:
    try:
        dlopen = ctypes.CDLL(None).dlopen
    except (OSError, AttributeError) as error:
        log.info("nothing is loaded ahead: %s", error)
        return
    dlopen.restype, dlopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
    for path in paths:
        if not dlopen(os.fsencode(path), os.RTLD_LAZY | os.RTLD_LOCAL):
            log.info("%s is not loaded ahead", path.name)
