"""Measures the window while it shows a live camera: `python -m tools.measure.window [--minutes 10] [--record drawn]`.

Uses the real window, session and network; the camera is a Motion JPEG server in another process, 60 frames per second.
Prints the time to the first paint, the longest silence of the GUI thread, the age of the frames at paint, and memory;
with ``--record``, it records meanwhile, and says how many frames a second are in the file.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.core.stats import LiveStats
    from app.ui.main_window import MainWindow

BEGUN = time.perf_counter()
_BEAT_MS = 5
_SAMPLE_MS = 2500
_TYPICAL = (
    "per second: camera {camera_fps:.1f}, detector {detector_fps:.1f}, screen {screen_fps:.1f}",
    "in the detector                    {latency_p50_ms:.1f} ms p50, {latency_p95_ms:.1f} p95",
    "age of a frame at paint            {frame_age_p50_ms:.1f} ms p50, {frame_age_p95_ms:.1f} p95",
)


def serve(size: tuple[int, int], fps: float, pipe: Connection) -> None:
    """Runs the camera's process: sends its address, serves until it is told to end."""
    from tools.fixtures.mjpeg_server import MjpegServer

    with MjpegServer(fps=fps, size=size) as camera:
        pipe.send(camera.url)
        pipe.recv()


def resident_mb() -> float:
    """Returns the resident memory of this process, MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20


def recorded_text(folder: Path) -> str:
    """Says what is in the recordings of a folder."""
    import av

    frames, length_s = 0, 0.0
    for path in folder.glob("*.mp4"):
        with av.open(str(path)) as video:
            stream = video.streams.video[0]
            times_s = [float(packet.pts * packet.time_base) for packet in video.demux(stream) if packet.pts is not None]
        frames, length_s = frames + len(times_s), length_s + max(times_s) - min(times_s)
    rate = frames / length_s if length_s else 0.0
    return f"recorded                           {rate:.1f} frames a second, {length_s:.0f} s"


class Observer:
    """Watches the window by two timers: every few milliseconds for silences, now and then for rates and memory.

    Args:
        window: Shown; its source is being opened.
        seconds: After this time the event loop is left.
        record: Whether to record from the first detection on.
    """

    def __init__(self, window: MainWindow, seconds: float, record: bool) -> None:
        from PySide6.QtCore import QTimer

        self._window, self._seconds, self._record = window, seconds, record
        self._opened = self._last = time.perf_counter()
        self.ready_s = 0.0
        """From opening to the first detection."""
        self.gaps_ms: list[float] = []
        """Between two turns of the event loop."""
        self.stats: list[LiveStats] = []
        self.memory_mb: list[float] = []
        self._heart, self._sampler = QTimer(), QTimer()
        self._heart.timeout.connect(self._beat)
        self._heart.start(_BEAT_MS)
        self._sampler.timeout.connect(self._sample)
        self._sampler.start(_SAMPLE_MS)

    def _beat(self) -> None:
        from PySide6.QtWidgets import QApplication

        now = time.perf_counter()
        self.gaps_ms.append((now - self._last) * 1000)
        self._last = now
        result = self._window.stage.view.result
        if not self.ready_s and result is not None and result.candidates is not None:
            self.ready_s = now - self._opened
            if self._record:
                self._window.actions_by_name["record"].trigger()
        if now - self._opened > self._seconds:
            QApplication.quit()

    def _sample(self) -> None:
        stats = self._window.services.controller.stats()
        if stats is not None and stats.detector_fps:
            self.stats.append(stats)
            self.memory_mb.append(resident_mb())

    def report(self) -> list[str]:
        """Returns what was seen, line by line."""
        from app.core.stats import LiveStats

        if not self.stats:
            return ["nothing was detected"]
        memory = self.memory_mb[len(self.memory_mb) // 4 :]
        typical = {
            name: statistics.median(getattr(stats, name) for stats in self.stats) for name in LiveStats.__slots__
        }
        silence = sorted(self.gaps_ms[1:])
        return [
            f"first detection after opening      {self.ready_s:.2f} s",
            f"longest silence of the GUI thread  {silence[-1]:.1f} ms; p99.9 {silence[len(silence) * 999 // 1000]:.1f}",
            *(line.format(**typical) for line in _TYPICAL),
            f"memory, MiB                        {memory[0]:.0f} after a quarter, {memory[-1]:.0f} at the end, "
            f"{max(memory):.0f} at most",
            f"rates and times are medians of {len(self.stats)} windows of {_SAMPLE_MS / 1000} s",
        ]


def watch(url: str, seconds: float, model: str, record: str, folder: Path) -> list[str]:
    """Opens the window on ``url``; returns the report.

    Args:
        url: The camera.
        seconds: How long.
        model: The model's name.
        record: How it is recorded meanwhile; "" for not at all.
        folder: Where recordings go.
    """
    gc.disable()  # as the program does
    from PySide6.QtWidgets import QApplication

    from app.core.settings import Settings
    from app.ui.main import build_window
    from app.ui.services.garbage import GarbageCollector

    gc.freeze()
    application = QApplication(sys.argv[:1])
    settings = Settings()
    recording = replace(settings.recording, mode=record or "clean", folder=str(folder))
    settings = replace(settings, model=replace(settings.model, name=model), recording=recording)
    window = build_window(application, settings, None)
    window.show()
    application.processEvents()
    up_s = time.perf_counter() - BEGUN
    garbage = GarbageCollector(application)
    window.open_source(url)
    window.services.library.refresh_models()
    observer = Observer(window, seconds, bool(record))
    application.exec()
    garbage.close()
    window.close()
    recorded = [recorded_text(folder)] if record else []
    return [f"window up, imports of Qt included  {up_s:.2f} s", *observer.report(), *recorded]


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), metavar=("W", "H"))
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--record", choices=("clean", "drawn", "both"), default="", help="record meanwhile")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    camera = context.Process(target=serve, args=(tuple(options.size), options.fps, there), daemon=True)
    camera.start()
    url = here.recv()
    global BEGUN
    BEGUN = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for line in watch(url, options.minutes * 60, options.model, options.record, Path(folder)):
            print(line)
    here.send(None)
    camera.join(5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
