"""``vivid`` as a camera of ``tools.watch_hour``, and its files: frames are known by stream and number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np

from tools.camera_lab.clock_text import ClockText
from tools.camera_lab.watch_program import CAME, DIGITS, DROPPED, EACH, FPS
from tools.watch_hour.check import CameraCheck
from tools.watch_hour.evidence import Line, Shown


class VividCamera:
    """As much of a ``GeneratedCamera`` as its check asks for: what it sent.

    Args:
        folder: Where ``watch_program`` wrote down what came.

    Attributes:
        dropped: How many frames no recording has, because the encoder was too slow.
    """

    url, number, fps = "camera:0", 0, FPS

    def __init__(self, folder: Path) -> None:
        came = [tuple(map(int, line.split())) for line in (folder / CAME).read_text().splitlines()]
        dropped = set(map(int, (folder / DROPPED).read_text().split()))
        self.dropped = len(dropped)
        self._kept = {index for index, captured_ns in came if captured_ns not in dropped}
        self._came_s = {index: captured_ns / 1e9 for index, captured_ns in came}
        self._first_s: dict[int, float] = {}
        for index, came_s in self._came_s.items():
            self._first_s.setdefault(index // EACH, came_s)

    def sent_s(self, index: int) -> float | None:
        """See ``GeneratedCamera``: when the frame came, which is all that the program can know."""
        return self._came_s[index]

    def lacking(self, first: int, last: int) -> int:
        """Returns how many of these frames never came, or were dropped and counted."""
        return sum(index not in self._kept for index in range(first, last + 1))

    def stream_at(self, moment_s: float) -> int:
        """Returns the last stream that had begun by then."""
        return max(stream for stream, first_s in self._first_s.items() if first_s <= moment_s)


class VividCheck(CameraCheck):
    """Knows exactly which frames are not to be expected."""

    def _torn(self, first: int, last: int) -> int:
        assert isinstance(self._camera, VividCamera)
        return self._camera.lacking(first, last)

    def _recordings(self) -> None:
        super()._recordings()
        looked = [each for part in self._parts for each in part[:-1] if not self._torn(each.index, each.index)]
        full = {each.index for each in looked if self._was_full(each.at_s, each.at_s)}
        if lost := sorted({each.index for each in looked} - self._recorded - full):
            self._say(f"{len(lost)} frames that came are in no recording, the first is {lost[0]}")


def files_reader(folder: Path, camera: VividCamera, lines: Sequence[Line]) -> Callable[[Path], tuple[int, Shown]]:
    """Returns what plays a file as ``frames_of`` does.

    Args:
        folder: That of ``watch_program``.
        camera: Knows the streams.
        lines: Of the program; a file is told when its stream has ended, at the latest.
    """
    text = ClockText.load(folder / DIGITS)
    streams = {str(line.data["path"]): camera.stream_at(line.at_s) for line in lines if "path" in line.data}

    def read(path: Path) -> tuple[int, Shown]:
        numbers, times_s = [], []
        with av.open(str(path)) as video:
            for frame in video.decode(video=0):
                number = text.number(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
                if number < 0 or frame.pts is None or frame.time_base is None:
                    raise ValueError("a frame shows no number")
                numbers.append(streams[str(path)] * EACH + number)
                times_s.append(float(frame.pts * frame.time_base))
        return 0, Shown(tuple(numbers), tuple(times_s))

    return read
