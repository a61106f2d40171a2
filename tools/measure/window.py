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

BEGUN = time.perf_counter()


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
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from app.core.settings import Settings
    from app.core.stats import LiveStats
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

    gaps: list[float] = []
    seen: list[LiveStats] = []
    memory: list[float] = []
    opened = time.perf_counter()
    last = opened
    ready_s = 0.0

    def beat() -> None:
        nonlocal last, ready_s
        now = time.perf_counter()
        gaps.append((now - last) * 1000)
        last = now
        result = window.stage.view.result
        if not ready_s and result is not None and result.candidates is not None:
            ready_s = now - opened
            if record:
                window.actions_by_name["record"].trigger()
        if now - opened > seconds:
            application.quit()

    def sample() -> None:
        stats = window.services.controller.stats()
        if stats is not None and stats.detector_fps:
            seen.append(stats)
            memory.append(resident_mb())

    heart, sampler = QTimer(), QTimer()
    heart.timeout.connect(beat)
    heart.start(5)
    sampler.timeout.connect(sample)
    sampler.start(2500)
    application.exec()
    garbage.close()
    window.close()
    recorded = [recorded_text(folder)] if record else []
    if not seen:
        return ["nothing was detected"]
    settled = memory[len(memory) // 4 :]
    typical = {name: statistics.median(getattr(stats, name) for stats in seen) for name in LiveStats.__slots__}
    silence = sorted(gaps[1:])
    return [
        f"window up, imports of Qt included  {up_s:.2f} s",
        f"first detection after opening      {ready_s:.2f} s",
        f"longest silence of the GUI thread  {silence[-1]:.1f} ms; p99.9 {silence[len(silence) * 999 // 1000]:.1f}",
        "per second: camera {camera_fps:.1f}, detector {detector_fps:.1f}, screen {screen_fps:.1f}".format(**typical),
        "in the detector                    {latency_p50_ms:.1f} ms p50, {latency_p95_ms:.1f} p95".format(**typical),
        "age of a frame at paint            {frame_age_p50_ms:.1f} ms p50, {frame_age_p95_ms:.1f} p95".format(
            **typical
        ),
        f"memory, MiB                        {settled[0]:.0f} after a quarter, {settled[-1]:.0f} at the end, "
        f"{max(settled):.0f} at most; rates and times are medians of {len(seen)} windows of 2.5 s",
        *recorded,
    ]


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
