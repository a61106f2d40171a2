"""Loads torch's native libraries so that the window stays alive. Called on a worker, before torch is imported.

``import torch`` maps some hundred megabytes of libraries while holding the interpreter's lock, which stops the GUI
thread for up to a second. Asking the system's loader directly (a foreign call, made without the lock) takes most of
that away; the import that follows finds the libraries in memory. Where it cannot be done nothing is lost.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import sys
import threading
from pathlib import Path

from app.core.models import user_shelf
from app.core.settings import ModelSettings
from detector.errors import DetectorError

log = logging.getLogger(__name__)

_ENDING = {"linux": ".so", "darwin": ".dylib"}
_LIBRARIES = ("libtorch_cpu", "libtorch", "libtorch_python")
_lock = threading.Lock()


def preload_for(model: ModelSettings) -> None:
    """As ``preload_torch``, where the model needs torch. What is wrong with the model its opening will say."""
    from detector.runtime.open import needs_torch

    try:
        needed = needs_torch(user_shelf().find(model.name), model.device)
    except DetectorError:
        return
    if needed:
        preload_torch()


def preload_torch() -> None:
    """Map torch's libraries into memory, once; returns when that is done. Never raises."""
    ending = _ENDING.get(sys.platform)
    with _lock:
        if ending is None or "torch" in sys.modules:
            return
        # These are loaded by the capture thread at the same time; while ours holds the system loader, theirs would
        # wait for it with the interpreter's lock in hand.
        import av  # noqa: F401
        import cv2  # noqa: F401

        found = importlib.util.find_spec("torch")
        if found is None or found.origin is None:
            return
        try:
            dlopen = ctypes.CDLL(None).dlopen
        except (OSError, AttributeError) as error:
            log.info("torch is not loaded ahead: %s", error)
            return
        dlopen.restype, dlopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
        for name in _LIBRARIES:
            path = Path(found.origin).parent / "lib" / f"{name}{ending}"
            if path.is_file() and not dlopen(os.fsencode(path), os.RTLD_LAZY | os.RTLD_LOCAL):
                log.info("%s is not loaded ahead", path.name)
