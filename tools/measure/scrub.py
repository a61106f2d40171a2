"""``python -m tools.measure.scrub [VIDEO]``: measures from a click on the timeline to the frame with boxes.

Uses the real window. VIDEO is analysed first if need be (next to a link to it, so nothing is written to its folder);
without VIDEO, a 720p clip is made with the encoder's default of one key frame in 250. Then the mouse clicks at random
positions of the timeline, paused, and drags the slider along part of it. Measures the time from the event (for a drag,
its last movement) to the end of the first paint of a frame with boxes, which may be one on the way, and to the end of
the paint of the frame that was asked for.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from detector.bundled_files import bundled_path

if TYPE_CHECKING:
    from app.core.frames import FrameResult
    from app.ui.main_window import MainWindow

_TIMEOUT_S = 20.0
_DRAG_STEPS, _DRAG_STEP_S = 20, 0.016
_WANTED_MS = 100
Times = tuple[float, float]
"""Milliseconds until any frame with boxes is shown, and until the requested one is."""


def made_clip(target: Path, seconds: int) -> Path:
    """Writes the sample clip at 1280 x 720, repeated."""
    sample = bundled_path("assets") / "demo.mp4"
    rate, written = 30, 0
    with av.open(str(target), "w") as copy:
        stream = copy.add_stream("libx264", rate=rate, options={"preset": "veryfast", "sc_threshold": "0"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        while written < seconds * rate:
            with av.open(str(sample)) as given:
                for frame in given.decode(given.streams.video[0]):
                    scaled = frame.reformat(1280, 720, "yuv420p")
                    scaled.pts, scaled.time_base = written, Fraction(1, rate)
                    copy.mux(stream.encode(scaled))
                    written += 1
        copy.mux(stream.encode(None))
    return target


def analyse(video: Path, model: str) -> None:
    """Fills the cache next to ``video``."""
    from app.core.export.job import ExportJob
    from app.core.export.request import DataFile, ExportRequest
    from app.core.settings import ModelSettings

    request = ExportRequest(
        video, None, (DataFile(video.with_suffix(".jsonl"), "jsonl"),), ModelSettings(model, "auto", "auto")
    )
    report = ExportJob(request).run()
    print(f"{report.frames} frames analysed by {report.model} in {report.seconds:.0f} s", flush=True)


def times_of(video: Path) -> list[Fraction]:
    """Returns the times of the frames, relative to the first."""
    from app.core.sources.video import VideoReader

    reader = VideoReader(video)
    try:
        found = []
        while (frame := reader.read_frame()) is not None:
            found.append(frame.pts_s)
        return found
    finally:
        reader.close()


class Clicker:
    """Clicks and waits, on the GUI thread.

    Args:
        window: Visible, with an analysed video open and paused.
        times: Times of its frames, seconds.
    """

    def __init__(self, window: MainWindow, times: list[Fraction]) -> None:
        self._window = window
        self._times = times
        self._shown: list[tuple[float, Fraction]] = []

        def painted(result: FrameResult) -> None:
            if result.candidates is not None and result.frame.pts_s is not None:
                self._shown.append((time.perf_counter(), result.frame.pts_s))

        window.stage.view.painted.connect(painted)

    def click(self, place: float) -> Times:
        """Clicks on the first row of the timeline, at ``place`` of its length (0..1)."""
        from PySide6.QtCore import QPoint, Qt
        from PySide6.QtTest import QTest

        rows = self._window.stage.timeline.body
        track = rows.track
        at = QPoint(track.x() + round(place * (track.width() - 1)), rows.row_height // 2)
        begun = time.perf_counter()
        return self._until_shown(
            begun, lambda: QTest.mouseClick(rows, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
        )

    def drag(self, start: float, end: float) -> Times:
        """Drags the slider's handle at the pace of mouse reports; measures from the last one."""
        slider = self._window.stage.playback.slider
        slider.setSliderDown(True)
        for step in range(1, _DRAG_STEPS):
            slider.setSliderPosition(round((start + (end - start) * step / _DRAG_STEPS) * slider.maximum()))
            self._wait(_DRAG_STEP_S)
        begun = time.perf_counter()

        def last() -> None:
            slider.setSliderPosition(round(end * slider.maximum()))

        try:
            return self._until_shown(begun, last)
        finally:
            slider.setSliderDown(False)

    def _until_shown(self, begun: float, act: Callable[[], None]) -> Times:
        from PySide6.QtWidgets import QApplication

        asked: list[float] = []

        def note(seconds: float) -> None:
            asked.append(seconds)

        for source in (self._window.stage.timeline.seek, self._window.stage.playback.seek):
            source.connect(note)
        self._shown.clear()
        try:
            act()
            if not asked:  # the slider was there already
                return 0.0, 0.0
            wanted = self._frame_at(asked[-1])
            while time.perf_counter() - begun < _TIMEOUT_S:
                QApplication.processEvents()
                if self._shown and self._shown[-1][1] == wanted:
                    return (self._shown[0][0] - begun) * 1000, (self._shown[-1][0] - begun) * 1000
            raise SystemExit(f"the frame at {float(wanted):.3f} s was not shown")
        finally:
            for source in (self._window.stage.timeline.seek, self._window.stage.playback.seek):
                source.disconnect(note)

    def _frame_at(self, seconds: float) -> Fraction:
        """Returns the last frame not later than that, as the controller requests it."""
        limit = Fraction(max(0.0, seconds)).limit_denominator(100_000)
        return max((pts_s for pts_s in self._times if pts_s <= limit), default=self._times[0])

    def _wait(self, seconds: float) -> None:
        from PySide6.QtWidgets import QApplication

        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            QApplication.processEvents()


def scrub(video: Path, model: str, clicks: int) -> list[str]:
    """Opens the window on an analysed video; returns the report."""
    from PySide6.QtWidgets import QApplication

    from app.core.settings import Settings
    from app.ui.main import build_window

    times = times_of(video)
    application = QApplication(sys.argv[:1])
    settings = Settings()
    window = build_window(application, replace(settings, model=replace(settings.model, name=model)), None)
    window.show()
    window.open_source(str(video))
    end = time.monotonic() + _TIMEOUT_S
    while not window.stage.timeline.isVisible():
        application.processEvents()
        if time.monotonic() > end:
            raise SystemExit("no timeline: the video is not analysed by this model, or shows nothing at the threshold")
    window.services.controller.playback.toggle_pause()
    clicker, chance = Clicker(window, times), random.Random(1)
    clicker.click(0.5)  # the first one waits for whatever is still being loaded
    clicked = [clicker.click(chance.random()) for _ in range(clicks)]
    dragged = [clicker.drag(*sorted((chance.random(), chance.random()))) for _ in range(max(4, clicks // 5))]
    window.close()
    return [
        f"{what}, {which:19} {_row([times[number] for times in took])}"
        for what, took in (("click on the timeline", clicked), ("drag of the slider   ", dragged))
        for number, which in enumerate(("first boxes", "the frame itself"))
    ]


def _row(took_ms: list[float]) -> str:
    ordered = sorted(took_ms)
    p95 = ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]
    within = sum(ms <= _WANTED_MS for ms in ordered) / len(ordered)
    return (
        f"{statistics.median(ordered):5.0f} ms median {p95:5.0f} p95 {ordered[-1]:5.0f} worst; "
        f"{within:.0%} within {_WANTED_MS} ms of {len(ordered)}"
    )


def main() -> int:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="How quickly an analysed video can be gone through.")
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--clicks", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=40, help="length of the clip that is made (40)")
    options = parser.parse_args()
    from app.core.live.cached_analysis import stores_beside

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.video is None:
            video = made_clip(folder / "made.mp4", options.seconds)
        else:
            video = options.video
            if not stores_beside(str(video)):
                video = folder / options.video.name
                video.symlink_to(options.video.resolve())
        if not stores_beside(str(video)):
            analyse(video, options.model)
        for line in scrub(video, options.model, options.clicks):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
