"""``python -m tools.measure.following``: boxes on drawn scenes between the runs of a slow detector, and held instead.

The detector is simulated: it sees one frame after the other, takes ``1 / rate`` seconds for each, misses objects and
places boxes with noise, so that what is measured is the following alone. The truth is what was drawn.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from app.core.following.follower import Follower
from detector.boxes import iou
from detector.detections import Detections
from tools.demo.motion import MovingScene
from tools.demo.scenes import Scene

FPS = 30
_SIZE = (640, 480)
_CLASSES = (0, 1, 2, 3, 0)
_SETTLED_S = 1.0  # what happens before is not counted
_MARGIN = 24  # pixels that the shaken camera may see beyond the frame


@dataclass(frozen=True)
class SimulatedDetector:
    """A detector that answers with the truth, noisy and incomplete.

    Attributes:
        rate: Frames a second it manages.
        noise: Standard deviation of a box's sides, of its size.
        misses: Share of the objects it does not see.
    """

    rate: float
    noise: float = 0.03
    misses: float = 0.1

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Detections:
        """Returns noisy detections of ``scene``."""
        seen = rng.random(len(scene.boxes_xyxy)) >= self.misses
        boxes = scene.boxes_xyxy[seen]
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        boxes = (boxes + rng.normal(0, self.noise, boxes.shape) * sides).astype(np.float32)
        scores = rng.uniform(0.5, 0.95, len(boxes)).astype(np.float32)
        order = np.argsort(-scores)
        return Detections(boxes[order], scores[order], scene.class_ids[seen][order])


def shaken(scene: Scene, offset: tuple[int, int]) -> Scene:
    """Returns the middle of a scene as a camera sees it that is moved by ``offset`` pixels."""
    x, y = _MARGIN + offset[0], _MARGIN + offset[1]
    width, height = _SIZE[0] - 2 * _MARGIN, _SIZE[1] - 2 * _MARGIN
    boxes = np.clip(scene.boxes_xyxy - np.array([x, y, x, y], np.float32), 0, np.array([width, height] * 2, np.float32))
    sides = boxes[:, 2:] - boxes[:, :2]
    seen = (sides > 8).all(axis=1)
    image = np.ascontiguousarray(scene.image_bgr[y : y + height, x : x + width])
    return Scene(image, boxes[seen], scene.class_ids[seen], scene.owner[y : y + height, x : x + width])


def scenes(seed: int, seconds: float, shake: float, shapes: tuple[int, ...] = _CLASSES) -> list[Scene]:
    """Draws a clip of ``FPS`` frames a second, seen by a hand-held camera that sways by ``shake`` pixels."""
    rng = np.random.default_rng(seed)
    source = MovingScene(seed, _SIZE, shapes)
    steps = rng.normal(0, 1, (int(seconds * FPS), 2))
    clip, place = [], np.zeros(2)
    for number, step in enumerate(steps):
        place = 0.85 * place + 0.5 * shake * step
        limited = np.clip(np.round(place), -_MARGIN, _MARGIN).astype(int)
        clip.append(shaken(source.frame(number / FPS), (int(limited[0]), int(limited[1]))))
    return clip


Shown = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]


def play(clip: list[Scene], detector: SimulatedDetector, seed: int) -> tuple[list[Shown], list[Shown]]:
    """Runs following and holding over a clip; returns what each showed on every frame."""
    rng = np.random.default_rng(seed)
    follower = Follower()
    followed, held = [], []
    last, busy_with, done_at = Detections.empty(), None, 0.0
    for number, scene in enumerate(clip):
        now_s = number / FPS
        follower.advance(number, scene.image_bgr)
        if busy_with is not None and now_s >= done_at:
            last = detector(clip[busy_with], rng)
            follower.detected(busy_with, Fraction(busy_with, FPS), last)
            busy_with = None
        if busy_with is None:
            busy_with, done_at = number, now_s + 1 / detector.rate
        objects = follower.objects()
        boxes = np.array([each.box_xyxy for each in objects], np.float32).reshape(-1, 4)
        followed.append((boxes, np.array([each.class_id for each in objects], np.int32)))
        held.append((last.boxes_xyxy, last.class_ids))
    return followed, held


def mean_iou(clip: list[Scene], shown: list[Shown]) -> tuple[float, float]:
    """Returns the mean IoU of each drawn object with its best box (0 without one), and wrong boxes a frame."""
    best: list[float] = []
    extra = frames = 0
    for scene, (boxes, classes) in list(zip(clip, shown, strict=True))[int(_SETTLED_S * FPS) :]:
        overlap = iou(scene.boxes_xyxy, boxes)
        overlap[scene.class_ids[:, None] != classes[None]] = 0
        best += overlap.max(axis=1).tolist() if overlap.size else [0.0] * len(scene.boxes_xyxy)
        extra += int((overlap.max(axis=0) < 0.3).sum()) if overlap.size else len(boxes)
        frames += 1
    return float(np.mean(best)), extra / frames


def jitter(scene: Scene, shown: list[Shown]) -> float:
    """Returns how much boxes tremble on a scene in which nothing moves: standard deviation of an edge, of its side."""
    places: list[list[npt.NDArray[np.float32]]] = [[] for _ in scene.boxes_xyxy]
    for boxes, classes in shown[int(_SETTLED_S * FPS) :]:
        overlap = iou(scene.boxes_xyxy, boxes)
        overlap[scene.class_ids[:, None] != classes[None]] = 0
        for row in np.flatnonzero(overlap.max(axis=1, initial=0) > 0.5):
            places[row].append(boxes[overlap[row].argmax()])
    sides = np.tile(scene.boxes_xyxy[:, 2:] - scene.boxes_xyxy[:, :2], 2)
    spread = [np.std(seen, axis=0) / side for seen, side in zip(places, sides, strict=True) if seen]
    return float(np.sqrt(np.mean(np.square(spread))))


def main() -> None:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="Boxes between the runs of a slow detector.")
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--shake", type=float, default=2.0, help="pixels")
    options = parser.parse_args()
    clips = [scenes(seed, options.seconds, options.shake) for seed in range(options.clips)]
    print("detector   followed IoU  wrong/frame   held IoU  wrong/frame")
    for rate in (3, 5, 10):
        rows = []
        for seed, clip in enumerate(clips):
            followed, held = play(clip, SimulatedDetector(rate), seed)
            rows.append([*mean_iou(clip, followed), *mean_iou(clip, held)])
        one, wrong, other, missed = np.mean(rows, axis=0)
        print(f"{rate:>5}/s     {one:10.3f}  {wrong:11.2f} {other:10.3f}  {missed:11.2f}")
    still = [clips[0][0]] * (30 * FPS)
    followed, held = play(still, SimulatedDetector(5), 0)
    ours, theirs = (jitter(still[0], shown) for shown in (followed, held))
    print(f"still scene, 5/s: boxes tremble by {ours:.1%} of their sides, the detector's own by {theirs:.1%}")


if __name__ == "__main__":
    main()
