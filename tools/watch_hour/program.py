"""``python -m tools.watch_hour.program LOG CLOCK watch …``: the command line, with a detector that notes what it sees.

The detector knows the red thing by its colour, and the frame by its number. Each line of LOG is a frame it was given:
camera, number, ``time.monotonic_ns()``, 1 where it saw something.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO
from unittest.mock import patch

import cv2
import numpy as np

from app.cli import main as command_line
from detector.detections import Candidates
from detector.library import ModelLibrary
from detector.model_file import ModelEntry
from detector.runtime import open as runtime_open
from detector.runtime.base import AnyFrame
from tools.fixtures.coded_images import ImageBGR, read_frame_index
from tools.fixtures.fixed_detector import SPEC, FixedDetector
from tools.watch_hour.clock import wall_clock
from tools.watch_hour.picture import camera_and_index

MODEL = "red-things"
LABEL = "thing"
_LEAST_RED = 60  # more than green


class RedDetector(FixedDetector):
    """Finds what is red.

    Args:
        log: Told of each frame.
    """

    def __init__(self, log: TextIO) -> None:
        super().__init__()
        self.spec = replace(SPEC, name=MODEL, labels=(LABEL,))
        self._log = log

    def candidates_batch(
        self, frames: Sequence[AnyFrame], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        """Returns the red thing of each frame."""
        return [self._look(frame) for frame in frames]

    def _look(self, frame: AnyFrame) -> Candidates:
        assert isinstance(frame, np.ndarray)
        red = (frame[..., 2].astype(np.int16) - frame[..., 1] > _LEAST_RED).astype(np.uint8)
        left, top, width, height = cv2.boundingRect(cv2.medianBlur(red, 5))
        there = width * height > frame.shape[0] * frame.shape[1] // 50
        camera, index = read_number(frame)
        if camera >= 0:  # the model is tried on a frame of one colour first
            self._log.write(f"{camera} {index} {time.monotonic_ns()} {int(there)}\n")
        if not there:
            return Candidates.empty()
        box = np.array([[left, top, left + width, top + height]], np.float32)
        return Candidates(box, np.array([0.9], np.float32), np.array([0], np.int32))


def read_number(frame: ImageBGR) -> tuple[int, int]:
    """Returns (camera, number) of a frame, (-1, -1) of one that shows none."""
    try:
        return camera_and_index(read_frame_index(frame[: frame.shape[0] // 2, : frame.shape[1] // 2]))
    except ValueError:
        return -1, -1


def main() -> int:
    """Runs the program described above."""
    log_path, clock, *arguments = sys.argv[1:]
    entry = ModelEntry(MODEL, replace(SPEC, name=MODEL, labels=(LABEL,)), Path(f"{MODEL}.safetensors"), False)

    def find(_library: ModelLibrary, _name: str) -> ModelEntry:
        return entry

    def all_there_are(_library: ModelLibrary) -> list[ModelEntry]:
        return [entry]

    with contextlib.ExitStack() as stack:
        stack.enter_context(wall_clock(Path(clock)))
        log = stack.enter_context(Path(log_path).open("w", buffering=1, encoding="utf-8"))
        stack.enter_context(patch.object(ModelLibrary, "find", find))
        stack.enter_context(patch.object(ModelLibrary, "list", all_there_are))
        stack.enter_context(patch.object(runtime_open, "open_detector", lambda *_args, **_kwargs: RedDetector(log)))
        return command_line(arguments)


if __name__ == "__main__":
    sys.exit(main())
