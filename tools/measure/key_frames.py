"""``python -m tools.measure.key_frames VIDEO… [--model NAME]``: how much ``--detect-every`` finds of all there is.

The network sees every frame once; that is the reference, as far as it scores 0.5. Then only every Nth answer is used,
with motion between, and the same with the last answer held. A detection counts as found when one of its class overlaps
it with an IoU of 0.5 and scores 0.5 itself. Scores that flicker around 0.5 cost much of that, so two more numbers stand
beside it: by place alone, where whatever scores 0.2 may be the other half of a pair; and how well the network agrees
with itself when each frame has been through a JPEG of quality 95, which no eye can tell from the frame.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from app.core.export.key_frames import follow_between
from app.core.frames import DecodedFrame, ImageBGR
from app.core.models import open_model_for_batches
from app.core.settings import ModelSettings
from app.core.sources.video import VideoReader
from app.core.tracking.tracker import with_unsure
from detector.boxes import iou
from detector.detections import DetectionFilter, Detections

_SURE, _SAME, _JPEG_QUALITY = 0.5, 0.5, 95
_KEPT = with_unsure(DetectionFilter(_SURE, 0.45))


def every_frame(frames: Sequence[DecodedFrame], model: ModelSettings, jpeg: bool = False) -> list[Detections]:
    """Returns what the network finds in each frame, also what is not sure; if asked, in a JPEG of it."""
    with open_model_for_batches(model) as detector:
        images = (_through_jpeg(frame.image_bgr) if jpeg else frame.image_bgr for frame in frames)
        return [detector.candidates_batch([image], 0.45, 0.05)[0].detections(_KEPT) for image in images]


def _through_jpeg(image_bgr: ImageBGR) -> ImageBGR:
    _, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def f1(reference: Sequence[Detections], answers: Sequence[Detections], by_place: bool = False) -> float:
    """Returns the F1 of the sure detections of both; each is the other half of one pair at most.

    Args:
        reference: What is to be found, frame by frame.
        answers: What was.
        by_place: A sure detection may also be paired with one that is not.
    """
    hits = wrong = missed = 0
    for wanted, given in zip(reference, answers, strict=True):
        pairs = [
            (a, b) for a, b in _pairs(wanted, given) if by_place or min(wanted.scores[a], given.scores[b]) >= _SURE
        ]
        found = sum(max(wanted.scores[a], given.scores[b]) >= _SURE for a, b in pairs)
        hits += found
        missed += len(wanted.above(_SURE)) - sum(wanted.scores[a] >= _SURE for a, _ in pairs)
        wrong += len(given.above(_SURE)) - sum(given.scores[b] >= _SURE for _, b in pairs)
    return 2 * hits / max(1, 2 * hits + wrong + missed)


def _pairs(wanted: Detections, given: Detections) -> list[tuple[int, int]]:
    """Rows of the same class in the same place, those that are sure on both sides first, then the best overlaps."""
    overlap = iou(wanted.boxes_xyxy, given.boxes_xyxy).astype(np.float64)
    overlap[(wanted.class_ids[:, None] != given.class_ids[None]) | (overlap < _SAME)] = 0
    overlap += (overlap > 0) * ((wanted.scores[:, None] >= _SURE) & (given.scores[None] >= _SURE))
    pairs = []
    while overlap.size and overlap.max() > 0:
        row, column = (int(i) for i in np.unravel_index(overlap.argmax(), overlap.shape))
        overlap[row], overlap[:, column] = 0, 0
        pairs.append((row, column))
    return pairs


def followed(frames: Sequence[DecodedFrame], reference: Sequence[Detections], every: int) -> list[Detections]:
    """Returns the detections of every frame from those of every Nth."""

    def ask(runs: Sequence[Sequence[DecodedFrame]]) -> list[Detections]:
        return [reference[run[-1].index] for run in runs]

    return [each.detections for each in follow_between(frames, every, ask, 1)]


def main() -> None:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="What --detect-every finds of what every frame gives.")
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--model", default=ModelSettings().name)
    options = parser.parse_args()
    print(f"{'video':<34} every   F1 followed   held   followed, by place   every frame through JPEG")
    for path in options.videos:
        reader = VideoReader(path)
        frames = []
        while (frame := reader.read_frame()) is not None:
            frames.append(frame)
        reader.close()
        reference = every_frame(frames, ModelSettings(options.model))
        itself = f1(reference, every_frame(frames, ModelSettings(options.model), jpeg=True))
        for every in (3, 5):
            held = [reference[index // every * every] for index in range(len(frames))]
            carried = followed(frames, reference, every)
            scores = (
                f"{f1(reference, carried):11.3f}   {f1(reference, held):.3f}   {f1(reference, carried, True):18.3f}"
            )
            print(f"{path.name:<34} {every:>5}   {scores}   {itself:24.3f}", flush=True)


if __name__ == "__main__":
    main()
