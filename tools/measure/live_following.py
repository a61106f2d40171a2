"""``python -m tools.measure.live_following [--minutes 10]``: a live view without a window, boxes followed all the time.

The source is a camera of 30 frames a second that shows the sample clip forward and backward without end; the detector
is the model, held back to a few answers a second. Prints the rate and age of the frames that come out, how many were
followed, and memory.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from app.core.frames import Frame, FrameResult, ImageBGR, SourceInfo
from app.core.live import LiveEvent, LiveSession
from app.core.models import open_model
from app.core.settings import DetectionSettings, ModelSettings
from app.core.sources.base import SourceOptions, frame_from_bgr
from app.core.sources.video import VideoReader
from detector.bundled_files import bundled_path
from detector.detections import Candidates
from detector.runtime.base import AnyFrame, Detector
from tools.measure.window import resident_mb

_FPS = 30
_CLIP_FRAMES = 120
_SAMPLE_EVERY_S = 5.0


def sample_images() -> list[ImageBGR]:
    """Returns the first frames of the sample clip."""
    reader = VideoReader(bundled_path("assets") / "demo.mp4")
    images: list[ImageBGR] = []
    while len(images) < _CLIP_FRAMES and (frame := reader.read_frame()) is not None:
        images.append(frame.image_bgr)
    reader.close()
    return images


class SwingingCamera:
    """A source that shows images forward and backward at a camera's rate."""

    def __init__(self, images: Sequence[ImageBGR]) -> None:
        self._images = [*images, *images[-2:0:-1]]
        height, width = images[0].shape[:2]
        self.info = SourceInfo("camera", "swinging camera", width, height, Fraction(_FPS))
        self.reopen_uri = "camera:0"
        self._index = 0
        self._begun = time.monotonic()
        self._closed = threading.Event()

    def read(self) -> Frame | None:
        """Returns the next frame when it is due."""
        self._closed.wait(max(0.0, self._begun + self._index / _FPS - time.monotonic()))
        image = self._images[self._index % len(self._images)].copy()
        self._index += 1
        return frame_from_bgr(image, self._index - 1, None, time.monotonic_ns())

    def take_notes(self) -> tuple[str, ...]:
        """Returns nothing."""
        return ()

    def close(self) -> None:
        """Ends a wait."""
        self._closed.set()


def held_back(detector: Detector, rate: float) -> Detector:
    """Makes a detector answer so many times a second at most."""
    look, patience = detector.candidates_batch, threading.Event()

    def slow(
        frames: Sequence[AnyFrame], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        begun = time.monotonic()
        found = look(frames, iou_threshold, min_score)
        patience.wait(max(0.0, 1 / rate - (time.monotonic() - begun)))
        return found

    detector.candidates_batch = slow  # type: ignore[method-assign] # the one thing that is held back
    return detector


def watch(session: LiveSession, seconds: float) -> list[str]:
    """Takes what is shown for so long; returns the report."""
    ages: list[float] = []
    memory: list[float] = []
    followed, numbers = 0, set[int]()
    begun = sampled = time.monotonic()
    while (now := time.monotonic()) - begun < seconds:
        result: FrameResult | None = session.results.take(1.0)
        if now - sampled > _SAMPLE_EVERY_S:
            sampled = now
            memory.append(resident_mb())
        if result is None or result.candidates is None:
            continue
        ages.append((time.monotonic_ns() - result.frame.captured_ns) / 1e6)
        followed += result.followed
        numbers |= {number for number in result.numbers if number is not None}
    quarters = [memory[len(memory) * part // 4 - 1] for part in (1, 2, 3, 4)]
    p50, p95 = np.percentile(ages, (50, 95))
    return [
        f"{len(ages) / seconds:.1f} frames a second with boxes, {followed / len(ages):.0%} of them followed",
        f"age of a frame when it can be shown: {p50:.1f} ms p50, {p95:.1f} p95; a camera frame is {1000 / _FPS:.0f}",
        f"objects numbered: {len(numbers)}",
        "memory, MiB: {:.0f}, {:.0f}, {:.0f} and {:.0f} after each quarter".format(*quarters),
    ]


def main() -> None:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="A live view without a window, boxes followed all the time.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=5.0, help="answers of the detector a second")
    parser.add_argument("--model", default="demo")
    options = parser.parse_args()
    images = sample_images()

    def ignore(_: LiveEvent) -> None:
        """Nobody watches the states."""

    session = LiveSession(
        lambda: None,
        ignore,
        detector_factory=lambda settings: held_back(open_model(settings), options.rate),
        source_factory=lambda *_: SwingingCamera(images),
    )
    session.set_smoothing("on")
    session.start("camera:0", SourceOptions(), ModelSettings(options.model), DetectionSettings(threshold=0.5))
    try:
        print("\n".join(watch(session, options.minutes * 60)))
    finally:
        session.stop(10.0)


if __name__ == "__main__":
    main()
