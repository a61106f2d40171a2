"""Lists versions, devices, codecs and cameras, before anything is done with them."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from app.lab.self_test.checks import Check

_TORCH = ("torch", "torchvision")
_PACKAGES = (*_TORCH, "openvino", "opencv-python-headless", "av", "numpy", "PySide6-Essentials")
_DECODERS = ("h264", "hevc", "av1", "vp9", "mpeg4", "aac", "opus", "mp3")


def versions() -> Iterator[Check]:
    """Lists the versions of program, Python, system and packages."""
    from app import __version__

    yield Check("ssd-viewer", None, f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    for package in _PACKAGES:
        try:
            yield Check(package, True, metadata.version(package))
        except metadata.PackageNotFoundError:
            packaged = getattr(sys, "frozen", False)
            detail = "not in this version of the program" if packaged and package in _TORCH else "version unknown"
            yield Check(package, None if packaged else False, detail)


def devices() -> Iterator[Check]:
    """Lists the devices that networks can run on."""
    from detector.runtime.devices import available_devices

    for device, name in available_devices():
        yield Check(f"device {device}", True, name)


def codecs() -> Iterator[Check]:
    """Lists the encoders and decoders."""
    import av

    from app.core.muxing.encoder import encoder_opens
    from app.core.muxing.presets import ENCODERS

    known = dict.fromkeys(name for names in ENCODERS.values() for name in names)
    opening = [name for name in known if encoder_opens(name)]
    yield Check("video encoders", bool(opening), ", ".join(opening) or "none opens")
    missing = [name for name in _DECODERS if name not in av.codecs_available]
    detail = ", ".join(name for name in _DECODERS if name not in missing)
    yield Check("decoders", not missing, detail + (f"; missing: {', '.join(missing)}" if missing else ""))


def cameras() -> Iterator[Check]:
    """Lists the connected cameras; having none is no failure."""
    from app.core.sources.cameras import list_cameras

    found = list_cameras()
    yield Check("cameras", None, ", ".join(f"{c.number} {c.name}" for c in found) or "none connected")
