"""The test driver ``vivid`` as a webcam that can be plugged in and pulled out. Runs inside the machine, as root."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from pathlib import Path

_LAB = Path("/run/lab")
_DRIVER = Path("/sys/bus/platform/drivers/vivid")
_NODES = Path("/sys/class/video4linux")

# struct v4l2_queryctrl: id, type, name[32], minimum, maximum, step, default, flags, reserved[2]
# struct v4l2_control: id, value
_QUERY = struct.Struct("=2I32s4i3I")
_CONTROL = struct.Struct("=Ii")
_QUERY_CONTROL, _SET_CONTROL = 0xC0445624, 0xC008561C
_NEXT = 0x80000000


def load(**options: str) -> None:
    """Load the driver: its cameras are plugged in."""
    given = [f"{name}={value}" for name, value in options.items()]
    subprocess.run([_LAB / "busybox", "insmod", _LAB / "vivid.ko", *given], check=True)


def unload() -> None:
    """Take the driver out; nobody may have a device open."""
    subprocess.run([_LAB / "busybox", "rmmod", "vivid"], check=True)


def unplug() -> None:
    """Pull the driver's cameras out, whoever is using them: their nodes disappear at once."""
    (_DRIVER / "unbind").write_text("vivid.0")


def plug() -> None:
    """Plug them in again."""
    (_DRIVER / "bind").write_text("vivid.0")


def node_names() -> dict[int, str]:
    """Number of /dev/video* -> the name the kernel gives it."""
    return {int(node.name[5:]): (node / "name").read_text().strip() for node in _NODES.glob("video*")}


def set_control(device: int, name: str, value: int = 0) -> None:
    """Turn one of the driver's knobs, as any other program may while the camera runs."""
    handle = os.open(f"/dev/video{device}", os.O_RDWR | os.O_NONBLOCK)
    try:
        number = _NEXT
        while True:  # the driver ends it with an error after the last control
            answer = fcntl.ioctl(handle, _QUERY_CONTROL, _QUERY.pack(number, 0, b"", 0, 0, 0, 0, 0, 0, 0))
            number, _, found, *_ = _QUERY.unpack(answer)
            if found.rstrip(b"\0").decode() == name:
                fcntl.ioctl(handle, _SET_CONTROL, _CONTROL.pack(number, value))
                return
            number |= _NEXT
    finally:
        os.close(handle)
