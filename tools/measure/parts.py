"""Measures painting, pre- and post-processing of a frame on this computer: `python -m tools.measure.parts`.

Paints a 1280 x 720 frame with 50 labelled boxes into a window of that size and of 1600 x 900. Post-processes random
outputs of SSD300 with 91 classes, mostly background as in a trained network. Pre-processes a 1280 x 720 frame into the
input of a network. Times are medians of 200 runs after a warm-up.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from app.core.frames import FrameResult

RUNS = 200
WARM_UP = 20


def typical_ms(work: Callable[[], object]) -> float:
    """Returns the median time of a run, milliseconds."""
    times = []
    for _ in range(WARM_UP + RUNS):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times[WARM_UP:])


def moving_results() -> list[FrameResult]:
    """Returns a 1280 x 720 frame fifty times, with fifty boxes that move a little, and their scores with them."""
    from app.core.frames import Frame, FrameResult
    from detector.detections import Candidates
    from detector.labels import COCO80

    draw = np.random.default_rng(0)
    bgra = draw.integers(0, 256, (720, 1280, 4), np.uint8)
    frame = Frame(bgra[..., :3].copy(), bgra, 0, None, 0)
    centres, sizes = draw.uniform((100, 100), (1180, 620), (50, 2)), draw.uniform(30, 180, (50, 2))
    classes, certain = draw.integers(0, 80, 50).astype(np.int32), np.linspace(0.95, 0.55, 50)
    results = []
    for _ in range(50):
        moved = centres + draw.normal(0, 2, (50, 2))
        boxes = np.concatenate([moved - sizes / 2, moved + sizes / 2], axis=1).astype(np.float32)
        scores = np.sort((certain + draw.normal(0, 0.02, 50)).astype(np.float32))[::-1].copy()
        candidates = Candidates(boxes, scores, classes, np.ones(50, np.bool_))
        results.append(FrameResult(frame, candidates, COCO80, "", 0.0, 0))
    return results


def painting() -> list[str]:
    """Times ``VideoView.paintEvent`` in a visible window, from a new result to the painted frame and boxes."""
    from PySide6.QtGui import QPaintEvent
    from PySide6.QtWidgets import QApplication

    from app.core.settings import DetectionSettings, OverlaySettings
    from app.ui.view.video_view import VideoView

    class Timed(VideoView):
        def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  # Qt's name
            begun = time.perf_counter()
            super().paintEvent(event)
            times.append((time.perf_counter() - begun) * 1000)

    application = QApplication.instance() or QApplication(sys.argv[:1])
    results = moving_results()
    lines = []
    for width, height in ((1280, 720), (1600, 900)):
        times: list[float] = []
        view = Timed()
        view.resize(width, height)
        view.set_look(DetectionSettings(), OverlaySettings())
        view.show()
        application.processEvents()
        times.clear()
        for run in range(WARM_UP + RUNS):
            view.show_result(results[run % len(results)])
            view.repaint()
        lines.append(f"paint 1280x720 and 50 boxes into {width}x{height}   {statistics.median(times[WARM_UP:]):.2f} ms")
        view.deleteLater()
    return lines


def outputs(seen: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Returns locs and logits of SSD300 with 91 classes for a frame in which ``seen`` default boxes see an object."""
    draw = np.random.default_rng(seen)
    locs = draw.normal(0, 1, (1, 8732, 4)).astype(np.float32)
    logits = draw.normal(0, 1, (1, 8732, 91)).astype(np.float32)
    logits[..., 0] += 12
    rows = draw.choice(8732, seen, replace=False)
    logits[0, rows, draw.integers(1, 91, seen)] += 12
    return locs, logits


def post_processing() -> list[str]:
    """Times ``detector.postprocess.postprocess``."""
    from detector.config import SSD300_COCO
    from detector.default_boxes import default_boxes
    from detector.postprocess import postprocess
    from detector.spec import PostprocessSpec

    defaults = default_boxes(SSD300_COCO)
    lines = []
    for seen in (0, 200, 2000):
        locs, logits = outputs(seen)

        def work(locs: npt.NDArray[np.float32] = locs, logits: npt.NDArray[np.float32] = logits) -> list[object]:
            return list(postprocess(locs, logits, defaults, PostprocessSpec(), [(720, 1280)]))

        found = len(postprocess(locs, logits, defaults, PostprocessSpec(), [(720, 1280)])[0])
        lines.append(f"post-processing, {found:5d} candidates              {typical_ms(work):.2f} ms")
    return lines


def pre_processing() -> list[str]:
    """Times ``detector.preprocess.InputBuilder``."""
    from detector.preprocess import InputBuilder
    from detector.registry import MODELS

    frame = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    lines = []
    for name in ("ssd300-vgg16-coco", "ssdlite320-mobilenetv3-coco"):
        build = InputBuilder(MODELS[name].input)
        lines.append(f"pre-processing 1280x720, {name:28s}{typical_ms(partial(build, [frame])):.2f} ms")
    return lines


def main() -> int:
    """Measures and prints."""
    for line in (*painting(), *pre_processing(), *post_processing()):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
