"""Asks the NVIDIA driver for a GPU without loading torch: most computers have none, and torch takes seconds."""

from __future__ import annotations

import ctypes
import sys

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def has_nvidia_gpu() -> bool:
    """Returns whether the driver is there and sees at least one GPU; never raises."""
    try:
        driver = ctypes.CDLL(LIBRARY)
        count = ctypes.c_int(0)
        return bool(driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0)
    except (OSError, AttributeError):
        return False
