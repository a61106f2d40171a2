"""Checks that an OpenCV build has all the program needs: ``python -m tools.package.check_opencv``.

Every name the code uses is there; image files of all kinds but AVIF (which PyAV reads) can be read back; the Unicode
font draws; cameras are read by the system's own means. For the small one: PYTHONPATH=build/small_opencv.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from app.core.file_types import IMAGE_SUFFIXES

ROOT = Path(__file__).resolve().parents[2]
_NAME = re.compile(r"\bcv2\.([A-Za-z_][\w.]*)")
_READ_BY_PYAV = {".avif"}
_ELSEWHERE = ("dnn", "CAP_MSMF", "CAP_DSHOW", "CAP_AVFOUNDATION")
"""The baseline of `bench`, which a bundle does not have; and other systems' cameras, whose numbers are there anyway."""


def missing_names() -> Iterator[str]:
    """Returns the names that the code uses and this OpenCV lacks."""
    used = set()
    for folder in ("app", "detector"):
        for file in (ROOT / folder).rglob("*.py"):
            used |= {name.rstrip(".") for name in _NAME.findall(file.read_text("utf-8"))}
    for name in sorted(used):
        if name.startswith(_ELSEWHERE):
            continue
        value: object = cv2
        for part in name.split("."):
            value = getattr(value, part, None)
        if value is None:
            yield name


def unreadable_kinds() -> Iterator[str]:
    """Endings of image files that cannot be written and read back."""
    image = np.full((96, 128, 3), (40, 120, 220), np.uint8)
    for suffix in sorted(IMAGE_SUFFIXES - _READ_BY_PYAV):
        stored = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if suffix in (".pgm", ".pbm") else image
        try:
            done, data = cv2.imencode(suffix, stored)
            back = cv2.imdecode(data, cv2.IMREAD_COLOR) if done else None
        except cv2.error:
            back = None
        if back is None or back.shape != image.shape:
            yield suffix


def draws(text: str) -> bytes:
    """The pixels of a text."""
    image = np.zeros((64, 64, 3), np.uint8)
    cv2.putText(image, text, (8, 48), (255, 255, 255), cv2.FontFace("sans"), 32)
    return image.tobytes()


def main() -> int:
    """Prints what is wrong; returns 1 if anything is."""
    wrong = [f"no cv2.{name}" for name in missing_names()]
    wrong += [f"no {suffix} images" for suffix in unreadable_kinds()]
    if len({draws(letter) for letter in ("", "車", "人", "я")}) < 4:
        wrong.append("no Unicode font")
    if sys.platform.startswith("linux"):
        backends = [
            cv2.videoio_registry.getBackendName(backend) for backend in cv2.videoio_registry.getCameraBackends()
        ]
        if "V4L2" not in backends:
            wrong.append("no cameras by V4L2")
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        print(f"OpenCV {cv2.__version__} in {Path(cv2.__file__).parent} does what is asked of it.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
