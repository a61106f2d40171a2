"""``python -m tools.camera_lab.watch_program FOLDER LOG watch …``: that of ``tools.watch_hour``, for ``vivid``.

It opens the camera in its smallest size, as all is emulated. A frame's number in LOG is that of the stream times
``EACH`` and the number that the camera wrote into it, which begins anew with every stream. In FOLDER are the shapes of
the digits, and it writes there the number and ``captured_ns`` of each frame that the camera gave (``CAME``), and the
latter of those that recordings lack because the encoder was too slow (``DROPPED``).
"""

from __future__ import annotations

import contextlib
import functools
import sys
from pathlib import Path
from typing import TextIO
from unittest.mock import patch

from app.core.frames import Frame
from app.core.recording.frame_encoder import FrameEncoder, ImageMaker
from app.core.sources import base, camera
from tools.camera_lab.clock_text import ClockText
from tools.fixtures.coded_images import ImageBGR
from tools.watch_hour import program

SIZE, FPS = (320, 180), 5
EACH = 100_000
DIGITS, CAME, DROPPED = "digits.npy", "came.log", "dropped.log"


class Arrivals:
    """Writes down which frames came.

    Args:
        text: Reads what they show.
        came: Told of each frame.
        dropped: Told of those that no recording has.
    """

    def __init__(self, text: ClockText, came: TextIO, dropped: TextIO) -> None:
        self._text, self._came, self._dropped = text, came, dropped
        self._stream, self._last = 0, 0
        self._make, self._encode = base.frame_from_bgr, FrameEncoder.frame

    def frame(self, image: ImageBGR, index: int, pts_s: None, captured_ns: int) -> Frame:
        """As ``frame_from_bgr``, on the camera's thread."""
        number = self._text.number(image)
        if number >= 0:
            self._stream += number <= self._last
            self._last = number
            self._came.write(f"{self._stream * EACH + number} {captured_ns}\n")
        return self._make(image, index, pts_s, captured_ns)

    def read_number(self, image: ImageBGR) -> tuple[int, int]:
        """As that of ``tools.watch_hour``, on the detector's thread: the stream is the present one."""
        number = self._text.number(image)
        return (0, self._stream * EACH + number) if number >= 0 else (-1, -1)

    def encode(self, encoder: FrameEncoder, captured_ns: int, make: ImageMaker) -> bool:
        """As ``FrameEncoder.frame``."""
        taken = self._encode(encoder, captured_ns, make)
        if not taken:
            self._dropped.write(f"{captured_ns}\n")
        return taken


def main() -> int:
    """Runs the program described above."""
    folder = Path(sys.argv.pop(1))
    text = ClockText.load(folder / DIGITS)
    options = functools.partial(base.SourceOptions, resolution=SIZE, fps=FPS, open_timeout_s=30, first_frame_s=20)
    with contextlib.ExitStack() as stack:
        came, dropped = (
            stack.enter_context((folder / name).open("w", buffering=1, encoding="utf-8")) for name in (CAME, DROPPED)
        )
        arrivals = Arrivals(text, came, dropped)
        for place, name, value in (
            (program, "read_number", arrivals.read_number),
            (base, "SourceOptions", options),
            (camera, "frame_from_bgr", arrivals.frame),
            (FrameEncoder, "frame", functools.partialmethod(_encode, arrivals)),
        ):
            stack.enter_context(patch.object(place, name, value))
        return program.main()


def _encode(encoder: FrameEncoder, arrivals: Arrivals, captured_ns: int, make: ImageMaker) -> bool:
    return arrivals.encode(encoder, captured_ns, make)


if __name__ == "__main__":
    sys.exit(main())
