"""``python -m tools.measure.tracking``: numbers of objects on drawn scenes, judged by somebody else's evaluator.

Shapes move, turn, breathe and hide each other before a swaying camera. To the tracker all are of two classes; who is
who is known from the drawing. The detector is simulated: it misses some, places boxes with noise and sees things that
are not there.

HOTA, MOTA and IDF1 are computed by TrackEval, the evaluator of MOTChallenge. It asks for another OpenCV than ours, so
it is installed without what it asks for: ``pip install --no-deps trackeval``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from app.core.export.key_frames import follow_between
from app.core.following.follower import Follower
from app.core.frames import DecodedFrame
from app.core.tracking.tracker import Tracker
from detector.boxes import iou
from detector.detections import Detections
from tools.demo.scenes import Scene
from tools.measure.following import FPS, SimulatedDetector, scenes

_SHAPES = (0, 1, 2, 3, 4, 5)
_DETECTOR = SimulatedDetector(rate=FPS)
_FALSE_ALARMS = 0.1  # a frame


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """Numbered boxes of one frame.

    Attributes:
        numbers: Int64[N].
        boxes_xyxy: Float32[N, 4], pixels.
    """

    numbers: npt.NDArray[np.int64]
    boxes_xyxy: npt.NDArray[np.float32]


def found_in(clip: Sequence[Scene], seed: int) -> list[Detections]:
    """Returns what the detector finds in each frame."""
    rng = np.random.default_rng(seed)
    return [_with_false_alarm(_DETECTOR(scene, rng), scene, rng) for scene in clip]


def _with_false_alarm(found: Detections, scene: Scene, rng: np.random.Generator) -> Detections:
    boxes, scores, classes = found.boxes_xyxy, found.scores, found.class_ids % 2
    if rng.random() < _FALSE_ALARMS:
        height, width = scene.image_bgr.shape[:2]
        x, y = rng.uniform(0, width - 50), rng.uniform(0, height - 50)
        boxes = np.concatenate((boxes, np.array([[x, y, x + 50, y + 50]], np.float32)))
        scores, classes = np.append(scores, np.float32(0.5)), np.append(classes, np.int32(0))
    return Detections(boxes, scores, classes)  # 0.5 is the least there is: the best still come first


def every_frame(clip: Sequence[Scene], found: Sequence[Detections]) -> list[Numbered]:
    """As an export does with the network on every frame."""
    tracker = Tracker()
    return [_numbered(tracker.update(Fraction(i, FPS), each), each.boxes_xyxy) for i, each in enumerate(found)]


def every_nth(clip: Sequence[Scene], found: Sequence[Detections], every: int) -> list[Numbered]:
    """As an export does with the network on every Nth frame."""
    frames = [DecodedFrame(scene.image_bgr, i, Fraction(i, FPS)) for i, scene in enumerate(clip)]

    def ask(runs: Sequence[Sequence[DecodedFrame]]) -> list[Detections]:
        return [found[run[-1].index] for run in runs]

    carried = [each.detections.above(0.5) for each in follow_between(frames, every, ask, 1)]
    return every_frame(clip, carried)


def live(clip: Sequence[Scene], found: Sequence[Detections], rate: int) -> list[Numbered]:
    """As the live view does with a detector that takes ``1 / rate`` seconds: its answers come late."""
    follower, busy_with, shown = Follower(), 0, []
    for i, scene in enumerate(clip):
        follower.advance(i, scene.image_bgr)
        if i - busy_with >= FPS // rate:
            follower.detected(busy_with, Fraction(busy_with, FPS), found[busy_with])
            busy_with = i
        objects = follower.objects()
        boxes = np.array([each.box_xyxy for each in objects], np.float32).reshape(-1, 4)
        shown.append(_numbered([each.tracker_id for each in objects], boxes))
    return shown


def _numbered(numbers: Sequence[int | None], boxes_xyxy: npt.NDArray[np.float32]) -> Numbered:
    there = [i for i, number in enumerate(numbers) if number is not None]
    return Numbered(np.array([numbers[i] for i in there], np.int64), boxes_xyxy[there])


def as_sequence(clip: Sequence[Scene], shown: Sequence[Numbered]) -> dict[str, Any]:
    """Returns truth and answer as TrackEval's metrics take them: numbers from 0 without gaps."""
    given = {number: i for i, number in enumerate(sorted({n for each in shown for n in each.numbers.tolist()}))}
    return {
        "num_timesteps": len(clip),
        "num_gt_ids": len(_SHAPES),
        "num_tracker_ids": len(given),
        "num_gt_dets": sum(len(scene.class_ids) for scene in clip),
        "num_tracker_dets": sum(len(each.numbers) for each in shown),
        "gt_ids": [scene.class_ids.astype(int) for scene in clip],
        "tracker_ids": [np.array([given[n] for n in each.numbers.tolist()], int) for each in shown],
        "similarity_scores": [
            iou(scene.boxes_xyxy, each.boxes_xyxy).astype(float) for scene, each in zip(clip, shown, strict=True)
        ],
    }


def judge(sequences: Sequence[dict[str, Any]]) -> str:
    """Returns a line with TrackEval's scores over all sequences."""
    from trackeval.metrics import CLEAR, HOTA, Identity

    scores: dict[str, Any] = {}
    for metric in (HOTA(), CLEAR({"PRINT_CONFIG": False}), Identity({"PRINT_CONFIG": False})):
        scores |= metric.combine_sequences({str(i): metric.eval_sequence(each) for i, each in enumerate(sequences)})
    shares = [float(np.mean(scores[name])) for name in ("HOTA", "DetA", "AssA", "MOTA", "IDF1")]
    return "  ".join(f"{share:.3f}" for share in shares) + f"  {int(scores['IDSW']):>8}"


def main() -> None:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="Numbers of objects on drawn scenes, judged by TrackEval.")
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--shake", type=float, default=2.0, help="pixels")
    options = parser.parse_args()
    clips = [scenes(seed, options.seconds, options.shake, _SHAPES) for seed in range(options.clips)]
    found = [found_in(clip, seed) for seed, clip in enumerate(clips)]
    ways: dict[str, Callable[[Sequence[Scene], Sequence[Detections]], list[Numbered]]] = {
        "every frame": every_frame,
        "every 3rd frame": lambda clip, seen: every_nth(clip, seen, 3),
        "every 5th frame": lambda clip, seen: every_nth(clip, seen, 5),
        "live, 10 a second": lambda clip, seen: live(clip, seen, 10),
        "live, 5 a second": lambda clip, seen: live(clip, seen, 5),
    }
    print(f"{'network sees':<18} HOTA   DetA   AssA   MOTA   IDF1   switches")
    for name, way in ways.items():
        lines = [as_sequence(clip, way(clip, seen)) for clip, seen in zip(clips, found, strict=True)]
        print(f"{name:<18} {judge(lines)}", flush=True)


if __name__ == "__main__":
    main()
