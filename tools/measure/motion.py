"""``python -m tools.measure.motion``: what motion costs, whether it drifts, and how much time ``--detect-every`` saves.

The cost is processor time of one core for each drawn 720p frame, estimating and moving boxes, with few boxes and many.
The drift is that of boxes on a still scene after a minute of noise. With ``--video`` and ``--model``, the video is
analysed with the network on every frame and on every fifth, in turns.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportRequest
from app.core.frames import ImageBGR
from app.core.motion.boxes import moved
from app.core.motion.estimator import MotionEstimator
from app.core.motion.similarity import Floats
from app.core.settings import ModelSettings
from tools.demo.motion import MovingScene

_SIZE, _FPS = (1280, 720), 30
_SHAPES = (0, 1, 2, 3, 4, 5)
_BOXES = (1, 10, 50)
_NOISE = 4.0  # grey levels
_EVERY = 5


def boxes_at_random(count: int, rng: np.random.Generator) -> Floats:
    """Returns Float64[count, 4] boxes within the frame, pixels."""
    corners = rng.uniform(0, 1, (count, 2)) * np.array([_SIZE[0] - 200, _SIZE[1] - 200])
    return np.concatenate((corners, corners + rng.uniform(60, 200, (count, 2))), axis=1)


def cost_ms(images: Sequence[ImageBGR], boxes_xyxy: Floats) -> tuple[float, float]:
    """Returns processor milliseconds a frame: the median, and what a tenth of the frames stays below."""
    estimator, spent = MotionEstimator(), []
    for image in images:
        started = time.process_time()
        motion = estimator.update(image)
        if motion is not None and not motion.cut:
            moved(boxes_xyxy, motion)
        spent.append((time.process_time() - started) * 1000)
    return statistics.median(spent), statistics.quantiles(spent[1:], n=10)[0]


def drift_px(image: ImageBGR, boxes_xyxy: Floats, seconds: float) -> float:
    """Returns how far the worst edge of a box is off after so long on a still scene with noise."""
    rng, estimator, boxes = np.random.default_rng(1), MotionEstimator(), boxes_xyxy
    for _ in range(int(seconds * _FPS)):
        noisy = image + np.float32(_NOISE) * rng.standard_normal(image.shape, np.float32)
        motion = estimator.update(np.clip(noisy, 0, 255).astype(np.uint8))
        boxes = boxes if motion is None else moved(boxes, motion)
    return float(np.abs(boxes - boxes_xyxy).max())


def analysis_s(video: Path, model: str, every: int) -> float:
    """Returns the seconds in which a video is analysed, opening the model included."""
    with tempfile.TemporaryDirectory() as folder:
        data = (DataFile(Path(folder) / "out.jsonl", "jsonl"),)
        request = ExportRequest(video, None, data, model=ModelSettings(model), cache="drop", detect_every=every)
        started = time.monotonic()
        ExportJob(request).run()
        return time.monotonic() - started


def main() -> None:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="Cost and drift of motion, and the time it saves.")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the still scene")
    parser.add_argument("--video", type=Path)
    parser.add_argument("--model", default=ModelSettings().name)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    scene, rng = MovingScene(1, _SIZE, _SHAPES), np.random.default_rng(2)
    images = [scene.frame(number / _FPS).image_bgr for number in range(2 * _FPS)]
    for count in _BOXES:
        median, least = cost_ms(images, boxes_at_random(count, rng))
        print(f"{count:>3} boxes   {median:.2f} ms of one core a frame of 1280 x 720; a tenth below {least:.2f}")
    drift = drift_px(images[0], boxes_at_random(10, rng), options.seconds)
    print(f"drift on a still scene after {options.seconds:.0f} s: {drift:.2f} px")
    if options.video is None:
        return
    ratios = []
    for _ in range(options.rounds):
        whole, part = (analysis_s(options.video, options.model, every) for every in (1, _EVERY))
        ratios.append(whole / part)
        print(f"every frame {whole:.1f} s, every {_EVERY}th {part:.1f} s: {whole / part:.2f} times as fast", flush=True)
    print(f"median: {statistics.median(ratios):.2f} times as fast")


if __name__ == "__main__":
    main()
