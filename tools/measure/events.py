"""``python -m tools.measure.events``: how long a question about an hour of video with 20,000 objects takes."""

from __future__ import annotations

import argparse
import statistics
import time
from fractions import Fraction

import numpy as np

from app.core.candidate_cache.store_format import StoredFrame
from app.core.events.find import find_events
from app.core.events.geometry import anchors_of
from app.core.events.scene import Line, Scene, Zone
from app.core.events.trajectories import Trajectories, follow_frames
from detector.detections import Candidates, DetectionFilter

_FPS = 25
_SIGHTINGS = 75  # three seconds each
SCENE = Scene(
    (Zone("left", ((0.2, 0.2), (0.6, 0.2), (0.6, 0.8), (0.2, 0.8))),),
    (Line("down", ((0.5, 0.0), (0.5, 1.0))), Line("across", ((0.0, 0.5), (1.0, 0.5)))),
)


def hour(objects: int) -> Trajectories:
    """Objects that walk in straight lines, at random, with random scores."""
    rng = np.random.default_rng(1)
    frame_count = 3600 * _FPS
    steps = np.arange(_SIGHTINGS)
    frames = (np.sort(rng.integers(0, frame_count - _SIGHTINGS, objects))[:, None] + steps).ravel()
    x = rng.uniform(0, 1500, objects)[:, None] + steps * rng.uniform(-6, 6, objects)[:, None]
    y = rng.uniform(200, 900, objects)[:, None] + steps * rng.uniform(-3, 3, objects)[:, None]
    boxes = np.stack((x, y - 150, x + 60, y), axis=-1).reshape(-1, 4).astype(np.float32)
    return Trajectories(
        labels=("person", "car"),
        size=(1920, 1080),
        pts_s=tuple(Fraction(index, _FPS) for index in range(frame_count)),
        floor=0.1,
        tracks=np.repeat(np.arange(1, objects + 1), _SIGHTINGS),
        class_ids=np.repeat(rng.integers(0, 2, objects), _SIGHTINGS).astype(np.int32),
        frames=frames,
        times_s=frames / _FPS,
        boxes_xyxy=boxes,
        anchors=anchors_of(boxes, 1920, 1080),
        scores=rng.uniform(0.2, 1.0, len(frames)).astype(np.float32),
    )


def followed_s(frame_count: int) -> float:
    """CPU seconds to follow three objects through so many frames, which happens once for a video."""
    boxes = np.array([[100, 100, 160, 250], [500, 300, 560, 450], [900, 500, 960, 650]], np.float32)
    found = Candidates(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.zeros(3, np.int32))
    frames = [StoredFrame(Fraction(index, _FPS), 1920, 1080, found) for index in range(frame_count)]
    started = time.process_time()
    follow_frames(frames, ("person",), DetectionFilter(0.1))
    return time.process_time() - started


def main() -> int:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="Speed of questions about events.")
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    seen = hour(options.objects)
    seconds = []
    for number in range(options.rounds):
        started = time.process_time()
        events = find_events(seen, 0.3 + 0.05 * number, SCENE)
        seconds.append(time.process_time() - started)
    print(f"{len(events)} events: {statistics.median(seconds):.2f} s of CPU a question (median of {options.rounds})")
    print(f"following three objects: {followed_s(5000) / 5000 * 1e6:.0f} us of CPU a frame, once for a video")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
