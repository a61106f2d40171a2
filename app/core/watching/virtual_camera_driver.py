"""Why there is no virtual camera to be had, as far as the system tells."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.core.errors import AppError

LOOPBACK_NODES = Path("/sys/devices/virtual/video4linux")
"""Linux: a folder for each device of v4l2loopback."""
DEVICES = Path("/dev")


def no_virtual_camera() -> AppError:
    """Returns what is wrong with the driver, given that no camera of it could be opened."""
    if not sys.platform.startswith("linux"):
        return AppError(
            "There is no virtual camera to be had: OBS Studio's virtual camera is missing or in use.",
            "Install OBS Studio, start its virtual camera once, and close it.",
        )
    devices = [DEVICES / node.name for node in LOOPBACK_NODES.glob("video*")]
    if not devices:
        return AppError(
            "There is no virtual camera to be had: v4l2loopback is missing.",
            "Load it: sudo modprobe v4l2loopback exclusive_caps=1 (package v4l2loopback-dkms).",
        )
    if not any(os.access(device, os.R_OK | os.W_OK) for device in devices):
        return AppError(
            f"No permission to use the virtual camera {devices[0]}.",
            "Add yourself to its group, sudo usermod -aG video NAME, and log in again.",
        )
    return AppError(
        "The virtual camera is in use.",
        "End the other program that shows something on it. If there is none: "
        "sudo modprobe -r v4l2loopback && sudo modprobe v4l2loopback exclusive_caps=1.",
    )
