"""``python -m tools.watch_hour --minutes 10``: a scripted hour of trouble, and what ``watch`` makes of it.

Generated cameras (Motion JPEG over HTTP, HLS, RTSP where GStreamer's server is installed) show their frames' numbers
and something red that comes and goes. In every 100 s each is unplugged, frozen, resized and restarted; the disk fills
up; and it is midnight, or the clock is set back. ``ssd-viewer watch``, a process of its own, records and keeps clips.
Then every event that the detector saw must be there once, in one clip that plays, has each frame at its time and begins
and ends as asked; every frame must be in a recording; memory, threads and descriptors must not grow.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tools.watch_hour.cameras import GeneratedCamera, HttpCamera, RtspCamera, no_rtsp
from tools.watch_hour.check import CameraCheck, Figures
from tools.watch_hour.clock import SetClock
from tools.watch_hour.disk import SmallDisk
from tools.watch_hour.evidence import Line, read_log
from tools.watch_hour.hls_camera import HlsCamera, HlsCheck
from tools.watch_hour.losses import unfound, untold
from tools.watch_hour.program import LABEL, MODEL
from tools.watch_hour.resources import Usage, UsageWatch, growth, usage_text
from tools.watch_hour.script import Trouble, play, steps

BEFORE_S, AFTER_S = 2.0, 1.0
_BYTES_PER_S = 0.9  # MB of all cameras, recorded and as clips
_END_S = 60.0


class Program:
    """``ssd-viewer watch``, as a process.

    Args:
        folder: For all that it writes.
        cameras: What it watches.
        clock: Its clock.
        segment_s: Length of a recording, seconds.
    """

    def __init__(self, folder: Path, cameras: Sequence[GeneratedCamera], clock: SetClock, segment_s: float) -> None:
        self.log = folder / "detector.log"
        self.files = folder / "disk"
        self.lines: list[Line] = []
        self._changed = threading.Condition()
        self.errors = folder / "errors.txt"
        options = {
            "--model": MODEL,
            "--on": LABEL,
            "--record": self.files / "recordings",
            "--clips": self.files / "clips",
            "--before": f"{BEFORE_S}s",
            "--after": f"{AFTER_S}s",
            "--segment": f"{segment_s}s",
            "--keep-free": "1KB",
            "--gone": "2s",
            "--health": folder / "health.json",
        }
        words = [str(word) for option in options.items() for word in option]
        command = [sys.executable, "-m", "tools.watch_hour.program", str(self.log), str(clock.file), "watch"]
        home = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("CONFIG", "DATA", "CACHE", "STATE")}
        with self.errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [*command, *(camera.url for camera in cameras), *words],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | home,
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def number(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait_open(self, count: int) -> bool:
        """Waits until so many cameras are open; False where that takes too long."""

        def are_open() -> bool:
            return len([line for line in self.lines if line.data["type"] == "open"]) >= count

        with self._changed:
            return self._changed.wait_for(are_open, _END_S)

    def end(self) -> int:
        """Asks it to end, and returns its exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout:
            for line in self._process.stdout:
                with self._changed:
                    self.lines.append(Line(time.monotonic(), json.loads(line)))
                    self._changed.notify_all()


def watch_hour(folder: Path, seconds: float, rtsp: bool = True, segment_s: float = 30.0) -> tuple[Figures, list[Usage]]:
    """Runs the script and checks what is kept.

    Args:
        folder: Empty; for everything.
        seconds: How long.
        rtsp: Whether there is an RTSP camera besides.
        segment_s: Length of a recording.
    """
    figures = Figures()
    cameras: list[GeneratedCamera] = [HttpCamera(0), *([RtspCamera(1)] if rtsp else []), HlsCamera(2)]
    clock = SetClock(folder / "clock")
    (folder / "disk").mkdir()
    with SmallDisk(folder / "disk", 100 + int(seconds * _BYTES_PER_S)) as disk:
        if disk.missing:
            print(f"left out: {disk.missing}")
        program = Program(folder, cameras, clock, segment_s)
        with UsageWatch(program.number) as usage, contextlib.ExitStack() as ending:
            for camera in cameras:
                ending.callback(camera.unplug)
            if not program.wait_open(len(cameras)):
                figures.wrong.append("not all cameras were opened")
            begin_s = time.monotonic()
            troubles = play(steps(cameras, disk, clock, seconds), seconds, lambda: program.is_over)
            end_s = time.monotonic()
            code = program.end()
        if code:
            figures.wrong.append(f"the program ended with {code}: {program.errors.read_text()[-500:]}")
        _check(program, cameras, clock, troubles, (begin_s, end_s), figures)
    figures.wrong += growth(usage.seen)
    return figures, usage.seen


def _check(
    program: Program,
    cameras: Sequence[GeneratedCamera],
    clock: SetClock,
    troubles: Sequence[Trouble],
    span_s: tuple[float, float],
    figures: Figures,
) -> None:
    full_s = [(trouble.begin_s, trouble.end_s) for trouble in troubles if trouble.name == "disk full"]
    looked = read_log(program.log)
    for camera in cameras:
        seen = looked.get(camera.number, [])
        own = [trouble for trouble in troubles if trouble.camera == camera.number]
        told = [line for line in program.lines if line.data.get("source") == camera.url]
        gone = [line for line in told if line.data.get("what") == "gone"]
        is_hls = isinstance(camera, HlsCamera)
        losses = [*unfound(seen, own, *span_s), *untold(gone, own, least=0 if is_hls else 1)]
        figures.wrong += [f"camera {camera.number}: {line}" for line in losses]
        check = HlsCheck if is_hls else CameraCheck
        lines = [line for line in told if line.data.get("what") != "gone"]
        check(camera, lines, seen, clock, (BEFORE_S, AFTER_S), full_s, figures).check()
    figures.wrong += [f"{path.name} is left unfinished" for path in program.files.rglob("*.part")]
    figures.wrong += [f"{text}" for text in program.errors.read_text().splitlines() if "Traceback" in text]


def main() -> int:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="A scripted hour of trouble in ten minutes.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--folder", type=Path, help="an empty folder; what is kept besides recordings stays there")
    options = parser.parse_args()
    if no_rtsp():
        print(f"left out: {no_rtsp()}")
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        figures, usage = watch_hour(folder, 60 * options.minutes, rtsp=not no_rtsp())
    print(f"{figures.events} events, {figures.clips} clips, {figures.recordings} recordings")
    print(f"{figures.excused} events without a clip while the disk was full")
    typical_ms, most_ms = (1000 * float(np.percentile(figures.frames_s or [0.0], share)) for share in (95, 100))
    print(f"95 % of the frames at most {typical_ms:.0f} ms from their times, all {most_ms:.0f} ms, ", end="")
    print(f"beginnings of files {figures.worst_start_s * 1000:.0f} ms")
    print(usage_text(usage))
    for line in figures.wrong:
        print(f"wrong: {line}")
    print("as it should be" if not figures.wrong else f"{len(figures.wrong)} things are wrong")
    return 1 if figures.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
